""".npz files of uint8 images, read and written some megabytes at a time."""

import dataclasses
import math
import pathlib
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tf_twostage import files
from tf_twostage.data import held_out
from tf_twostage.data.identity import content_hash
from tf_twostage.data.run_names import run_name
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import PIECE, Array, Storage, npy_header, write_array
from tf_twostage.errors import InputError

PAIRS = (("train", "test"), ("x_train", "x_test"))

_WANTED = (
    "expected uint8 [N, H, W] or [N, H, W, C] with C 1 or 3 and at least one image, under the keys "
    "train and test, x_train and x_test, or images, or as the only array (then at least two images)"
)


@dataclasses.dataclass(frozen=True)
class Npz:
    """The uint8 [N, H, W] or [N, H, W, C] arrays, C in {1, 3}, of an .npz file as a source.

    Takes keys train and test, or x_train and x_test; else `images` or the only array, a tenth of
    which (1 to 10,000) is held out, chosen by a hash of each image. Its methods raise InputError,
    saying what the file holds, for anything else.
    """

    path: pathlib.Path

    @property
    def run_name(self) -> str:
        return run_name(self.path.resolve().stem, "npz")

    def describe(self) -> str:
        """One line on the file's arrays; reads their headers only."""
        return _in_words(self.path, _chosen(self.path))

    def outline(self) -> Outline:
        """Shape and counts, from the arrays' headers."""
        first, *second = _chosen(self.path)
        test = second[0].images if second else held_out.count(first.images)
        train = first.images if second else first.images - test
        return Outline(first.image_shape, train, test)

    def load(self, storage: Storage) -> Splits:
        members = _chosen(self.path)
        try:
            if len(members) == 2:
                train, test = (_read(self.path, member, storage) for member in members)
            else:
                train, test = _hold_out(self.path, members[0], storage)
        except InputError:
            raise
        except Exception as error:  # whatever a damaged zip or .npy raises
            raise InputError(f"{self.path} can't be read ({error}): write it again") from error
        return Splits(train, test, _in_words(self.path, members), content_hash(train, test))


class Member(NamedTuple):
    """An array in an .npz file, as its header tells."""

    key: str
    shape: tuple[int, ...]
    fortran: bool  # whether in Fortran's order
    dtype: np.dtype

    @property
    def images(self) -> int:
        return self.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return (*self.shape[1:], 1) if len(self.shape) == 3 else self.shape[1:]

    @property
    def holds_images(self) -> bool:
        fits = len(self.shape) == 3 or (len(self.shape) == 4 and self.shape[3] in (1, 3))
        return self.dtype == np.uint8 and fits and 0 not in self.shape

    def __str__(self) -> str:
        return f"{self.key}: {self.dtype} {list(self.shape)}"


def read(path: pathlib.Path, key: str, storage: Storage) -> Array:
    """One array as uint8 [N, H, W, C]; raises what a damaged file makes zipfile or NumPy raise."""
    return _read(path, _members(path)[key], storage)


def write(path: pathlib.Path, arrays: dict[str, Array]) -> None:
    """Writes arrays as `np.savez` does, whole or not at all."""

    def write_all(temporary: pathlib.Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            for key, array in arrays.items():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                    write_array(member, array)

    files.replace_file(path, write_all)


def _chosen(path: pathlib.Path) -> tuple[Member, ...]:
    """The arrays to read, (train, test) or a single one; checks all but the values."""
    found = _members(path)
    keys = next((pair for pair in PAIRS if set(pair) <= set(found)), None)
    if keys is None:
        keys = ("images",) if "images" in found else tuple(found)
    members = tuple(found[key] for key in keys)
    both = keys in PAIRS
    holds = f"{path} holds {', '.join(map(str, found.values())) or 'no array'}"
    fits = all(member.holds_images for member in members)
    if not fits or not (both or (len(keys) == 1 and members[0].images > 1)):
        raise InputError(f"{holds}: {_WANTED}")
    if both and members[0].image_shape != members[1].image_shape:
        raise InputError(f"{holds}: both need images of one shape")
    return members


def _members(path: pathlib.Path) -> dict[str, Member]:
    """Every array in the file by its key."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    key = name.removesuffix(".npy")
                    with archive.open(name) as file:
                        found[key] = Member(key, *npy_header(file))
    except Exception as error:  # whatever a damaged zip or .npy raises
        raise InputError(f"{path} isn't a readable .npz ({error}): {_WANTED}") from error
    return found


def _read(path: pathlib.Path, member: Member, storage: Storage) -> Array:
    out, done = storage.empty((member.images, *member.image_shape)), 0
    for piece in _pieces(path, member):
        out[done : done + len(piece)] = piece
        done += len(piece)
    return out


def _hold_out(path: pathlib.Path, member: Member, storage: Storage) -> tuple[Array, Array]:
    """Splits an array by a hash of each image, in a second pass over the file."""
    mask = held_out.choose(image.tobytes() for piece in _pieces(path, member) for image in piece)
    splits = [storage.empty((int(np.sum(chosen)), *member.image_shape)) for chosen in (~mask, mask)]
    start, filled = 0, [0, 0]
    for piece in _pieces(path, member):
        held = mask[start : start + len(piece)]
        for split, rows in enumerate((piece[~held], piece[held])):
            splits[split][filled[split] : filled[split] + len(rows)] = rows
            filled[split] += len(rows)
        start += len(piece)
    return tuple(splits)


def _pieces(path: pathlib.Path, member: Member) -> Iterator[np.ndarray]:
    """The images of an array in order, uint8 [n, H, W, C] at a time."""
    if member.fortran:  # its images do not lie one after the other
        yield np.load(path)[member.key].reshape(member.images, *member.image_shape)
        return
    size = math.prod(member.image_shape)
    most = max(1, PIECE // size)
    with zipfile.ZipFile(path) as archive, archive.open(f"{member.key}.npy") as file:
        npy_header(file)  # leaves the file at the first image
        for start in range(0, member.images, most):
            count = min(most, member.images - start)
            data = file.read(count * size)
            yield np.frombuffer(data, np.uint8).reshape(count, *member.image_shape)
        file.read()  # to the end, where the checksum is


def _in_words(path: pathlib.Path, members: tuple[Member, ...]) -> str:
    if len(members) == 2:
        train, test = (member.images for member in members)
        return f"{path}: {train:,} training and {test:,} held-out images by its keys"
    return f"{path}: {held_out.in_words(members[0].images)}, chosen by a hash of each image"
