"""CelebA: official splits, faces cropped to 128x128 and resized to 64x64, done once and cached.

The files come from TensorFlow Datasets or from the makers' own archive. Both ways the JPEG files
themselves are decoded by Pillow, so that the same files give the same pixels.
"""

import hashlib
import io
import os
import pathlib
import re
import sys
import zipfile
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from tf_twostage.data import npz_images, tfds_images
from tf_twostage.data.decoding import Outline, Splits, decode_all
from tf_twostage.data.storage import Array, Storage
from tf_twostage.errors import InputError

SIDE = 64
SHAPE = (SIDE, SIDE, 3)
FILE_SIZE = (178, 218)  # width and height of img_align_celeba's files
CROP = (25, 45, 153, 173)  # columns 25:153, rows 45:173
TRAIN, TEST = "0", "2"  # the partition file's numbers; 1 is the validation split, unused

PathLike = str | os.PathLike

_PARTITION_NAMES = ("list_eval_partition.txt", "list_eval_partition.csv")
_IMAGES = "img_align_celeba"
_TREATMENT = f"1: crop {CROP}, Pillow bilinear to {SIDE}, train {TRAIN}, test {TEST}"


class _Files(NamedTuple):
    """The makers' files: where, how to read one by name, names per split, and an identity."""

    where: pathlib.Path
    read: Callable[[str], bytes]
    train: list[str]
    test: list[str]
    identity: str  # changes whenever a name, a size or a content does


def load(
    storage: Storage,
    data_dir: PathLike | None = None,
    celeba_dir: PathLike | None = None,
    cache_dir: PathLike | None = None,
) -> Splits:
    """Loads CelebA's training and test splits, uint8 [N, 64, 64, 3].

    From `celeba_dir` (img_align_celeba/, its parent, or the zip, with list_eval_partition.txt in it
    or beside it) in the order of the partition file, else from TFDS in the order of its files.
    The result is kept in `cache_dir` and read from there next time. Raises InputError for missing
    or damaged files.
    """
    if celeba_dir is None:
        return _load_tfds(storage, data_dir, cache_dir)
    files = _find(celeba_dir)
    source = _source(str(files.where), (len(files.train), len(files.test)))
    key = _key(files.identity)

    def compute() -> dict[str, Array]:
        return {
            split: _crop_all(
                ((name, name) for name in names),
                files.read,
                split,
                storage.empty((len(names), *SHAPE)),
            )
            for split, names in (("train", files.train), ("test", files.test))
        }

    arrays = _cached(key, cache_dir, storage, compute)
    return Splits(arrays["train"], arrays["test"], source, key)


def describe(*, data_dir: PathLike | None = None, celeba_dir: PathLike | None = None) -> str:
    """One line on where the faces would come from. Raises InputError for a wrong `celeba_dir`."""
    if celeba_dir is None:
        return f"{tfds_images.describe(tfds_images.CELEBA, data_dir)}{_treatment_note()}"
    files = _find(celeba_dir)
    return _source(str(files.where), (len(files.train), len(files.test)))


def outline(*, data_dir: PathLike | None = None, celeba_dir: PathLike | None = None) -> Outline:
    """Shape and counts. Raises InputError for a wrong `celeba_dir`."""
    if celeba_dir is None:
        return Outline(SHAPE, *tfds_images.locate(tfds_images.CELEBA, data_dir).counts)
    files = _find(celeba_dir)
    return Outline(SHAPE, len(files.train), len(files.test))


