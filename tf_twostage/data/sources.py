"""Name -> source: the built-in manifold, TensorFlow Datasets, CelebA's files, a folder, a file."""

import os
import pathlib
from typing import Protocol

from tf_twostage.data import npz_images, shard_readers
from tf_twostage.data.celeba import CelebAFromFiles, CelebAFromTfds
from tf_twostage.data.folders import Folder
from tf_twostage.data.manifold import Manifold
from tf_twostage.data.run_names import NAMES
from tf_twostage.data.shards import Shards
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Storage
from tf_twostage.data.tfds_images import TfdsImages
from tf_twostage.data.tfds_named import PREFIX, TfdsNamed
from tf_twostage.errors import InputError
from tf_twostage.files import PathLike


class Source(Protocol):
    """Where images come from: made without reading any, and the same in a spawned process."""

    @property
    def run_name(self) -> str:
        """The name of the folder that holds the runs on these images."""

    def describe(self) -> str:
        """One line on where `load` would take the images from; downloads nothing.

        Raises InputError for a folder or file that `load` could not begin on.
        """

    def outline(self) -> Outline:
        """What `load` would give; decodes and downloads nothing.

        For a set that TFDS would download, the counts are those of the whole set. Raises
        InputError as `describe`.
        """

    def load(self, storage: Storage) -> Splits:
        """Reads the images: the same ones in the same order every time.

        Raises InputError for what is missing, damaged or of the wrong kind.
        """


def find(
    name: PathLike,
    data_dir: PathLike | None = None,
    celeba_dir: PathLike | None = None,
    image_size: int | None = None,
    cache_dir: PathLike | None = None,
) -> Source:
    """Finds the source that a name means.

    Args:
      name: one of NAMES, "tfds:" and the name of a prepared set of TensorFlow Datasets, or the
        path of a folder of images or shards, of a shard (.parquet, .arrow, .tar), or of an .npz
        file, with ":" and a key where one array is meant.
      data_dir: where TensorFlow Datasets keeps its sets; its own default if None.
      celeba_dir: CelebA's files instead of TFDS': img_align_celeba/ or its zip, or their parent.
      image_size: of folders, shards and "tfds:" sets, the middle square of each image is resized
        to image_size x image_size; None: as they are.
      cache_dir: where cropped CelebA is kept; ~/.cache/tf_twostage if None.

    Raises:
      InputError: an unknown name, or a size for images that have one of their own.
    """
    if image_size is not None and image_size < 1:
        raise InputError(f"--image_size {image_size}: give a number of pixels, at least 1")
    name = os.fspath(name)
    path, key = npz_images.split_key(name)
    if name.startswith(PREFIX):
        return TfdsNamed(name.removeprefix(PREFIX), data_dir, image_size)
    if name and name not in NAMES and os.path.isdir(path):
        return Shards(path, image_size) if shard_readers.fill(path) else Folder(path, image_size)
    if path.suffix.lower() in shard_readers.SUFFIXES and os.path.isfile(path):
        return Shards(path, image_size)
    if name in NAMES:
        source = _known(name, data_dir, celeba_dir, cache_dir)
    elif path.suffix == ".npz" and os.path.isfile(path):
        source = npz_images.Npz(path, key)
    else:
        raise InputError(_unknown(name, path))
    if image_size is not None:
        raise InputError(
            "--image_size is for folders of images, shards and tfds: sets; "
            f"{name} has one of its own"
        )
    return source


def _known(
    name: str,
    data_dir: PathLike | None,
    celeba_dir: PathLike | None,
    cache_dir: PathLike | None,
) -> Source:
    """The source of one of NAMES."""
    if name == "manifold":
        return Manifold()
    if name != "celeba":
        return TfdsImages(name, data_dir)
    if celeba_dir is not None:
        return CelebAFromFiles(celeba_dir, cache_dir)
    return CelebAFromTfds(data_dir, cache_dir)


def _unknown(name: str, path: pathlib.Path) -> str:
    isfile = os.path.isfile(path)
    what = "a file of no known kind" if isfile else "no such file or folder"
    return (
        f"unknown data set {name!r} ({what}): use {', '.join(NAMES)}, tfds:NAME, "
        "or the path of a folder of images, or of an .npz, .parquet, .arrow or .tar file"
    )
