"""Images in files that hold many: Hugging Face's Parquet and Arrow files, WebDataset's tars."""

import collections
import dataclasses
import functools
import itertools
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tf_twostage.data import held_out, image_files, shard_readers
from tf_twostage.data.decoding import decode_all
from tf_twostage.data.folders import HELD_OUT, TRAIN, Files
from tf_twostage.data.identity import content_hash
from tf_twostage.data.resizing import centred_square
from tf_twostage.data.run_names import run_name
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Storage
from tf_twostage.errors import InputError, shown

_MOST_PIXELS = 178_956_970  # of an image: Pillow's own limit
_SPLIT = re.compile(rf"(?<![a-z])({'|'.join((TRAIN, *HELD_OUT))})(?![a-z])")


class _Encoded(NamedTuple):
    """An image as it lies in a file."""

    content: bytes | None
    place: str  # for a message


@dataclasses.dataclass(frozen=True)
class Shards:
    """The images of one file, or of all files below a folder in the order of their paths.

    Where paths have the words `train` and one of HELD_OUT (the first of them that any has), those
    files are the splits, and others are left out. Else a tenth (1 to 10,000) is held out, chosen by
    a hash of each encoded image. All images must have the size of the first, or `image_size` be
    given; they are grey if the first is. Its methods raise InputError, naming the place, for
    anything else, and where pyarrow is needed and missing.
    """

    path: pathlib.Path
    image_size: int | None = None  # cuts out the middle square of each image and resizes it

    @property
    def run_name(self) -> str:
        place = self.path.resolve()
        return run_name(place.name if place.is_dir() else place.stem, "shards", self.image_size)

    def describe(self) -> str:
        return str(self._listed()[0])

    def outline(self) -> Outline:
        """Counts, and the shape of the first image; decodes no other."""
        files, train, test = self._listed()
        return Outline(self._shape(files), train, test, files.identity)

    def load(self, storage: Storage) -> Splits:
        files, *counts = self._listed()
        shape = self._shape(files)
        parts = [_encoded(files, files.train), _encoded(files, files.test)]
        if not files.test:
            mask = held_out.choose(image.content or b"" for image in parts[0])
            parts = [
                itertools.compress(_encoded(files, files.train), kept) for kept in (~mask, mask)
            ]
        decode = functools.partial(self._decoded, shape=shape)
        arrays = [
            decode_all(part, storage.empty((count, *shape)), decode, shown(self.path))
            for part, count in zip(parts, counts, strict=True)
        ]
        return Splits(*arrays, str(files), content_hash(*arrays))

    def _listed(self) -> tuple[Files, int, int]:
        """The files of both splits (of the first alone, where none is held out), and the counts."""
        paths, named = shard_readers.find(self.path), collections.defaultdict(list)
        for path in paths:
            word = _SPLIT.search(path.relative_to(self.path).as_posix().lower())
            named[word[1] if word else ""].append(path)
        held = next((word for word in HELD_OUT if word in named), None)
        by_name = TRAIN in named and held
        parts = (named[TRAIN], named[held]) if by_name else (paths, [])
        train, test = (sum(map(shard_readers.count, part)) for part in parts)
        if not by_name and train > 1:
            train, test = train - held_out.count(train), held_out.count(train)
        how = "by the names of files" if by_name else "by a hash of each encoded image"
        text = f"{train:,} training and {test:,} held-out images, {how}"
        if not train or not test:
            raise InputError(f"{self.path} has {text}: at least one of each is needed")
        others = len(paths) - sum(map(len, parts))
        left_out = f"files of other splits, left out: {others:,}" if others else ""
        names = [[path.relative_to(self.path).as_posix() for path in part] for part in parts]
        return Files(self.path, *names, text, left_out), train, test

    def _shape(self, files: Files) -> tuple[int, int, int]:
        """(H, W, C) of what comes out."""
        none = _Encoded(None, f"the first image of {self.path}")
        return self._pixels(next(_encoded(files, files.train), none)).shape

    def _decoded(self, image: _Encoded, shape: tuple[int, int, int]) -> np.ndarray:
        """The pixels, uint8 [H, W, C], or [H, W, 1] of a grey image."""
        pixels = self._pixels(image)
        if pixels.shape[:2] == shape[:2] and pixels.shape[2] <= shape[2]:
            return pixels
        raise InputError(
            f"{image.place} has the shape {pixels.shape}, the first one {shape} (height, width, "
            "channels): convert those that differ, or give one size with --image_size"
        )

    def _pixels(self, image: _Encoded) -> np.ndarray:
        """uint8 [H, W, 1] of an image that is stored as grey, else [H, W, 3]; resized."""
        if not isinstance(image.content, bytes):
            raise InputError(
                f"{image.place} is not in the file: save the set with its images in it"
            )
        try:
            pixels = image_files.decode(image.content, None, _MOST_PIXELS)
        except InputError as error:
            raise InputError(f"{image.place}: {error}") from error
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        return pixels if self.image_size is None else centred_square(pixels, self.image_size)


def _encoded(files: Files, names: list[str]) -> Iterator[_Encoded]:
    for path in (files.root / name for name in names):
        for number, content in enumerate(shard_readers.images(path)):
            yield _Encoded(content, f"image {number:,} of {path}")