def crop(jpeg: bytes) -> np.ndarray:
    """Decodes a file's bytes and crops and shrinks the face: uint8 [64, 64, 3].

    Raises InputError if the picture isn't 178x218, and what Pillow raises if it is damaged.
    """
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as image:
        if image.size != FILE_SIZE:
            raise InputError("{}x{} pixels instead of {}x{}".format(*image.size, *FILE_SIZE))
        face = image.convert("RGB").crop(CROP)
    # Cropped before resizing: `resize(box=...)` would let pixels beyond the crop bleed in.
    return np.asarray(face.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _load_tfds(storage: Storage, data_dir: PathLike | None, cache_dir: PathLike | None) -> Splits:
    splits = tfds_images.encoded_celeba(data_dir)  # downloads where needed
    place = tfds_images.locate(tfds_images.CELEBA, data_dir)
    records = sorted(place.folder.glob("*.tfrecord*"))
    key = _key("tfds", place.version, *(f"{p.name} {_stamp(p)}" for p in records))

    def compute() -> dict[str, Array]:
        return {
            split: _crop_all(
                ((f"{split} image {i}", jpeg) for i, jpeg in enumerate(jpegs)),
                lambda jpeg: jpeg,
                split,
                storage.empty((count, *SHAPE)),
            )
            for split, (count, jpegs) in splits.items()
        }

    arrays = _cached(key, cache_dir, storage, compute)
    source = f"{tfds_images.describe(tfds_images.CELEBA, data_dir)}{_treatment_note()}"
    return Splits(arrays["train"], arrays["test"], source, place.version)


def _crop_all(
    items: Iterable[tuple[str, Any]], read: Callable[[Any], bytes], split: str, out: Array
) -> Array:
    """Crops (name, handle) items into `out`, naming the one that fails."""

    def decode(item: tuple[str, Any]) -> np.ndarray:
        name, handle = item
        try:
            return crop(read(handle))
        except Exception as error:  # Pillow raises many kinds on damaged files
            raise InputError(
                f"CelebA's {name} can't be used ({error}): copy or download it again"
            ) from error

    return decode_all(items, out, decode, f"CelebA, {split}")


def _source(where: str, counts: tuple[int, int]) -> str:
    text = tfds_images.counts_text(tfds_images.CELEBA, counts)
    return f"CelebA's files in {where}: {text}{_treatment_note()}"


def _treatment_note() -> str:
    return f"; rows 45:173, columns 25:153, resized to {SIDE}x{SIDE}"


# --- the makers' files -----------------------------------------------------------------------


def _find(celeba_dir: PathLike) -> _Files:
    """Finds images and partition file in any of the usual layouts, and checks that none lacks."""
    root = pathlib.Path(celeba_dir).expanduser()
    if not root.exists():
        raise InputError(f"--celeba_dir {root} doesn't exist: name {_IMAGES}/, its zip or parent")
    images = _image_place(root)
    if images is None:
        raise InputError(f"no {_IMAGES}/ and no {_IMAGES}.zip in {root}: name what holds them")
    if images.is_file():
        return _in_zip(images, root)
    places = (images, images.parent, images.parent.parent, root / "Eval", root.parent / "Eval")
    train, test = _partition(_partition_text(places, images), images)
    stamps = _folder_stamps(images)
    _check_present(train + test, stamps, images)
    identity = _digest([str(len(train)), *(f"{name} {stamps[name]}" for name in train + test)])
    return _Files(images, lambda name: (images / name).read_bytes(), train, test, identity)


def _image_place(root: pathlib.Path) -> pathlib.Path | None:
    """The folder that holds the JPEG files themselves, or the zip."""
    if root.is_file():
        return root
    for folder in (root / _IMAGES / _IMAGES, root / _IMAGES, root / "Img" / _IMAGES, root):
        if folder.is_dir() and next(folder.glob("*.jpg"), None):
            return folder
    archives = (root / f"{_IMAGES}.zip", root / "Img" / f"{_IMAGES}.zip")
    return next((path for path in archives if path.is_file()), None)


def _in_zip(path: pathlib.Path, root: pathlib.Path) -> _Files:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} isn't a readable zip ({error}): download it again") from error
    members = {pathlib.PurePosixPath(info.filename).name: info for info in archive.infolist()}
    inside = next((members[name] for name in _PARTITION_NAMES if name in members), None)
    if inside:
        text = archive.read(inside).decode()
    else:
        places = (path.parent, root, path.parent.parent, path.parent.parent / "Eval")
        text = _partition_text(places, path)
    train, test = _partition(text, path)
    _check_present(train + test, members, path)
    stamps = {name: f"{members[name].file_size} {members[name].CRC}" for name in train + test}
    identity = _digest([str(len(train)), *(f"{name} {stamps[name]}" for name in train + test)])
    return _Files(path, lambda name: archive.read(members[name]), train, test, identity)


def _partition_text(places: Iterable[pathlib.Path], images: pathlib.Path) -> str:
    for place in places:
        for name in _PARTITION_NAMES:
            if (place / name).is_file():
                return (place / name).read_text()
    raise InputError(
        f"{_PARTITION_NAMES[0]} is missing: CelebA's images are in {images}, "
        f"put the file with their official splits beside them in {images.parent}"
    )


def _partition(text: str, images: pathlib.Path) -> tuple[list[str], list[str]]:
    """Names of training and test files, in the order of the partition file."""
    rows = re.findall(r"^(\S+?\.jpg)[ \t,]+(\d)\s*$", text, re.MULTILINE)
    train, test = ([name for name, part in rows if part == wanted] for wanted in (TRAIN, TEST))
    if not train or not test:
        raise InputError(
            f"the partition file of {images} lists {len(train):,} training and {len(test):,} test "
            "images: expected lines like '000001.jpg 0', with 0 for training and 2 for test"
        )
    return train, test


def _check_present(names: list[str], present: Any, images: pathlib.Path) -> None:
    missing = [name for name in names if name not in present]
    if missing:
        raise InputError(
            f"{len(missing):,} of {len(names):,} CelebA images aren't in {images}, the first "
            f"{missing[0]}: unpack or download the archive again"
        )


def _folder_stamps(folder: pathlib.Path) -> dict[str, str]:
    with os.scandir(folder) as entries:
        return {e.name: f"{e.stat().st_size} {e.stat().st_mtime_ns}" for e in entries}


def _stamp(path: pathlib.Path) -> str:
    return f"{path.stat().st_size} {path.stat().st_mtime_ns}"


# --- the cache ---------------------------------------------------------------------------------


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\n")
    return digest.hexdigest()


def _key(*identity: str) -> str:
    return _digest((_TREATMENT, *identity))[:16]


def _cached(
    key: str, cache_dir: PathLike | None, storage: Storage, compute: Callable[[], dict[str, Array]]
) -> dict[str, Array]:
    """Reads the arrays kept under `key`, or computes and keeps them."""
    path = _cache_folder(cache_dir) / f"celeba-{key}.npz"
    if path.is_file():
        try:
            return {split: npz_images.read(path, split, storage) for split in ("train", "test")}
        except Exception as error:  # whatever a damaged zip or .npy raises
            print(f"warning: {path} is damaged ({error}); computing it anew", file=sys.stderr)
    arrays = compute()
    try:
        npz_images.write(path, arrays)
    except OSError as error:
        print(f"warning: can't keep the cropped faces in {path}: {error}", file=sys.stderr)
    return arrays


def _cache_folder(cache_dir: PathLike | None) -> pathlib.Path:
    if cache_dir is not None:
        return pathlib.Path(cache_dir).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser() / "tf_twostage"
