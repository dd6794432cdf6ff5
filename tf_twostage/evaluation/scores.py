"""Scores a trained model: reconstruction, active dimensions, distance of samples from real ones."""

from collections.abc import Iterator

import numpy as np

from tf_twostage.data.datasets import Dataset
from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.distances import sliced_wasserstein
from tf_twostage.metrics import Distances, Scores
from tf_twostage.models.two_stage import INFERENCE_BATCH, TwoStageVAE, as_float

RECONSTRUCTED = 10_000  # held-out images that are reconstructed, at most
SLICED = 2_000  # images in each set of a sliced Wasserstein distance, at most


def evaluate(model: TwoStageVAE, dataset: Dataset, lambda_: np.ndarray, seed: int) -> Scores:
    """The numbers of `metrics.json` that come from the model and the images.

    Args:
      model: stage 1 at least is trained.
      dataset: its training and held-out images.
      lambda_: [kappa], `diagnostics.eigenvalues` over the training images.
      seed: int, of noise and samples.
    """
    return Scores(
        stages=tuple(sorted(model.trained)),
        gamma=model.stage1.gamma,
        log_sd_x=float(model.stage1.log_sd_x.numpy()),
        active_dimensions=diagnostics.active_dimensions(lambda_),
        true_dimensions=dataset.true_dim,
        lambda_=tuple(float(value) for value in lambda_),
        reconstruction_mse=reconstruction_mse(model, dataset.test[:RECONSTRUCTED], seed),
        sliced_wasserstein=sample_distances(model, dataset, seed),
    )


def reconstruction_mse(model: TwoStageVAE, images: np.ndarray, seed: int) -> float:
    """Mean squared error per pixel (0..1) of images against their reconstruction at z ~ q(z|x)."""
    errors = (
        np.square(as_float(batch) - again, dtype=np.float64).sum()
        for batch, again in reconstructions(model, images, seed)
    )
    return float(sum(errors) / images.size)


def reconstructions(
    model: TwoStageVAE, images: np.ndarray, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of images, each with its reconstruction in 0..1."""
    for start in range(0, len(images), INFERENCE_BATCH):
        batch = images[start : start + INFERENCE_BATCH]
        yield batch, model.reconstruct(batch, seed + start)


def sample_distances(model: TwoStageVAE, dataset: Dataset, seed: int) -> Distances:
    """Sliced Wasserstein distances to held-out images, of samples and (floor) training images."""
    count = min(SLICED, len(dataset.test), len(dataset.train))
    held_out = as_float(dataset.test[:count])

    def distance(stage: int) -> float:
        return sliced_wasserstein(model.sample(count, seed, stage), held_out)

    return Distances(
        stage1=distance(1),
        stage2=distance(2) if 2 in model.trained else None,
        train_vs_test=sliced_wasserstein(as_float(dataset.train[:count]), held_out),
        images=count,
    )
