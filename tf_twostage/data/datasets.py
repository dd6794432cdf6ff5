"""Name -> images: the built-in manifold, TensorFlow Datasets, CelebA's files, a folder, an .npz."""

import dataclasses
import io
import os
import pathlib
import re

import numpy as np

from tf_twostage.data import celeba, folders, manifold, npz_images, tfds_images, tfds_named
from tf_twostage.data.decoding import Outline, Splits, decode_all
from tf_twostage.data.storage import Array, Storage
from tf_twostage.errors import InputError

NAMES = ("manifold", "mnist", "fashion_mnist", "cifar10", "celeba")

PathLike = str | os.PathLike

_JPEG_QUALITY = 75  # Pillow's default


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images to train and score on, once, as uint8, in memory or in a file."""

    name: str  # 'mnist', ...; for a folder or an .npz its stem, safe for a folder name
    train: Array  # uint8 [N, H, W, C], C in {1, 3}, values 0..255
    test: Array  # uint8 [M, H, W, C], the held-out images
    source: str  # one line: where they came from, version, held-out share
    true_dim: int | None = None  # r, the data manifold's dimension, where it is known
    version: str = ""  # TFDS' version, or the start of a hash of the content

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.train.shape[1:]


def load(
    name: PathLike,
    *,
    data_dir: PathLike | None = None,
    celeba_dir: PathLike | None = None,
    image_size: int | None = None,
    jpeg: bool = False,
    cache_dir: PathLike | None = None,
    storage: Storage | None = None,
) -> Dataset:
    """Loads a data set; the same images in the same order every time, whatever a run's seed.

    Args:
      name: one of NAMES, "tfds:" and the name of a prepared set of TensorFlow Datasets, or the
        path of a folder of images or of an .npz file.
      data_dir: where TensorFlow Datasets keeps its sets; its own default if None.
      celeba_dir: CelebA's files instead of TFDS': img_align_celeba/ or its zip, or their parent.
      image_size: of a folder or a "tfds:" set, the middle square of each image is resized to
        image_size x image_size; None: as they are.
      jpeg: put every image once through JPEG (quality 75), as the authors did with CIFAR-10.
      cache_dir: where cropped CelebA is kept; ~/.cache/tf_twostage if None.
      storage: how much memory the images may take, and where they go if they are more.

    Raises:
      InputError: an unknown name, or a source that is missing, damaged or of the wrong kind.
    """
    kind, storage = _kind(name), storage or Storage()
    _check_resizable(kind, name, image_size)
    if kind == "manifold":
        splits = _manifold()
    elif kind == "celeba":
        splits = celeba.load(storage, data_dir, celeba_dir, cache_dir)
    elif kind == "folder":
        splits = folders.load_folder(name, image_size, storage)
    elif kind == "npz":
        splits = npz_images.load(name, storage)
    elif kind == "tfds":
        splits = tfds_named.load(os.fspath(name), data_dir, image_size, storage)
    else:
        splits = tfds_images.load(kind, data_dir, storage)
    splits = _through_jpeg(splits) if jpeg else splits
    true_dim = manifold.TRUE_DIM if kind == "manifold" else None
    return Dataset(
        run_name(name, image_size),
        splits.train,
        splits.test,
        splits.source,
        true_dim,
        splits.version,
    )


def describe(
    name: PathLike,
    *,
    data_dir: PathLike | None = None,
    celeba_dir: PathLike | None = None,
    image_size: int | None = None,
) -> str:
    """One line on where `load` would take the images from; loads and downloads nothing.

    Raises InputError for an unknown name and for a folder or file that `load` could not begin on.
    """
    kind = _kind(name)
    if kind == "manifold":
        return _manifold_source()
    if kind == "celeba":
        return celeba.describe(data_dir=data_dir, celeba_dir=celeba_dir)
    if kind == "folder":
        return folders.describe_folder(name)
    if kind == "npz":
        return npz_images.describe(name)
    if kind == "tfds":
        return tfds_named.describe(os.fspath(name), data_dir, image_size)
    return tfds_images.describe(kind, data_dir)


def outline(
    name: PathLike,
    *,
    data_dir: PathLike | None = None,
    celeba_dir: PathLike | None = None,
    image_size: int | None = None,
) -> Outline:
    """Image shape and counts that `load` would give, for plans; decodes and downloads nothing.

    For a set that TFDS would download, the counts are those of the whole set. Raises InputError
    for an unknown name and for a folder or file that `load` could not begin on.
    """
    kind = _kind(name)
    _check_resizable(kind, name, image_size)
    if kind == "manifold":
        shape = (manifold.SIDE, manifold.SIDE, 1)
        return Outline(shape, manifold.TRAIN_IMAGES, manifold.TEST_IMAGES)
    if kind == "celeba":
        return celeba.outline(data_dir=data_dir, celeba_dir=celeba_dir)
    if kind == "folder":
        return folders.outline_folder(name, image_size)
    if kind == "npz":
        return npz_images.outline(name)
    if kind == "tfds":
        return tfds_named.outline(os.fspath(name), data_dir, image_size)
    place = tfds_images.locate(kind, data_dir)
    return Outline(place.image_shape, *place.counts)


def run_name(name: PathLike, image_size: int | None = None) -> str:
    """The folder name a run of this data set gets: 'mnist', or a folder's or .npz's safe stem.

    A stem that is one of NAMES gets its kind appended ('-folder'), and resized images their size.
    Raises InputError if unknown.
    """
    kind = _kind(name)
    if kind in NAMES:
        return kind
    if kind == "tfds":
        stem = os.fspath(name).removeprefix(tfds_named.PREFIX)
    else:
        path = pathlib.Path(name).expanduser().resolve()
        stem = path.stem if kind == "npz" else path.name
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._-") or "images"
    safe = f"{safe}-{kind}" if safe in NAMES else safe
    return safe if image_size is None else f"{safe}-{image_size}"


def _kind(name: PathLike) -> str:
    """One of NAMES, 'tfds', 'folder' or 'npz'."""
    name = os.fspath(name)
    if name in NAMES:
        return name
    if name.startswith(tfds_named.PREFIX):
        return "tfds"
    path = pathlib.Path(name).expanduser()
    if name and path.is_dir():
        return "folder"
    if path.suffix == ".npz" and path.is_file():
        return "npz"
    what = "neither a folder nor an .npz file" if path.is_file() else "no such file or folder"
    raise InputError(
        f"unknown data set {name!r} ({what}): use {', '.join(NAMES)}, tfds:NAME, "
        "or the path of a folder of images or of an .npz file"
    )


def _check_resizable(kind: str, name: PathLike, image_size: int | None) -> None:
    if image_size is not None and kind not in ("folder", "tfds"):
        raise InputError(
            f"--image_size is for folders of images and tfds: sets; {name} has a size of its own"
        )


def _manifold() -> Splits:
    train, test = manifold.images()
    return Splits(train, test, _manifold_source(), str(manifold.DATA_SEED))


def _manifold_source() -> str:
    return (
        f"built in: soft ellipses of {manifold.TRUE_DIM} factors, seed {manifold.DATA_SEED}; "
        f"{manifold.TRAIN_IMAGES:,} training and {manifold.TEST_IMAGES:,} held-out images"
    )


def _through_jpeg(splits: Splits) -> Splits:
    """Puts every image once through JPEG, in place, in train and test alike."""
    for split, images in (("training", splits.train), ("held-out", splits.test)):
        decode_all(images, images, _jpeg_round_trip, f"JPEG, {split}")
    note = f"; every image once through JPEG, quality {_JPEG_QUALITY}"
    return splits._replace(source=splits.source + note)


def _jpeg_round_trip(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, C] -> what is left of it after JPEG with Pillow's defaults."""
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
        encoded, "JPEG", quality=_JPEG_QUALITY
    )
    return np.asarray(Image.open(encoded)).reshape(image.shape)
