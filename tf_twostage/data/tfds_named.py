"""Any image set that TensorFlow Datasets has prepared: `tfds:NAME`, such as `tfds:lsun/bedroom`."""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tf_twostage.data import held_out, tfds_builders
from tf_twostage.data.decoding import decode_all
from tf_twostage.data.resizing import centred_square
from tf_twostage.data.run_names import run_name
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Storage
from tf_twostage.errors import InputError, reason
from tf_twostage.files import PathLike

PREFIX = "tfds:"
HELD_OUT = ("test", "validation")  # the first that a set has


@dataclasses.dataclass(frozen=True)
class TfdsNamed:
    """The images of any prepared set, record by record, in the order of its files, as a source.

    Trains on the split `train` and holds out `test`, or else `validation`, or else the last tenth
    (at most 10,000) of `train`. Its methods raise InputError for a set that isn't prepared, can't
    be read, or has no images of one size (and no `image_size` is given).
    """

    name: str  # TFDS' name
    data_dir: PathLike | None = None  # TFDS' own if None
    image_size: int | None = None  # cuts out the middle square of each image and resizes it

    @property
    def run_name(self) -> str:
        return run_name(self.name, "tfds", self.image_size)

    def describe(self) -> str:
        return _in_words(_plan(self))

    def outline(self) -> Outline:
        """Shape and counts, from TFDS' description of the set."""
        plan = _plan(self)
        identity = tfds_builders.identity_of(plan.builder)
        return Outline(plan.image_shape, *plan.counts, identity)

    def load(self, storage: Storage) -> Splits:
        plan = _plan(self)
        arrays = [
            decode_all(
                _images(plan.builder, split),
                storage.empty((count, *plan.image_shape)),
                self._resized,
                f"{self}, {split}",
            )
            for split, count in zip(plan.splits, plan.counts, strict=True)
        ]
        version = str(plan.builder.info.version)
        return Splits(*arrays, _in_words(plan), version)

    def _resized(self, image: np.ndarray) -> np.ndarray:
        return image if self.image_size is None else centred_square(image, self.image_size)

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}"


class _Plan(NamedTuple):
    """Which images of a prepared set are read."""

    source: TfdsNamed
    builder: Any
    splits: tuple[str, str]  # what TFDS calls the images to train on and those held out
    counts: tuple[int, int]
    image_shape: tuple[int, int, int]  # (H, W, C) of what comes out


def _plan(source: TfdsNamed) -> _Plan:
    builder = _prepared(source)
    splits, counts = _splits(source, builder)
    return _Plan(source, builder, splits, counts, _image_shape(source, builder))


def _prepared(source: TfdsNamed) -> Any:
    try:
        tfds_builders.check_features(source.name, source.data_dir)
        builder = tfds_builders.builder_of(source.name, source.data_dir)
    except InputError:
        raise
    except Exception as error:  # TFDS lets through what its many parts raise
        raise InputError(
            f"TensorFlow Datasets has no set {source.name!r} here ({reason(error)[:200]})"
        ) from error
    if not builder.is_prepared():
        raise InputError(
            f"{source} isn't prepared in {builder.data_dir}: prepare it with python -c "
            f'"import tensorflow_datasets as t; t.builder({source.name!r}).download_and_prepare()"'
            ", or name the folder of prepared sets with --data_dir"
        )
    return builder


def _splits(source: TfdsNamed, builder: Any) -> tuple[tuple[str, str], tuple[int, int]]:
    """What TFDS calls the two splits, and how many images they have."""
    found = builder.info.splits
    if "train" not in found:
        raise InputError(f"{source} has the splits {', '.join(found)}: expected one called train")
    count = found["train"].num_examples
    held = next((split for split in HELD_OUT if split in found), None)
    if held:
        return ("train", held), (count, found[held].num_examples)
    if count < 2:
        raise InputError(f"{source} has {count} images: at least two are needed")
    kept = count - held_out.count(count)
    return (f"train[:{kept}]", f"train[{kept}:]"), (kept, count - kept)


def _image_shape(source: TfdsNamed, builder: Any) -> tuple[int, int, int]:
    """(H, W, C) of the images that come out."""
    features = dict(builder.info.features.items())
    image = features.get("image")
    if image is None or len(image.shape) != 3 or image.shape[2] not in (1, 3):
        raise InputError(
            f"{source} has {', '.join(features)}: expected grey or RGB images as `image`"
        )
    if np.dtype(image.np_dtype) != np.uint8:
        raise InputError(f"{source} has images of {image.np_dtype}: expected uint8")
    if source.image_size is not None:
        return source.image_size, source.image_size, image.shape[2]
    if None in image.shape:
        raise InputError(f"{source} has images of several sizes: give one with --image_size")
    return tuple(image.shape)


def _images(builder: Any, split: str) -> Iterator[np.ndarray]:
    with tfds_builders.readable(builder):
        for example in tfds_builders.open_split(builder, split).as_numpy_iterator():
            yield example["image"]


def _in_words(plan: _Plan) -> str:
    info, size = plan.builder.info, plan.source.image_size
    train, test = (f"{n:,} of {s}" for n, s in zip(plan.counts, plan.splits, strict=True))
    resized = "" if size is None else f"; the middle square of each resized to {size}x{size}"
    return f"{plan.source} {info.version} in {plan.builder.data_dir}: {train}, {test}{resized}"
