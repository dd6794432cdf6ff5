"""Points of known origin: manifolds of known dimension r in R^d, and a known density on R^d."""

import dataclasses

import numpy as np

CENTRE, SPREAD = 0.9, 0.19**0.5  # of each factor's two clusters; its variance is 1
SCALES = (2.0, 1.0)  # standard deviations of the first and the last factor along the manifold
MEANS = ((1.5, 0.0), (-0.75, 1.3), (-0.75, -1.3))  # of the mixture on R^2
MEAN_SPREAD = 0.6  # standard deviation within each of its components


@dataclasses.dataclass(frozen=True)
class Manifold:
    """A manifold of dimension r in R^d, with a density that is nowhere 0 and not Gaussian.

    Its points are x = A S t + B sin(C t + c). The columns of A [d, r] and B [d, 2r] are
    orthonormal, so A^T x = S t: the map is a diffeomorphism of R^r onto the manifold. S is
    diagonal, from 2 to 1. Each factor t_j is drawn on its own, from one of two Gaussian clusters.
    A linear manifold has B = 0.

    Args:
      r: dimension of the manifold.
      d: dimension of the space; at least 3 r.
      curved: False for the linear one.
      seed: int, of A, B, C and c.
    """

    r: int
    d: int
    curved: bool
    seed: int

    def points(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draws `count` points: float32 [count, d]."""
        return self.embed(factors(count, self.r, rng)).astype(np.float32)

    def embed(self, t: np.ndarray) -> np.ndarray:
        """The points of factors t [N, r]: float64 [N, d]."""
        rng = np.random.default_rng(self.seed)
        basis = np.linalg.qr(rng.standard_normal((self.d, 3 * self.r)))[0]  # [A B]
        bend = rng.standard_normal((self.r, 2 * self.r)) / np.sqrt(self.r)  # C^T
        phase = rng.uniform(0, 2 * np.pi, 2 * self.r)  # c
        x = (t * np.linspace(*SCALES, self.r)) @ basis[:, : self.r].T
        return x + np.sin(t @ bend + phase) @ basis[:, self.r :].T if self.curved else x


def factors(count: int, r: int, rng: np.random.Generator) -> np.ndarray:
    """Draws t: float64 [count, r], each entry from N(-0.9, 0.19) or N(0.9, 0.19)."""
    signs = rng.choice((-1.0, 1.0), (count, r))
    return CENTRE * signs + SPREAD * rng.standard_normal((count, r))


def mixture_points(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws from three Gaussians on R^2: float32 [count, 2]. Their density is nowhere 0."""
    means = np.array(MEANS)[rng.integers(len(MEANS), size=count)]
    return (means + MEAN_SPREAD * rng.standard_normal(means.shape)).astype(np.float32)


def mixture_log_density(x: np.ndarray) -> np.ndarray:
    """log p_gt of points [N, 2], nats: float64 [N]."""
    squares = np.square(x[:, None, :] - np.array(MEANS)).sum(axis=2) / MEAN_SPREAD**2  # [N, 3]
    constant = np.log(len(MEANS)) + np.log(2 * np.pi * MEAN_SPREAD**2)
    return np.logaddexp.reduce(-squares / 2, axis=1) - constant
