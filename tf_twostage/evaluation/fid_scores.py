"""FIDs of a trained model: reconstructions and samples against held-out images."""

import sys
from collections.abc import Callable, Iterator

import keras
import numpy as np

import fid
from tf_twostage.data.datasets import Dataset
from tf_twostage.data.storage import Array
from tf_twostage.errors import InputError
from tf_twostage.evaluation.fid_spec import FidSpec
from tf_twostage.evaluation.scores import reconstructions
from tf_twostage.metrics import FidScores
from tf_twostage.models.two_stage import INFERENCE_BATCH, TwoStageVAE


def measure(model: TwoStageVAE, dataset: Dataset, spec: FidSpec, seed: int) -> FidScores:
    """FIDs against held-out images, under every protocol.

    The held-out images are all, or a fixed random choice where there are more than `spec.images`;
    as many samples are drawn. Statistics of real images are cached for the next run.

    Args:
      model: what `model.trained` names is scored.
      dataset: its training and held-out images.
      spec: how to measure.
      seed: int, of noise and samples.

    Raises:
      InputError: the graph or an image set is not usable.
    """
    try:
        return _measure(model, dataset, spec, seed)
    except fid.Error as error:
        raise InputError(str(error)) from None


def _measure(model, dataset, spec, seed) -> FidScores:
    inception = fid.Inception(spec.inception)
    real_images = _choose(dataset.test, spec.images)
    count = len(real_images)
    real = fid.cached_statistics(
        real_images, inception, spec.dims, extra=spec.note, progress=_bar("real", count)
    )
    generated = {"reconstruction": _reconstructed(model, real_images, seed)}
    for stage in sorted(model.trained):
        generated[f"stage{stage}"] = _samples(model, count, seed, stage)
    protocols: dict[str, dict[str, float]] = {name: {} for name in fid.PROTOCOLS}
    for name, images in generated.items():
        bar = _bar(name, count * len(fid.PROTOCOLS))
        found = _statistics(images, inception, spec.dims, bar)
        for protocol, statistics in found.items():
            protocols[protocol][name] = float(fid.compare(real, statistics, spec.dims))
    floor = fid.cached_statistics(
        _choose(dataset.train, count), inception, spec.dims, progress=_bar("training", count)
    )
    floor_result = fid.compare(real, floor, spec.dims)
    return FidScores(
        protocol=spec.protocol,
        dims=spec.dims,
        inception_git_blob=inception.git_blob_id,
        comparable_with_table1=floor_result.comparable_with_table1 and count == 10_000,
        images=count,
        training_images=float(floor_result),
        protocols=protocols,
    )


def _statistics(
    images: Iterator[np.ndarray],
    inception: fid.Inception,
    dims: int,
    progress: Callable[[int], None] | None,
) -> dict[str, fid.Statistics]:
    """Statistics of generated images under each protocol; every image is made once for all."""
    counts: list[int] = []

    def prepared() -> Iterator[np.ndarray]:
        for batch in images:
            counts.append(len(batch))
            for protocol in fid.PROTOCOLS:
                yield from fid.Preparation(protocol, "generated").batches(batch)

    features = np.concatenate(list(inception.stream(prepared(), dims, progress)))
    pieces = np.split(features, np.cumsum(np.repeat(counts, len(fid.PROTOCOLS)))[:-1])
    return {
        protocol: fid.Statistics.from_features(
            np.concatenate(pieces[number :: len(fid.PROTOCOLS)]), inception.git_blob_id
        )
        for number, protocol in enumerate(fid.PROTOCOLS)
    }


def _choose(images: Array, count: int) -> np.ndarray:
    """All images, or a random choice that is the same in every run."""
    if len(images) <= count:
        return images[:]
    return images[np.sort(np.random.default_rng(0).choice(len(images), count, replace=False))]


def _reconstructed(model: TwoStageVAE, images: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    return (255 * again for _, again in reconstructions(model, images, seed))


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
