"""The numbers behind the paper's Figures 1, 10 and 11; `plots` draws them.

gamma over training (Figure 1, left) needs no computation: it is a column of `stage1.csv`.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from tf_twostage import recipes
from tf_twostage.data.storage import pieces
from tf_twostage.errors import InputError
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.models.networks import Posterior

DRAWS = 10_000  # latents behind the singular values, at most
ROWS = 10  # directions shown by `noise_along_directions`


class NoiseRow(NamedTuple):
    """One row of Figure 10: what noise along one latent direction does to an image."""

    dimension: int  # j, the direction's index in z
    lambda_: float  # lambda_j
    images: np.ndarray  # [count, H, W, C] float32 0..1, from the least to the greatest noise
    variance: float  # mean over pixels and channels of the variance over `images`, (0..1)^2


class Draws(NamedTuple):
    """Equally many draws from each law, float [n, kappa]."""

    z: np.ndarray  # z ~ q(z)
    u: np.ndarray | None  # u ~ q(u); None where stage 2 is not trained
    normal: np.ndarray  # i.i.d. N(0, I)


class SingularValues(NamedTuple):
    """Spectra of matrices [n, kappa], descending, divided by sqrt(n); [min(n, kappa)].

    An i.i.d. N(0, I) matrix has all of them near 1.
    """

    z: np.ndarray
    u: np.ndarray | None
    normal: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Latents:
    """What all numbers and figures of the latent space are made of."""

    posterior: Posterior  # q(z|x) of the N training images, [N, kappa] each
    lambda_: np.ndarray  # [kappa], `eigenvalues` of it
    draws: Draws

    @functools.cached_property
    def spectra(self) -> SingularValues:
        """Those of the draws."""
        return singular_values(self.draws)


def latents(model: LatentModel, posterior: Posterior, seed: int) -> Latents:
    """The latents of a trained model.

    Args:
      model: only its second stage is used, where it is trained.
      posterior: q(z|x) of the training images, [N, kappa] each.
      seed: int >= 0, of all draws.
    """
    found = draws(model, *posterior, DRAWS, seed)
    return Latents(posterior, eigenvalues(posterior.stddev), found)


def eigenvalues(stddev: np.ndarray) -> np.ndarray:
    """lambda_j, the mean over examples of sd_z_j^2: eigenvalues of Sigma_z (section 3, Figure 11).

    Args:
      stddev: standard deviations of q(z|x), [N, kappa], N >= 1.

    Returns:
      float64 [kappa], in the order of the latent dimensions: near 0 where the dimension carries
      the manifold, near 1 where it is superfluous.

    Raises:
      ValueError: stddev is not [N, kappa] with N >= 1.
    """
    if np.ndim(stddev) != 2 or not len(stddev):
        raise ValueError(f"stddev must be [N, kappa] with N >= 1, not {np.shape(stddev)}")
    squares = (np.square(piece, dtype=np.float64).sum(axis=0) for piece in pieces(stddev))
    return sum(squares) / len(stddev)


def active_dimensions(lambda_: np.ndarray) -> int:
    """How many of lambda_ [kappa] lie below `recipes.ACTIVE_BELOW`: they carry the manifold."""
    return int(np.sum(np.asarray(lambda_) < recipes.ACTIVE_BELOW))


def choose_dimensions(lambda_: np.ndarray, rows: int = ROWS) -> np.ndarray:
    """Up to `rows` (>= 2) dimensions, by rising lambda_j [kappa]: active ones, then superfluous.

    Of either kind they are spread evenly over its range, its extremes included. At least a fifth
    of the rows goes to either kind where it has so many dimensions.

    Returns:
      Indices int [min(rows, kappa)].
    """
    order = np.argsort(lambda_, kind="stable")
    active = active_dimensions(lambda_)
    superfluous = len(order) - active
    share = max(1, rows // 5)
    last = min(superfluous, max(share, rows - active))
    first = min(active, rows - last)
    return np.concatenate([_spread(order[:active], first), _spread(order[active:], last)])


def _spread(values: np.ndarray, count: int) -> np.ndarray:
    """`count` of `values`, evenly spaced, the first and (from two on) the last among them."""
    return values[np.linspace(0, len(values) - 1, count).round().astype(int)]


def noise_along_directions(
    model: LatentModel,
    image: np.ndarray,
    count: int = 15,
    seed: int = 0,
    *,
    lambda_: np.ndarray | None = None,
    dimensions: np.ndarray | None = None,
) -> list[NoiseRow]:
    """Decodes mu_z of one image with N(0, 1) noise along one direction a row (Figures 1, 10).

    The same noise, sorted, goes into every row, so that rows differ by their direction alone and
    read from left to right. The paper's text does not define its image variance: here it is the
    variance over the row's images, averaged over pixels and channels.

    Args:
      model: stage 1 trained.
      image: [H, W, C], uint8 0..255 or float 0..1.
      count: images a row, >= 2.
      seed: int >= 0, of the noise.
      lambda_: [kappa], `eigenvalues` over a data set; by default sd_z_j^2 of this image.
      dimensions: indices of the directions; by default `choose_dimensions(lambda_)`.

    Returns:
      A row for each dimension, by rising lambda_j.

    Raises:
      InputError: the image has another shape, dtype or range.
    """
    if np.ndim(image) != 3:
        raise InputError(f"one image [H, W, C] is needed, not {list(np.shape(image))}")
    posterior = model.encode(np.asarray(image)[None])
    lambda_ = eigenvalues(posterior.stddev) if lambda_ is None else np.asarray(lambda_)
    chosen = choose_dimensions(lambda_) if dimensions is None else np.asarray(dimensions)
    noise = np.sort(np.random.default_rng(seed).standard_normal(count)).astype(np.float32)
    rows = []
    for j in sorted(chosen.tolist(), key=lambda j: lambda_[j]):
        z = np.repeat(posterior.mean, count, axis=0)  # [count, kappa]
        z[:, j] += noise
        images = model.decode(z)
        rows.append(NoiseRow(j, float(lambda_[j]), images, float(images.var(axis=0).mean())))
    return rows


def draws(
    model: LatentModel, mean: np.ndarray, stddev: np.ndarray, count: int, seed: int = 0
) -> Draws:
    """Draws from q(z), q(u) and N(0, I).

    Args:
      model: only its second stage is used, where it is trained.
      mean, stddev: q(z|x) of N images, [N, kappa] each.
      count: n, how many; at most N are taken, each from another image.
      seed: int >= 0, of the choice of images and of all noise.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(mean))[:count]
    z = _draw(Posterior(mean[rows], stddev[rows]), rng)
    u = _draw(model.encode_latents(z), rng) if 2 in model.trained else None
    return Draws(z, u, rng.standard_normal(z.shape))


def singular_values(found: Draws) -> SingularValues:
    """The spectra of all draws (Figure 1, right)."""
    return SingularValues(*(None if matrix is None else spectrum(matrix) for matrix in found))


def _draw(posterior: Posterior, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(posterior.mean.shape, dtype=np.float32)
    return posterior.mean + posterior.stddev * noise


def spectrum(samples: np.ndarray) -> np.ndarray:
    """Singular values of draws [n, kappa], descending, over sqrt(n): [min(n, kappa)]."""
    values = np.linalg.svd(samples.astype(np.float64), compute_uv=False)
    return values / np.sqrt(len(samples))
