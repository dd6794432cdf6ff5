"""A user's own images: any folder of pictures of one size."""

import dataclasses
import itertools
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tf_twostage.data import held_out, image_files
from tf_twostage.data.decoding import decode_all
from tf_twostage.data.identity import content_hash, digest
from tf_twostage.data.resizing import centred_square
from tf_twostage.data.run_names import run_name
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Array, Storage
from tf_twostage.errors import InputError, shown

TRAIN = "train"
HELD_OUT = ("test", "validation", "val", "valid")  # the first that a folder has beside train/

_WANTED = (
    f"put two or more {', '.join(image_files.SUFFIXES)} files of one size there, "
    "or name another folder"
)


@dataclasses.dataclass(frozen=True)
class Folder:
    """Every image below a folder, in the order of the paths, as a source.

    Which files count and how one is read: `image_files`. All images must have one size, or
    `image_size` be given: then the middle square of each is resized to image_size x image_size.
    They are grey (uint8 [N, H, W, 1]) if every file is stored as grey, else RGB (uint8
    [N, H, W, 3]). With subfolders train/ and one of HELD_OUT, those two are the splits and the
    rest is left out; else a tenth (1 to 10,000) is held out, chosen by a hash of the paths within
    the folder.

    Its methods raise InputError, naming the file, for one that can't be read or has another size,
    and for a folder with fewer than two images.
    """

    root: pathlib.Path
    image_size: int | None = None

    @property
    def run_name(self) -> str:
        return run_name(self.root.resolve().name, "folder", self.image_size)

    def describe(self) -> str:
        """One line on the folder's images; lists them but reads none."""
        return str(_listed(self.root))

    def outline(self) -> Outline:
        """Shape and counts, from the files' headers."""
        files = _listed(self.root)
        shape = _common_shape(files, self.image_size)
        return Outline(shape, len(files.train), len(files.test), files.identity)

    def load(self, storage: Storage) -> Splits:
        files = _listed(self.root)
        if files.left_out:
            print(f"{shown(self.root)}: {files.left_out}", file=sys.stderr)
        shape = _common_shape(files, self.image_size)
        arrays = [_decoded(files, names, shape, storage) for names in (files.train, files.test)]
        return Splits(*arrays, str(files), content_hash(*arrays))


class Files(NamedTuple):
    """A folder's images to train on and to hold out, each in the order of their paths."""

    root: pathlib.Path
    train: list[str]  # their paths below it
    test: list[str]
    split: str  # how they were told apart, in words
    left_out: str  # what else there is, in words; '' if nothing

    @property
    def identity(self) -> str:
        """Hash over names within the folder and sizes in bytes, not over times."""
        sizes = (f"{os.stat(self.root / name).st_size} {name}" for name in self.names())
        return digest(itertools.chain([str(len(self.train))], sizes))[:12]

    def names(self) -> Iterator[str]:
        """All of them, those to train on first."""
        return itertools.chain(self.train, self.test)

    def __str__(self) -> str:
        left_out = f"; {self.left_out}" if self.left_out else ""
        return f"{shown(self.root)}: {self.split}{left_out}"


def _listed(root: pathlib.Path) -> Files:
    found = image_files.find(root)
    with os.scandir(root) as entries:
        folders = sorted(entry.name for entry in entries if entry.is_dir())
    names = {name.lower(): name for name in folders}  # of Train and train the latter
    held = next((names[name] for name in HELD_OUT if name in names), None)
    if TRAIN in names and held:
        return _by_subfolders(root, found, names[TRAIN], held)
    return _by_hash(root, found)


def _by_subfolders(root: pathlib.Path, found: image_files.Found, train: str, test: str) -> Files:
    splits = [
        [name for name in found.names if name.partition("/")[0] == folder]
        for folder in (train, test)
    ]
    for name, files in zip((train, test), splits, strict=True):
        if not files:
            raise InputError(f"no image of its own in {root / name}: {_WANTED}")
    counts = [len(files) for files in splits]
    text = f"{counts[0]:,} training images in {train}/, {counts[1]:,} held out in {test}/"
    outside = len(found.names) - sum(counts)
    images = f"{outside:,} images outside {train}/ and {test}/ left out" if outside else ""
    others = image_files.left_out_in_words(found.left_out)
    return Files(root, *splits, text, "; ".join(filter(None, (images, others))))


def _by_hash(root: pathlib.Path, found: image_files.Found) -> Files:
    files = found.names
    others = image_files.left_out_in_words(found.left_out)
    if len(files) < 2:
        few = f"only one image, {os.path.basename(files[0])}," if files else "no image"
        raise InputError(f"{few} in {root}{f' ({others})' if others else ''}: {_WANTED}")
    mask = held_out.choose(map(os.fsencode, files))
    splits = [[files[i] for i in np.flatnonzero(chosen)] for chosen in (~mask, mask)]
    text = f"{held_out.in_words(len(files))}, chosen by a hash of their paths"
    return Files(root, *splits, text, others)


def _common_shape(files: Files, image_size: int | None) -> tuple[int, int, int]:
    """The one (H, W, C) of all images; C is 1 if all are grey, else 3."""
    firsts: dict[tuple[int, int], str] = {}  # size -> the first image that has it
    counts: Counter[tuple[int, int]] = Counter()
    grey = True
    for name in files.names():
        header = image_files.header(files.root / name)
        grey = grey and header.grey
        firsts.setdefault(header.size, name)
        counts[header.size] += 1
    channels = 1 if grey else 3
    if image_size is not None:
        return image_size, image_size, channels
    (size, share), *others = counts.most_common()
    if others:
        odd = next(other for other in firsts if other != size)
        raise InputError(
            "{} is {}x{} pixels, while {:,} of {:,} images are {}x{}: "
            "all must have one size, resize or remove it, or give --image_size".format(
                files.root / firsts[odd], *odd, share, counts.total(), *size
            )
        )
    width, height = size
    return height, width, channels


def _decoded(
    files: Files, names: list[str], shape: tuple[int, int, int], storage: Storage
) -> Array:
    """Decodes files into one array, uint8 [N, *shape]."""
    height, width, channels = shape

    def fit(image: np.ndarray) -> np.ndarray:
        image = image.reshape(*image.shape[:2], channels)
        return image if image.shape == shape else centred_square(image, height)

    def decode(name: str) -> np.ndarray:
        return image_files.read(files.root / name, "L" if channels == 1 else "RGB", fit)

    return decode_all(names, storage.empty((len(names), *shape)), decode, "images")
