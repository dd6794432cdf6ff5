""".npz files of uint8 images, read and written some megabytes at a time."""

import math
import os
import pathlib
import zipfile
from collections.abc import Iterator

import numpy as np

from tf_twostage import files
from tf_twostage.data.decoding import (
    Outline,
    Splits,
    content_hash,
    held_out,
    held_out_count,
    share_text,
)
from tf_twostage.data.storage import PIECE, Array, Storage, npy_header, write_array
from tf_twostage.errors import InputError

PAIRS = (("train", "test"), ("x_train", "x_test"))

PathLike = str | os.PathLike
Header = tuple[tuple[int, ...], bool, np.dtype]  # shape, whether in Fortran's order, dtype

_WANTED = (
    "expected uint8 [N, H, W] or [N, H, W, C] with C 1 or 3 and at least one image, under the keys "
    "train and test, x_train and x_test, or images, or as the only array (then at least two images)"
)


def load(path: PathLike, storage: Storage) -> Splits:
    """Loads uint8 [N, H, W] or [N, H, W, C] arrays, C in {1, 3}, from an .npz file.

    Takes keys train and test, or x_train and x_test; else `images` or the only array, a tenth of
    which (1 to 10,000) is held out, chosen by a hash of each image. Raises InputError, saying what
    the file holds, for anything else.
    """
    path = pathlib.Path(path).expanduser()
    keys, _ = _plan(path)
    try:
        if len(keys) == 2:
            train, test = (read(path, key, storage) for key in keys)
        else:
            train, test = _hold_out(path, keys[0], storage)
    except InputError:
        raise
    except Exception as error:  # whatever a damaged zip or .npy raises
        raise InputError(f"{path} can't be read ({error}): write it again") from error
    return Splits(train, test, describe(path), content_hash(train, test))


def describe(path: PathLike) -> str:
    """One line on the file's arrays; reads their headers only. Raises InputError as load."""
    path = pathlib.Path(path).expanduser()
    keys, shapes = _plan(path)
    if len(keys) == 2:
        return f"{path}: {shapes[0][0]:,} training and {shapes[1][0]:,} held-out images by its keys"
    return f"{path}: {share_text(shapes[0][0])}, chosen by a hash of each image"


def outline(path: PathLike) -> Outline:
    """Shape and counts, from the arrays' headers. Raises InputError as load."""
    _, shapes = _plan(pathlib.Path(path).expanduser())
    counts = [shape[0] for shape in shapes]
    if len(counts) == 1:
        counts = [counts[0] - held_out_count(counts[0]), held_out_count(counts[0])]
    return Outline(_image_shape(shapes[0]), *counts)


def read(path: pathlib.Path, key: str, storage: Storage) -> Array:
    """One array as uint8 [N, H, W, C]; raises what a damaged file makes zipfile or NumPy raise."""
    shape = _headers(path)[key][0]
    out, done = storage.empty((shape[0], *_image_shape(shape))), 0
    for piece in _pieces(path, key):
        out[done : done + len(piece)] = piece
        done += len(piece)
    return out


def write(path: pathlib.Path, arrays: dict[str, Array]) -> None:
    """Writes arrays as `np.savez` does, whole or not at all."""

    def write_all(temporary: pathlib.Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            for key, array in arrays.items():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                    write_array(member, array)

    files.replace_file(path, write_all)


def _hold_out(path: pathlib.Path, key: str, storage: Storage) -> tuple[Array, Array]:
    """Splits an array by a hash of each image, in a second pass over the file."""
    mask = held_out(image.tobytes() for piece in _pieces(path, key) for image in piece)
    shape = _image_shape(_headers(path)[key][0])
    splits = [storage.empty((int(np.sum(chosen)), *shape)) for chosen in (~mask, mask)]
    start, filled = 0, [0, 0]
    for piece in _pieces(path, key):
        held = mask[start : start + len(piece)]
        for split, rows in enumerate((piece[~held], piece[held])):
            splits[split][filled[split] : filled[split] + len(rows)] = rows
            filled[split] += len(rows)
        start += len(piece)
    return tuple(splits)


def _pieces(path: pathlib.Path, key: str) -> Iterator[np.ndarray]:
    """The images of an array in order, uint8 [n, H, W, C] at a time."""
    with zipfile.ZipFile(path) as archive, archive.open(_member(archive, key)) as member:
        shape, fortran, _ = npy_header(member)
        image_shape = _image_shape(shape)
        if fortran:  # its images do not lie one after the other
            yield np.load(path)[key].reshape(shape[0], *image_shape)
            return
        most = max(1, PIECE // math.prod(image_shape))
        for start in range(0, shape[0], most):
            count = min(most, shape[0] - start)
            data = member.read(count * math.prod(image_shape))
            yield np.frombuffer(data, np.uint8).reshape(count, *image_shape)
        member.read()  # to the end, where the checksum is


def _plan(path: pathlib.Path) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """Keys to read, (train, test) or a single one, and their shapes; checks all but the values."""
    headers = _headers(path)
    keys = next((pair for pair in PAIRS if set(pair) <= set(headers)), None)
    if keys is None:
        keys = ("images",) if "images" in headers else tuple(headers)
    if len(keys) not in (1, 2) or (len(keys) == 2 and keys not in PAIRS):
        raise InputError(f"{path} holds {_holdings(headers)}: {_WANTED}")
    least = 1 if len(keys) == 2 else 2
    for key in keys:
        shape, _, dtype = headers[key]
        fits = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
        if dtype != np.uint8 or not fits or shape[0] < least or 0 in shape:
            raise InputError(f"{path} holds {_holdings(headers)}: {_WANTED}")
    shapes = [headers[key][0] for key in keys]
    if len(shapes) == 2 and _image_shape(shapes[0]) != _image_shape(shapes[1]):
        raise InputError(f"{path} holds {_holdings(headers)}: both need images of one shape")
    return keys, shapes


def _image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[1:], 1) if len(shape) == 3 else shape[1:]


def _headers(path: pathlib.Path) -> dict[str, Header]:
    """Header of each array in the file."""
    headers = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    headers[name.removesuffix(".npy")] = npy_header(member)
    except Exception as error:  # whatever a damaged zip or .npy raises
        raise InputError(f"{path} isn't a readable .npz ({error}): {_WANTED}") from error
    return headers


def _member(archive: zipfile.ZipFile, key: str) -> str:
    return f"{key}.npy" if f"{key}.npy" in archive.namelist() else key


def _holdings(headers: dict[str, Header]) -> str:
    return ", ".join(f"{k}: {d} {list(s)}" for k, (s, _, d) in headers.items()) or "no array"
