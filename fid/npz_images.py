"""Images in an `.npz` file."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fid.errors import Error

_CHUNK = 64  # images read at a time
_WANTED = "an array of images [N, H, W] or [N, H, W, 1 or 3]"


class Header(NamedTuple):
    """What an array in the file is, known without reading it."""

    shape: tuple[int, ...]
    fortran: bool  # the first axis runs fastest, so that images do not lie one after the other
    dtype: np.dtype

    @property
    def is_images(self) -> bool:
        """Whether shape and dtype are those of images."""
        layout = len(self.shape) == 3 or (len(self.shape) == 4 and self.shape[3] in (1, 3))
        return layout and self.dtype.kind in "fui"


class Npz:
    """The array of images in an `.npz` file, read piece by piece.

    It is the array called `key`; without a key the one named `images`, else the only one whose
    shape and dtype are those of images: labels may lie beside it.

    Raises:
        Error: the file cannot be read, or does not say which array is meant.
    """

    def __init__(self, path: str | os.PathLike, key: str | None = None):
        self.path = Path(path)
        headers = _headers(self.path)
        self.key = _chosen(headers, key, self.path)
        self.shape, self._fortran, self.dtype = headers[self.key]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.key}.npy") as file:
                if self._fortran:
                    whole = np.lib.format.read_array(file)
                    yield from (whole[i : i + _CHUNK] for i in range(0, len(self), _CHUNK))
                else:
                    yield from self._pieces(file)
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise error if isinstance(error, Error) else unreadable(self.path) from None

    def _pieces(self, file: Any) -> Iterator[np.ndarray]:
        _read_header(file)
        step = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        for start in range(0, len(self), _CHUNK):
            count = min(_CHUNK, len(self) - start)
            values = np.frombuffer(file.read(count * step), self.dtype)
            yield values.reshape(count, *self.shape[1:])


def keys(path: str | os.PathLike) -> set[str]:
    """The names of the arrays in an `.npz` file; none if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return set()  # whoever opens it says what is wrong


def split_key(path: str | os.PathLike) -> tuple[Path, str | None]:
    """`file.npz:key` as path and key; the key is None where the path has none."""
    text = os.fspath(path)
    name, found, key = text.rpartition(".npz:")
    if not found or Path(text).exists():
        return Path(text), None
    return Path(f"{name}.npz"), key


def unreadable(path: Path) -> Error:
    """What to say of a NumPy file that is none."""
    return Error(f"{path} cannot be read as a NumPy file: it is damaged or of another kind")


def _headers(path: Path) -> dict[str, Header]:
    """The header of each array in the file."""
    headers = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as file:
                        headers[name.removesuffix(".npy")] = _read_header(file)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error):
        raise unreadable(path) from None
    return headers


def _read_header(file: Any) -> Header:
    version = np.lib.format.read_magic(file)
    if version[0] == 1:
        return Header(*np.lib.format.read_array_header_1_0(file))
    return Header(*np.lib.format.read_array_header_2_0(file))


def _chosen(headers: dict[str, Header], key: str | None, path: Path) -> str:
    """The key of the images."""
    fitting = [name for name, header in headers.items() if header.is_images]
    if key is not None:
        if key in fitting:
            return key
        raise Error(f"{path} holds {_holdings(headers)}: none called {key} is {_WANTED}")
    if "images" in fitting:
        return "images"
    if len(fitting) == 1:
        return fitting[0]
    advice = (
        f"say which, such as {path}:{fitting[-1]}"
        if fitting
        else f"expected mu and sigma, or {_WANTED}"
    )
    raise Error(f"{path} holds {_holdings(headers)}: {advice}")


def _holdings(headers: dict[str, Header]) -> str:
    each = (f"{key}: {header.dtype} {list(header.shape)}" for key, header in headers.items())
    return ", ".join(each) or "no array"
