"""Numbers of the latent space: KL of each dimension, lambda_j, the distance to N(0, I)."""

import numpy as np

from tf_twostage import recipes
from tf_twostage.data.storage import pieces
from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.diagnostics import Latents
from tf_twostage.evaluation.theory import mmd
from tf_twostage.metrics import LatentSpace, Normality
from tf_twostage.models.networks import Posterior

MMD_DRAWS = 1_000  # of each law, at most: the test looks at all pairs
PERMUTATIONS = 199  # the least p-value is 1 / 200


def measure(latents: Latents, seed: int) -> LatentSpace:
    """The numbers of a trained model with an encoder.

    Args:
      latents: `diagnostics.latents` of it.
      seed: int >= 0, of the permutations and of the floor.
    """
    posterior, lambda_, draws = latents
    rng = np.random.default_rng(seed)
    other = rng.standard_normal(draws.normal.shape)
    noisy = bool(np.any(lambda_))
    return LatentSpace(
        kl=tuple(kl_per_dimension(posterior).tolist()) if noisy else None,
        active_share=diagnostics.active_dimensions(lambda_) / len(lambda_) if noisy else None,
        lambda_gap=lambda_gap(lambda_),
        z=normality(draws.z, draws.normal, rng),
        u=None if draws.u is None else normality(draws.u, draws.normal, rng),
        spectrum_floor=spectrum_distance(other, draws.normal),
        draws=len(draws.z),
        mmd_draws=min(MMD_DRAWS, len(draws.z)),
    )


def kl_per_dimension(posterior: Posterior) -> np.ndarray:
    """KL[q(z_j|x) || N(0, 1)] = (mu_j^2 + sd_j^2 - 2 log sd_j - 1) / 2, mean over images.

    Args:
      posterior: mean and stddev > 0, [N, kappa] each, in memory or in files.

    Returns:
      float64 [kappa], nats: near 0 where the dimension is superfluous.
    """
    total = 0.0
    for mean, stddev in zip(pieces(posterior.mean), pieces(posterior.stddev), strict=True):
        mean, stddev = mean.astype(np.float64), stddev.astype(np.float64)
        total += (np.square(mean) + np.square(stddev) - 2 * np.log(stddev) - 1).sum(axis=0) / 2
    return total / len(posterior.mean)


def lambda_gap(lambda_: np.ndarray) -> float | None:
    """The least lambda_j [kappa] above the threshold minus the greatest below it.

    Near 1 where every lambda_j has settled near 0 or near 1. None where all lie on one side.
    """
    active = lambda_ < recipes.ACTIVE_BELOW
    if active.all() or not active.any():
        return None
    return float(lambda_[~active].min() - lambda_[active].max())


def normality(found: np.ndarray, normal: np.ndarray, rng: np.random.Generator) -> Normality:
    """The distance of latents [n, kappa] to as many draws from N(0, I)."""
    test = mmd.test(found[:MMD_DRAWS], normal[:MMD_DRAWS], PERMUTATIONS, rng)
    return Normality(spectrum_distance(found, normal), test.mmd2, test.p_value)


def spectrum_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Root mean square difference of `diagnostics.spectrum` of two matrices [n, kappa]."""
    difference = diagnostics.spectrum(first) - diagnostics.spectrum(second)
    return float(np.sqrt(np.mean(np.square(difference))))
