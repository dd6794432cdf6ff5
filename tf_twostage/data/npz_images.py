""".npz files of uint8 images, read and written some megabytes at a time."""

import dataclasses
import math
import os
import pathlib
import zipfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tf_twostage.data import held_out
from tf_twostage.data.identity import content_hash, identity
from tf_twostage.data.run_names import run_name
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import PIECE, Array, Storage, npy_header
from tf_twostage.errors import InputError, reason, shown

# Keys of the images to train on and of those held out, as users name them; the first that fit.
PAIRS = tuple(
    (form.format("train"), form.format(held))
    for held in ("test", "validation", "val")
    for form in ("{}", "x_{}", "X_{}", "{}_images")
)

_MOST_TURNED = 2**32  # bytes of an array in Fortran's order: it is read whole

_WANTED = (
    "expected uint8 [N, H, W] or [N, H, W, C] with C 1 or 3 and at least one image, under the keys "
    "train and test, x_train and x_test, train_images and test_images, or images, or as the only "
    "array of that kind (then at least two images)"
)


@dataclasses.dataclass(frozen=True)
class Npz:
    """The uint8 [N, H, W] or [N, H, W, C] arrays, C in {1, 3}, of an .npz file as a source.

    Takes a pair of keys such as train and test (PAIRS); else `images`, else the only array of
    images, whatever lies beside it. Of a single array a tenth (1 to 10,000) is held out, chosen by
    a hash of each image. Its methods raise InputError, saying what the file holds, for anything
    else.
    """

    path: pathlib.Path
    key: str | None = None  # the array to take, alone

    @property
    def run_name(self) -> str:
        stem = self.path.resolve().stem
        return run_name(stem if self.key is None else f"{stem}-{self.key}", "npz")

    def describe(self) -> str:
        """One line on the file's arrays; reads their headers only."""
        return _in_words(self.path, _chosen(self.path, self.key))

    def outline(self) -> Outline:
        """Shape and counts, from the arrays' headers."""
        members = _chosen(self.path, self.key)
        first, *second = members
        test = second[0].images if second else held_out.count(first.images)
        train = first.images if second else first.images - test
        contents = (f"{member} {member.crc}" for member in members)
        return Outline(first.image_shape, train, test, identity(*contents))

    def load(self, storage: Storage) -> Splits:
        members = _chosen(self.path, self.key)
        try:
            if len(members) == 2:
                train, test = (_read(self.path, member, storage) for member in members)
            else:
                train, test = _hold_out(self.path, members[0], storage)
        except InputError:
            raise
        except Exception as error:  # whatever a damaged zip or .npy raises
            text = f"{self.path} can't be read ({reason(error)}): write it again"
            raise InputError(text) from error
        return Splits(train, test, _in_words(self.path, members), content_hash(train, test))


def split_key(name: str) -> tuple[pathlib.Path, str | None]:
    """'faces.npz:photos' -> the path and the key; the key is None where the name has none."""
    path = os.path.expanduser(name)
    stem, found, key = path.rpartition(".npz:")
    if not found or os.path.exists(path):
        return pathlib.Path(path), None
    return pathlib.Path(f"{stem}.npz"), key


class Member(NamedTuple):
    """An array in an .npz file, as its header tells."""

    key: str
    shape: tuple[int, ...]
    fortran: bool  # whether in Fortran's order
    dtype: np.dtype
    crc: int  # the zip's checksum of header and values

    @property
    def images(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return (*self.shape[1:], 1) if len(self.shape) == 3 else self.shape[1:]

    @property
    def holds_images(self) -> bool:
        fits = len(self.shape) == 3 or (len(self.shape) == 4 and self.shape[3] in (1, 3))
        return self.dtype == np.uint8 and fits and 0 not in self.shape

    def __str__(self) -> str:
        return f"{shown(self.key)}: {self.dtype} {list(self.shape)}"


def _chosen(path: pathlib.Path, key: str | None) -> tuple[Member, ...]:
    """The arrays to read, (train, test) or a single one; checks all but the values."""
    found = _members(path)
    members = tuple(found[name] for name in _keys(path, found, key))
    both = len(members) == 2
    if not all(member.holds_images for member in members) or not (both or members[0].images > 1):
        raise InputError(f"{_holdings(path, found)}: {_WANTED}")
    if both and members[0].image_shape != members[1].image_shape:
        raise InputError(f"{_holdings(path, found)}: both need images of one shape")
    if any(member.fortran and member.size > _MOST_TURNED for member in members):
        raise InputError(
            f"{_holdings(path, found)}, in Fortran's order and too large for that: "
            "write it again with np.ascontiguousarray"
        )
    return members


def _keys(path: pathlib.Path, found: dict[str, Member], key: str | None) -> tuple[str, ...]:
    """The keys of the arrays to read."""
    if key is not None:
        if key not in found:
            raise InputError(f"{_holdings(path, found)}: none is called {key}")
        return (key,)
    pair = next((pair for pair in PAIRS if set(pair) <= set(found)), None)
    if pair:
        return pair
    fitting = [name for name, member in found.items() if member.holds_images]
    if "images" in fitting or len(fitting) == 1:
        return ("images",) if "images" in fitting else (fitting[0],)
    say = f"name one, such as {path}:{fitting[0]}" if fitting else _WANTED
    raise InputError(f"{_holdings(path, found)}: {say}")


def _members(path: pathlib.Path) -> dict[str, Member]:
    """Every array in the file by its key."""
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    key = info.filename.removesuffix(".npy")
                    with archive.open(info) as file:
                        found[key] = member = Member(key, *npy_header(file), info.CRC)
                        _check_size(member, info.file_size - file.tell())
    except Exception as error:  # whatever a damaged zip or .npy raises
        text = f"{path} isn't a readable .npz ({reason(error)}): {_WANTED}"
        raise InputError(text) from error
    return found


def _check_size(member: Member, size: int) -> None:
    """Raises ValueError where the values that follow a header are not of the size it claims."""
    sound = min(member.shape, default=0) >= 0 and member.size == size
    if not member.dtype.hasobject and not sound:
        raise ValueError(f"{shown(member.key)} has {size:,} bytes, and its header claims others")


def _holdings(path: pathlib.Path, found: dict[str, Member]) -> str:
    return f"{shown(path)} holds {', '.join(map(str, found.values())) or 'no array'}"


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
        whole = np.load(path, allow_pickle=False)[member.key]
        yield whole.reshape(member.images, *member.image_shape)
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
        return f"{shown(path)}: {train:,} training and {test:,} held-out images by its keys"
    return f"{shown(path)}: {held_out.in_words(members[0].images)}, chosen by a hash of each image"
