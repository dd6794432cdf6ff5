"""FIDs of a trained model: reconstructions and samples against held-out images."""

import contextlib
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
from tf_twostage.models.latent_model import INFERENCE_BATCH, LatentModel


class FidMeter:
    """Measures FIDs against held-out images, whose statistics are cached for the next run.

    The held-out images are all, or a fixed random choice where there are more than `spec.images`.

    Args:
      dataset: its training and held-out images.
      spec: how to measure.

    Raises:
      InputError: the graph or an image set is not usable.
    """

    def __init__(self, dataset: Dataset, spec: FidSpec):
        self.dataset = dataset
        self.spec = spec
        self.images = _choose(dataset.test, spec.images)
        with _one_line():
            self.inception = fid.Inception(spec.inception)
            self.real = self._cached(self.images, "real", spec.note)

    def of_samples(self, model: LatentModel, seed: int, stage: int) -> dict[str, float]:
        """FID of as many samples of a stage as there are held-out images: protocol -> FID."""
        return self.of(_samples(model, len(self.images), seed, stage), f"stage{stage}")

    def of(self, images: Iterator[np.ndarray], name: str) -> dict[str, float]:
        """FID of images in 0..255, as many as are held out: protocol -> FID."""
        bar = _bar(name, len(self.images) * len(fid.PROTOCOLS))
        with _one_line():
            found = _statistics(images, self.inception, self.spec.dims, bar)
            return {
                protocol: float(fid.compare(self.real, statistics, self.spec.dims))
                for protocol, statistics in found.items()
            }

    def of_training_images(self) -> fid.Result:
        """The floor: FID of as many training images."""
        with _one_line():
            floor = self._cached(_choose(self.dataset.train, len(self.images)), "training")
            return fid.compare(self.real, floor, self.spec.dims)

    def _cached(self, images: np.ndarray, name: str, extra: str = "") -> fid.Statistics:
        bar = _bar(name, len(images))
        return fid.cached_statistics(
            images, self.inception, self.spec.dims, extra=extra, progress=bar
        )


def measure(model: LatentModel, meter: FidMeter, seed: int) -> FidScores:
    """FIDs of a model against held-out images, under every protocol.

    Args:
      model: what `model.trained` names is scored, and reconstructions where it has an encoder.
      meter: measures.
      seed: int, of noise and samples.

    Raises:
      InputError: an image set is not usable.
    """
    found = {}
    if model.has_encoder:
        again = _reconstructed(model, meter.images, seed)
        found["reconstruction"] = meter.of(again, "reconstruction")
    for stage in sorted(model.trained):
        found[f"stage{stage}"] = meter.of_samples(model, seed, stage)
    floor, count = meter.of_training_images(), len(meter.images)
    return FidScores(
        protocol=meter.spec.protocol,
        dims=meter.spec.dims,
        inception_git_blob=meter.inception.git_blob_id,
        comparable_with_table1=floor.comparable_with_table1 and count == 10_000,
        images=count,
        training_images=float(floor),
        protocols={p: {name: fids[p] for name, fids in found.items()} for p in fid.PROTOCOLS},
    )


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """Turns what fid refuses into an `InputError`."""
    try:
        yield
    except fid.Error as error:
        raise InputError(str(error)) from None


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


def _reconstructed(model: LatentModel, images: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    return (255 * again for _, again in reconstructions(model, images, seed))


def _samples(model: LatentModel, count: int, seed: int, stage: int) -> Iterator[np.ndarray]:
    z = model.sample_latents(count, seed, stage)
    for start in range(0, count, INFERENCE_BATCH):
        yield 255 * model.decode(z[start : start + INFERENCE_BATCH])


def _bar(label: str, count: int) -> Callable[[int], None] | None:
    """A progress bar where someone watches."""
    if not sys.stdout.isatty():
        return None
    print(f"FID: {label} images")
    return keras.utils.Progbar(count, unit_name="image").update
