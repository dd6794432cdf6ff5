"""Scores a trained model: reconstruction, active dimensions, distance of samples from real ones."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from tf_twostage.data.datasets import Dataset
from tf_twostage.evaluation import diagnostics, latent_space, near_duplicates
from tf_twostage.evaluation.diagnostics import Latents
from tf_twostage.evaluation.distances import sliced_wasserstein
from tf_twostage.metrics import Distances, Encoding, NearDuplicates, Scores
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.inputs import as_float
from tf_twostage.models.latent_model import INFERENCE_BATCH, LatentModel

RECONSTRUCTED = 10_000  # held-out images that are reconstructed, at most
SAMPLED = 2_000  # images in each set whose samples are compared, at most


def evaluate(model: LatentModel, dataset: Dataset, latents: Latents | None, seed: int) -> Scores:
    """The numbers of `metrics.json` that come from the model and the images.

    Args:
      model: stage 1 at least is trained.
      dataset: its training and held-out images.
      latents: `diagnostics.latents` of the training images; None without an encoder.
      seed: int, of noise and samples.
    """
    count = min(SAMPLED, len(dataset.test), len(dataset.train))
    sets = Sets(
        held_out=as_float(dataset.test[:count]),
        train=as_float(dataset.train[:count]),
        samples={stage: model.sample(count, seed, stage) for stage in sorted(model.trained)},
    )
    first = model.stage1
    return Scores(
        stages=tuple(sorted(model.trained)),
        latent_dim=model.recipe.latent_dim,
        log_sd_x=float(first.log_sd_x.numpy()) if isinstance(first, GaussianVAE) else None,
        encoding=None if latents is None else encoding(model, dataset, latents, seed),
        sliced_wasserstein=sample_distances(sets),
        near_duplicates=sample_duplicates(sets),
    )


def encoding(model: LatentModel, dataset: Dataset, latents: Latents, seed: int) -> Encoding:
    """What the encoder gives."""
    return Encoding(
        active_dimensions=diagnostics.active_dimensions(latents.lambda_),
        true_dimensions=dataset.true_dim,
        lambda_=tuple(float(value) for value in latents.lambda_),
        reconstruction_mse=reconstruction_mse(model, dataset.test[:RECONSTRUCTED], seed),
        latent_space=latent_space.measure(latents, seed),
    )


def reconstruction_mse(model: LatentModel, images: np.ndarray, seed: int) -> float:
    """Mean squared error per pixel (0..1) of images against their reconstruction at z ~ q(z|x)."""
    errors = (
        np.square(as_float(batch) - again, dtype=np.float64).sum()
        for batch, again in reconstructions(model, images, seed)
    )
    return float(sum(errors) / images.size)


def reconstructions(
    model: LatentModel, images: np.ndarray, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of images, each with its reconstruction in 0..1."""
    for start in range(0, len(images), INFERENCE_BATCH):
        batch = images[start : start + INFERENCE_BATCH]
        yield batch, model.reconstruct(batch, seed + start)


class Sets(NamedTuple):
    """Equally many images of each kind, float32 [N, H, W, C] in 0..1."""

    held_out: np.ndarray
    train: np.ndarray
    samples: Mapping[int, np.ndarray]  # stage -> its samples


def sample_distances(sets: Sets) -> Distances:
    """Sliced Wasserstein distances to held-out images, of samples and (floor) training images."""
    found = {
        stage: sliced_wasserstein(images, sets.held_out) for stage, images in sets.samples.items()
    }
    floor = sliced_wasserstein(sets.train, sets.held_out)
    return Distances(found[1], found.get(2), floor, len(sets.held_out))


def sample_duplicates(sets: Sets) -> NearDuplicates:
    """Shares of near duplicates among samples and (floor) training images."""
    train, *found = near_duplicates.shares(sets.held_out, sets.train, *sets.samples.values())
    by_stage = dict(zip(sets.samples, found, strict=True))
    return NearDuplicates(by_stage[1], by_stage.get(2), train, len(sets.held_out))
