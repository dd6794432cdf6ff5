"""log p(x) of a Gaussian VAE by importance sampling."""

import math

import numpy as np

from tf_twostage.evaluation.theory import measures
from tf_twostage.models.gaussian_vae import GaussianVAE


def log_likelihood(
    model: GaussianVAE, x: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """log p(x) = log E_{z ~ q(z|x)} p(x|z) p(z) / q(z|x), the mean over `draws` draws of z.

    The mean of the weights is unbiased; its logarithm is too small by about their variance over
    2 draws. Where q(z|x) is p(z|x), all weights are p(x) and one draw is enough.

    Args:
      model: a trained VAE of points.
      x: [N, d].
      draws: of z, for each x.
      rng: of the draws.

    Returns:
      float64 [N], nats.
    """
    posterior = measures.encode(model, x)
    total = np.full(len(x), -np.inf)
    for _ in range(draws):
        noise = measures.normal(posterior.mean.shape, rng)
        z = posterior.mean + posterior.stddev * noise
        x_hat = measures.decode(model, z)
        log_q = _log_normal(noise) - np.log(posterior.stddev).sum(axis=1)
        log_x = _log_normal((x - x_hat) / math.sqrt(model.gamma))
        log_x -= x.shape[1] / 2 * math.log(model.gamma)
        total = np.logaddexp(total, log_x + _log_normal(z) - log_q)
    return total - math.log(draws)


def _log_normal(values: np.ndarray) -> np.ndarray:
    """log N(values; 0, I) of rows [N, k]: float64 [N]."""
    squares = np.square(values, dtype=np.float64).sum(axis=1)
    return -(squares + values.shape[1] * math.log(2 * math.pi)) / 2
