"""Numbers of the latent space: KL of each dimension, lambda_j, the distance to N(0, I)."""

import numpy as np

from tf_twostage import recipes
from tf_twostage.data.storage import pieces
from tf_twostage.evaluation import diagnostics, mmd
from tf_twostage.evaluation.diagnostics import Latents
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
    posterior, lambda_, draws = latents.posterior, latents.lambda_, latents.draws
    rng = np.random.default_rng(seed)
    other = diagnostics.spectrum(rng.standard_normal(draws.normal.shape))
    noisy = bool(np.any(lambda_))
    return LatentSpace(
        kl=tuple(kl_per_dimension(posterior).tolist()) if noisy else None,
        active_share=diagnostics.active_dimensions(lambda_) / len(lambda_) if noisy else None,
        lambda_gap=lambda_gap(lambda_),
        z=normality(latents, "z", rng),
        u=None if draws.u is None else normality(latents, "u", rng),
        spectrum_floor=spectrum_distance(other, latents.spectra.normal),
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


def normality(latents: Latents, name: str, rng: np.random.Generator) -> Normality:
    """The distance of the draws "z" or "u" to as many from N(0, I)."""
    found, normal, spectra = getattr(latents.draws, name), latents.draws.normal, latents.spectra
    test = mmd.test(found[:MMD_DRAWS], normal[:MMD_DRAWS], PERMUTATIONS, rng)
    distance = spectrum_distance(getattr(spectra, name), spectra.normal)
    return Normality(distance, test.mmd2, test.p_value)


def spectrum_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Root mean square difference of two `diagnostics.spectrum`s."""
    return float(np.sqrt(np.mean(np.square(first - second))))
