"""What is measured of a trained VAE of points [N, d]."""

from typing import NamedTuple

import numpy as np
from keras import ops

from tf_twostage.models.gaussian_vae import GaussianVAE, VAEOutput
from tf_twostage.models.networks import Posterior

CHUNK = 5_000  # points that pass through a network at once


def outputs(model: GaussianVAE, x: np.ndarray, noise: np.ndarray) -> VAEOutput:
    """One pass of points [N, d] with the noise [N, kappa] of z, as NumPy arrays."""
    parts = [
        [ops.convert_to_numpy(value) for value in model({"x": x[rows], "noise": noise[rows]})]
        for rows in _chunks(len(x))
    ]
    return VAEOutput(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def encode(model: GaussianVAE, x: np.ndarray) -> Posterior:
    """q(z|x) of points [N, d]: float32 [N, kappa] each."""
    output = outputs(model, x, np.zeros((len(x), model.latent_dim), np.float32))
    return Posterior(output.mu_z, output.sd_z)


def decode(model: GaussianVAE, z: np.ndarray) -> np.ndarray:
    """The decoder mean at latents [N, kappa]: float32 [N, d]."""
    return np.concatenate([ops.convert_to_numpy(model.decoder(z[r])) for r in _chunks(len(z))])


def draw(posterior: Posterior, rng: np.random.Generator) -> np.ndarray:
    """z ~ q(z|x), [N, kappa]."""
    return posterior.mean + posterior.stddev * normal(posterior.mean.shape, rng)


def normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draws from N(0, 1), float32."""
    return rng.standard_normal(shape, dtype=np.float32)


def cost(model: GaussianVAE, x: np.ndarray, rng: np.random.Generator, draws: int = 50) -> float:
    """Equation (2), nats per point, for points [N, d]; the mean over `draws` draws of z each."""
    total = 0.0
    for _ in range(draws):
        output = outputs(model, x, normal((len(x), model.latent_dim), rng))
        terms = model.loss_terms(x, output)
        total += float(ops.mean(terms.kl + terms.reconstruction))
    return total / draws


class Effect(NamedTuple):
    """How far N(0, 1) noise on mu_z moves x_hat: mean squares per coordinate."""

    active: float  # noise on active dimensions alone
    superfluous: float  # noise on the others alone


def effect_of_noise(
    model: GaussianVAE, x: np.ndarray, active: np.ndarray, rng: np.random.Generator
) -> Effect:
    """The effect at points [N, d]; `active` bool [kappa] marks the dimensions (Theorem 4)."""
    mean = encode(model, x).mean
    noise = normal(mean.shape, rng)
    still = decode(model, mean)

    def moved(dimensions: np.ndarray) -> float:
        return float(np.square(decode(model, mean + noise * dimensions) - still).mean())

    active = active.astype(np.float32)
    return Effect(moved(active), moved(1 - active))


def _chunks(count: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
