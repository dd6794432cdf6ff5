"""Scores a trained model: reconstruction, active dimensions, distance of samples from real ones."""

import numpy as np

from tf_twostage import diagnostics
from tf_twostage.datasets import Dataset
from tf_twostage.distances import sliced_wasserstein
from tf_twostage.networks import Posterior
from tf_twostage.two_stage import TwoStageVAE, as_float

RECONSTRUCTED = 10_000  # held-out images that are reconstructed, at most
SLICED = 2_000  # images in each set of a sliced Wasserstein distance, at most


def evaluate(
    model: TwoStageVAE, dataset: Dataset, posterior: Posterior, trained: list[int], seed: int
) -> dict:
    """The numbers of `metrics.json` that come from the model and the images.

    Args:
      model: stage 1 trained, stage 2 where `trained` says so.
      dataset: its training and held-out images.
      posterior: q(z|x) of the training images.
      trained: the stages trained, [1] or [1, 2].
      seed: int, of noise and samples.
    """
    lambda_ = diagnostics.eigenvalues(posterior.stddev)
    return {
        "stages": trained,
        "gamma": model.stage1.gamma,
        "log_gamma": float(model.stage1.log_gamma),
        "active_dimensions": diagnostics.active_dimensions(lambda_),
        "latent_dim": len(lambda_),
        "true_dimensions": dataset.true_dim,
        "lambda": [float(value) for value in lambda_],
        "reconstruction_mse": reconstruction_mse(model, dataset.test[:RECONSTRUCTED], seed),
        "sliced_wasserstein": sample_distances(model, dataset, trained, seed),
    }


def reconstruction_mse(model: TwoStageVAE, images: np.ndarray, seed: int) -> float:
    """Mean squared error per pixel (0..1) of images against their reconstruction at z ~ q(z|x)."""
    total = 0.0
    for start in range(0, len(images), 1000):
        batch = images[start : start + 1000]
        gaps = as_float(batch) - model.reconstruct(batch, seed + start)
        total += float(np.square(gaps, dtype=np.float64).sum())
    return total / images.size


def sample_distances(model: TwoStageVAE, dataset: Dataset, trained: list[int], seed: int) -> dict:
    """Sliced Wasserstein distances to held-out images, of samples and (floor) training images."""
    count = min(SLICED, len(dataset.test), len(dataset.train))
    held_out = as_float(dataset.test[:count])
    found = {
        f"stage{stage}": sliced_wasserstein(model.sample(count, seed, stage), held_out)
        for stage in trained
    }
    if len(trained) == 2:
        found["factor"] = found["stage1"] / found["stage2"]
    floor = sliced_wasserstein(as_float(dataset.train[:count]), held_out)
    return found | {"train_vs_test": floor, "images": count}
