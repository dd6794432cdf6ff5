"""Scores a trained model: reconstruction, active dimensions, distance of samples from real ones."""

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterator

import keras
import numpy as np

import fid
from tf_twostage.data.datasets import Dataset
from tf_twostage.data.storage import Array
from tf_twostage.errors import InputError
from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.distances import sliced_wasserstein
from tf_twostage.models.networks import Posterior
from tf_twostage.models.two_stage import INFERENCE_BATCH, TwoStageVAE, as_float

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
        "log_gamma": float(model.stage1.log_sd_x.numpy()),
        "active_dimensions": diagnostics.active_dimensions(lambda_),
        "latent_dim": len(lambda_),
        "true_dimensions": dataset.true_dim,
        "lambda": [float(value) for value in lambda_],
        "reconstruction_mse": reconstruction_mse(model, dataset.test[:RECONSTRUCTED], seed),
        "sliced_wasserstein": sample_distances(model, dataset, trained, seed),
    }


def reconstruction_mse(model: TwoStageVAE, images: np.ndarray, seed: int) -> float:
    """Mean squared error per pixel (0..1) of images against their reconstruction at z ~ q(z|x)."""
    errors = (
        np.square(as_float(batch) - again, dtype=np.float64).sum()
        for batch, again in _reconstructions(model, images, seed)
    )
    return float(sum(errors) / images.size)


def _reconstructions(
    model: TwoStageVAE, images: np.ndarray, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of images, each with its reconstruction in 0..1."""
    for start in range(0, len(images), INFERENCE_BATCH):
        batch = images[start : start + INFERENCE_BATCH]
        yield batch, model.reconstruct(batch, seed + start)


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


@dataclasses.dataclass(frozen=True)
class FidSetting:
    """How FIDs are measured."""

    inception: str | None = None  # path of the graph; None: where `fid.find_graph` finds it
    dims: int = 2048
    protocol: str = "plain"  # the one whose numbers stand first; both are measured
    images: int = 10_000  # on either side, at most; Table 1 has 10,000
    note: str = ""  # what was done to the real images, part of the cache's key


def check_fid(setting: FidSetting) -> None:
    """Makes sure, before any training, that FIDs can be measured in the end.

    Raises:
      InputError: the Inception graph cannot be had, or the dims are unknown.
    """
    try:
        fid.check_dims(setting.dims)
        fid.find_graph(setting.inception)
    except fid.Error as error:
        raise InputError(f"{error} (or train without: --fid off)") from None


def is_measured(found: dict, setting: FidSetting, held_out: int) -> bool:
    """Whether `found`, the `fid` part of a `metrics.json`, was measured as `setting` asks.

    Args:
      found: what `fid_scores` returned; {} where nothing was measured.
      setting: how FIDs are to be measured.
      held_out: how many held-out images there are.
    """
    if (found.get("dims"), found.get("images")) != (setting.dims, min(setting.images, held_out)):
        return False
    return found.get("inception_git_blob") == _graph_id(setting.inception)


@functools.cache
def _graph_id(inception: str | None) -> str | None:
    """The git blob id of the graph; None where there is none."""
    try:
        return fid.git_blob_id(fid.find_graph(inception, download=False))
    except fid.Error:
        return None


def fid_scores(
    model: TwoStageVAE, dataset: Dataset, trained: list[int], setting: FidSetting, seed: int
) -> dict:
    """FIDs of reconstructions and samples against held-out images, under every protocol.

    The held-out images are all, or a fixed random choice where there are more than
    `setting.images`; as many samples are drawn. Real statistics are cached for the next run.

    Returns:
      The `fid` part of `metrics.json`: {"protocol", "dims", "inception_git_blob",
      "comparable_with_table1", "images", "reconstruction", "stage1", "stage2", "training_images"
      (the floor), "protocols": {name: {"reconstruction", ...}}}.

    Raises:
      InputError: the graph or an image set is not usable.
    """
    try:
        return _fid_scores(model, dataset, trained, setting, seed)
    except fid.Error as error:
        raise InputError(str(error)) from None


def _fid_scores(model, dataset, trained, setting, seed) -> dict:
    inception = fid.Inception(setting.inception)
    real_images = _choose(dataset.test, setting.images)
    count = len(real_images)
    real = fid.cached_statistics(
        real_images, inception, setting.dims, extra=setting.note, progress=_bar("real", count)
    )
    generated = {
        "reconstruction": lambda: (
            255 * again for _, again in _reconstructions(model, real_images, seed)
        )
    }
    for stage in trained:
        generated[f"stage{stage}"] = lambda stage=stage: _samples(model, count, seed, stage)
    results = {
        protocol: {
            name: _fid(
                make(), real, inception, setting.dims, protocol, f"{name}, {protocol}", count
            )
            for name, make in generated.items()
        }
        for protocol in fid.PROTOCOLS
    }
    floor = fid.cached_statistics(
        _choose(dataset.train, count), inception, setting.dims, progress=_bar("training", count)
    )
    values = {p: {n: float(result) for n, result in rs.items()} for p, rs in results.items()}
    first = results[setting.protocol]["stage1"]
    return {
        "protocol": setting.protocol,
        "dims": setting.dims,
        "inception_git_blob": inception.git_blob_id,
        "comparable_with_table1": first.comparable_with_table1 and count == 10_000,
        "images": count,
        **values[setting.protocol],
        "training_images": float(fid.compare(real, floor, setting.dims)),
        "protocols": values,
    }


def _fid(images, real, inception, dims, protocol, label, count) -> fid.Result:
    statistics = fid.Statistics.from_images(
        images, inception, dims, protocol, "generated", progress=_bar(label, count)
    )
    return fid.compare(real, statistics, dims, protocol)


def _choose(images: Array, count: int) -> np.ndarray:
    """All images, or a random choice that is the same in every run."""
    if len(images) <= count:
        return images[:]
    return images[np.sort(np.random.default_rng(0).choice(len(images), count, replace=False))]


def _samples(model: TwoStageVAE, count: int, seed: int, stage: int) -> Iterator[np.ndarray]:
    z = model.sample_latents(count, seed, stage)
    for start in range(0, count, INFERENCE_BATCH):
        yield 255 * model.decode(z[start : start + INFERENCE_BATCH])


def _bar(label: str, count: int) -> Callable[[int], None] | None:
    """A progress bar where someone watches."""
    if not sys.stdout.isatty():
        return None
    print(f"FID: {label} images")
    return keras.utils.Progbar(count, unit_name="image").update
