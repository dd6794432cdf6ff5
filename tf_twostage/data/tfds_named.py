"""Any image set that TensorFlow Datasets has prepared: `tfds:NAME`, such as `tfds:lsun/bedroom`."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tf_twostage.data import tfds_images
from tf_twostage.data.decoding import Outline, Splits, centred_square, decode_all, held_out_count
from tf_twostage.data.storage import Storage
from tf_twostage.errors import InputError

PREFIX = "tfds:"
HELD_OUT = ("test", "validation")  # the first that a set has

PathLike = str | os.PathLike


class _Plan(NamedTuple):
    builder: Any
    splits: tuple[str, str]  # what TFDS calls the images to train on and those held out
    counts: tuple[int, int]
    shape: tuple[int, int, int]  # (H, W, C) of what comes out


def load(name: str, data_dir: PathLike | None, side: int | None, storage: Storage) -> Splits:
    """Loads the images of a prepared set, record by record, in the order of its files.

    Trains on the split `train` and holds out `test`, or else `validation`, or else the last tenth
    (at most 10,000) of `train`.

    Args:
      name: "tfds:" and TFDS' name.
      data_dir: where TFDS keeps its sets; its own default if None.
      side: cuts out the middle square of each image and resizes it to side x side; None: as it is.
      storage: where the images go.

    Raises:
      InputError: not prepared, unreadable, or without images of one size (and no side).
    """
    plan = _plan(name, data_dir, side)
    arrays = [
        decode_all(
            _images(plan.builder, split),
            storage.empty((count, *plan.shape)),
            lambda image: image if side is None else centred_square(image, side),
            f"{name}, {split}",
        )
        for split, count in zip(plan.splits, plan.counts, strict=True)
    ]
    return Splits(*arrays, describe(name, data_dir, side), str(plan.builder.info.version))


def describe(name: str, data_dir: PathLike | None, side: int | None) -> str:
    """One line on where the images lie; reads none. Raises InputError as load."""
    plan = _plan(name, data_dir, side)
    train, test = (f"{n:,} of {s}" for n, s in zip(plan.counts, plan.splits, strict=True))
    resized = "" if side is None else f"; the middle square of each resized to {side}x{side}"
    return (
        f"{name} {plan.builder.info.version} in {plan.builder.data_dir}: {train}, {test}{resized}"
    )


def outline(name: str, data_dir: PathLike | None, side: int | None) -> Outline:
    """Shape and counts, from TFDS' description of the set. Raises InputError as load."""
    plan = _plan(name, data_dir, side)
    return Outline(plan.shape, *plan.counts)


def _plan(name: str, data_dir: PathLike | None, side: int | None) -> _Plan:
    builder = _prepared(name, data_dir)
    splits, counts = _splits(name, builder)
    return _Plan(builder, splits, counts, _shape(name, builder, side))


def _prepared(name: str, data_dir: PathLike | None) -> Any:
    known = name.removeprefix(PREFIX)
    try:
        builder = tfds_images.builder_of(known, data_dir)
    except InputError:
        raise
    except Exception as error:  # TFDS lets through what its many parts raise
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"TensorFlow Datasets has no set {known!r} here ({reason})") from error
    if not builder.is_prepared():
        raise InputError(
            f"{name} isn't prepared in {builder.data_dir}: prepare it with python -c "
            f'"import tensorflow_datasets as t; t.builder({known!r}).download_and_prepare()", '
            "or name the folder of prepared sets with --data_dir"
        )
    return builder


def _splits(name: str, builder: Any) -> tuple[tuple[str, str], tuple[int, int]]:
    """What TFDS calls the two splits, and how many images they have."""
    found = builder.info.splits
    if "train" not in found:
        raise InputError(f"{name} has the splits {', '.join(found)}: expected one called train")
    count = found["train"].num_examples
    held = next((split for split in HELD_OUT if split in found), None)
    if held:
        return ("train", held), (count, found[held].num_examples)
    if count < 2:
        raise InputError(f"{name} has {count} images: at least two are needed")
    kept = count - held_out_count(count)
    return (f"train[:{kept}]", f"train[{kept}:]"), (kept, count - kept)


def _shape(name: str, builder: Any, side: int | None) -> tuple[int, int, int]:
    """(H, W, C) of the images that come out."""
    features = dict(builder.info.features.items())
    image = features.get("image")
    if image is None or len(image.shape) != 3 or image.shape[2] not in (1, 3):
        raise InputError(
            f"{name} has {', '.join(features)}: expected grey or RGB images as `image`"
        )
    if np.dtype(image.np_dtype) != np.uint8:
        raise InputError(f"{name} has images of {image.np_dtype}: expected uint8")
    if side is not None:
        return side, side, image.shape[2]
    if None in image.shape:
        raise InputError(f"{name} has images of several sizes: give one with --image_size")
    return tuple(image.shape)


def _images(builder: Any, split: str) -> Iterator[np.ndarray]:
    with tfds_images.readable(builder):
        for example in tfds_images.open_split(builder, split).as_numpy_iterator():
            yield example["image"]
