"""CelebA: official splits, faces cropped to 128x128 and resized to 64x64, done once and cached.

The files come from TensorFlow Datasets or from the makers' own archive. Both ways the JPEG files
themselves are decoded by Pillow, so that the same files give the same pixels.
"""

import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tf_twostage.data import celeba_cache, celeba_files, tfds_builders, tfds_images
from tf_twostage.data.decoding import decode_all
from tf_twostage.data.identity import digest
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Array, Storage
from tf_twostage.errors import InputError, reason, shown
from tf_twostage.files import PathLike

SIZE = 64
SHAPE = (SIZE, SIZE, 3)
FILE_SIZE = (178, 218)  # width and height of img_align_celeba's files
CROP = (25, 45, 153, 173)  # columns 25:153, rows 45:173

_TREATMENT = (
    f"1: crop {CROP}, Pillow bilinear to {SIZE}, "
    f"train {celeba_files.TRAIN}, test {celeba_files.TEST}"
)
_TREATMENT_IN_WORDS = f"; rows 45:173, columns 25:153, resized to {SIZE}x{SIZE}"


@dataclasses.dataclass(frozen=True)
class CelebAFromFiles:
    """CelebA's training and test splits, uint8 [N, 64, 64, 3], from the makers' files, as a source.

    They come in the order of the partition file. The cropped faces are kept in `cache_dir` and read
    from there next time. Its methods raise InputError for missing or damaged files.
    """

    celeba_dir: PathLike  # img_align_celeba/, its parent, or the zip, with list_eval_partition.txt
    cache_dir: PathLike | None = None  # ~/.cache/tf_twostage if None

    run_name = "celeba"

    def describe(self) -> str:
        return _in_words(celeba_files.find(self.celeba_dir))

    def outline(self) -> Outline:
        files = celeba_files.find(self.celeba_dir)
        return Outline(SHAPE, len(files.train), len(files.test), files.identity)

    def load(self, storage: Storage) -> Splits:
        files = celeba_files.find(self.celeba_dir)
        encoded = {
            split: _Encoded(len(names), ((name, partial(files.read, name)) for name in names))
            for split, names in (("train", files.train), ("test", files.test))
        }
        key = _key(files.state)
        faces = _cropped(encoded, key, self.cache_dir, storage)
        return Splits(faces["train"], faces["test"], _in_words(files), key)


@dataclasses.dataclass(frozen=True)
class CelebAFromTfds:
    """CelebA's training and test splits, uint8 [N, 64, 64, 3], from TFDS, as a source.

    They come in the order of TFDS' files. The cropped faces are kept in `cache_dir` and read from
    there next time. `load` downloads the set if it isn't prepared. It raises InputError where the
    set is absent and can't be downloaded, or can't be read.
    """

    data_dir: PathLike | None = None  # TFDS' own if None
    cache_dir: PathLike | None = None  # ~/.cache/tf_twostage if None

    run_name = "celeba"

    def describe(self) -> str:
        return f"{tfds_images.locate(tfds_builders.CELEBA, self.data_dir)}{_TREATMENT_IN_WORDS}"

    def outline(self) -> Outline:
        place = tfds_images.locate(tfds_builders.CELEBA, self.data_dir)
        return Outline(SHAPE, *place.counts, place.identity)

    def load(self, storage: Storage) -> Splits:
        builder = tfds_builders.prepared(tfds_builders.CELEBA, self.data_dir)
        encoded = {
            split: _Encoded(builder.info.splits[split].num_examples, _jpegs(builder, split))
            for split in ("train", "test")
        }
        version = str(builder.info.version)
        records = [(path.name, path.stat()) for path in tfds_builders.records(builder)]
        stamps = (f"{name} {file.st_size} {file.st_mtime_ns}" for name, file in records)
        faces = _cropped(encoded, _key("tfds", version, *stamps), self.cache_dir, storage)
        return Splits(faces["train"], faces["test"], self.describe(), version)


def crop(jpeg: bytes) -> np.ndarray:
    """Decodes a file's bytes and crops and shrinks the face: uint8 [64, 64, 3].

    Raises InputError if the picture isn't 178x218, and what Pillow raises if it is damaged.
    """
    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
        if image.size != FILE_SIZE:
            raise InputError("{}x{} pixels instead of {}x{}".format(*image.size, *FILE_SIZE))
        face = image.convert("RGB").crop(CROP)
    # Cropped before resizing: `resize(box=...)` would let pixels beyond the crop bleed in.
    return np.asarray(face.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


class _Encoded(NamedTuple):
    """JPEG files: how many, and of each its name and what gives its bytes."""

    count: int
    files: Iterable[tuple[str, Callable[[], bytes]]]


def _jpegs(builder: Any, split: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The files as TFDS stores them, undecoded, in the fixed order of its own files."""
    import tensorflow_datasets as tfds

    with tfds_builders.readable(builder):
        examples = tfds_builders.open_split(builder, split, tfds.decode.SkipDecoding())
        for number, example in enumerate(examples.as_numpy_iterator()):
            yield f"{split} image {number}", partial(bytes, example["image"])


def _cropped(
    encoded: dict[str, _Encoded], key: str, cache_dir: PathLike | None, storage: Storage
) -> dict[str, Array]:
    """Crops every file of every split, or reads what was kept under `key`."""

    def compute() -> dict[str, Array]:
        return {
            split: decode_all(files, storage.empty((count, *SHAPE)), _decode, f"CelebA, {split}")
            for split, (count, files) in encoded.items()
        }

    shapes = {split: (count, *SHAPE) for split, (count, _) in encoded.items()}
    return celeba_cache.kept(key, cache_dir, shapes, compute)


def _decode(file: tuple[str, Callable[[], bytes]]) -> np.ndarray:
    name, read = file
    try:
        return crop(read())
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise InputError(
            f"CelebA's {name} can't be used ({reason(error)}): copy or download it again"
        ) from error


def _key(*state: str) -> str:
    return digest((_TREATMENT, *state))[:16]


def _in_words(files: celeba_files.Files) -> str:
    counts = (len(files.train), len(files.test))
    text = tfds_images.counts_in_words(tfds_builders.CELEBA, counts)
    return f"CelebA's files in {shown(files.where)}: {text}{_TREATMENT_IN_WORDS}"
