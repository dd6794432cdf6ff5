"""Images in an `.npz` file."""

import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fid.errors import Error, shown

_CHUNK = 64  # images read at a time, or fewer where they are large
_PIECE = 2**24  # bytes of so many
_MOST_TURNED = 2**32  # bytes of an array in Fortran's order: it is read whole
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

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


class Npz:
    """The array of images in an `.npz` file, read piece by piece.

    It is the array called `key`; without a key the one named `images`, else the only one whose
    shape and dtype are those of images: labels may lie beside it.

    Raises:
        Error: the file cannot be read, or does not say which array is meant.
    """

    def __init__(self, path: str | os.PathLike, key: str | None = None):
        self.path = Path(path)
        found = headers(self.path)
        self.key = _chosen(found, key, self.path)
        self.shape, self._fortran, self.dtype = found[self.key]
        if self._fortran and found[self.key].size > _MOST_TURNED:
            raise Error(
                f"{self.path}: {shown(self.key)} is large and in Fortran's order; "
                "write it again with np.ascontiguousarray"
            )

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
        except Exception:  # whatever a damaged zip or .npy raises
            raise unreadable(self.path) from None

    def _pieces(self, file: Any) -> Iterator[np.ndarray]:
        _read_header(file)
        step, most = math.prod(self.shape[1:]) * self.dtype.itemsize, at_once(self)
        for start in range(0, len(self), most):
            count = min(most, len(self) - start)
            values = np.frombuffer(file.read(count * step), self.dtype)
            yield values.reshape(count, *self.shape[1:])


def at_once(images: Any) -> int:
    """How many images of an array [N, ...] are taken at a time."""
    row = math.prod(images.shape[1:]) * getattr(images.dtype, "itemsize", 4)
    return min(_CHUNK, max(1, _PIECE // max(1, row)))


def keys(path: str | os.PathLike) -> set[str]:
    """The names of the arrays in an `.npz` file; none if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except Exception:  # whatever a damaged zip raises
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


def headers(path: Path) -> dict[str, Header]:
    """The header of each array in the file.

    Raises:
        Error: the file cannot be read; a header claims more or fewer values than there are.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith(".npy"):
                    with archive.open(info) as file:
                        header = _read_header(file)
                        _check_size(header, info.file_size - file.tell())
                    found[info.filename.removesuffix(".npy")] = header
    except Exception:  # whatever a damaged zip or .npy raises
        raise unreadable(path) from None
    return found


def mapped(path: Path) -> np.ndarray:
    """The array of an `.npy` file, mapped.

    Raises:
        Error: the file cannot be read; its header claims more or fewer values than there are.
    """
    try:
        with path.open("rb") as file:
            header = _read_header(file)
            _check_size(header, path.stat().st_size - file.tell())
        return np.lib.format.open_memmap(path, mode="r")
    except Exception:  # whatever a damaged header raises
        raise unreadable(path) from None


def _read_header(file: Any) -> Header:
    version = np.lib.format.read_magic(file)
    if version[0] == 1:
        return Header(*np.lib.format.read_array_header_1_0(file))
    return Header(*np.lib.format.read_array_header_2_0(file))


def _check_size(header: Header, size: int) -> None:
    """Raises ValueError where the values that follow a header are not of the size it claims.

    NumPy itself divides by 0, which ends the process, for a negative length of values of no bytes.
    """
    if min(header.shape, default=0) < 0:
        raise ValueError("the header claims a negative length")
    if not header.dtype.hasobject and header.size != size:
        raise ValueError("the header claims another size")


def _chosen(found: dict[str, Header], key: str | None, path: Path) -> str:
    """The key of the images."""
    fitting = [name for name, header in found.items() if header.is_images]
    if key is not None:
        if key in fitting:
            return key
        raise Error(f"{path} holds {_holdings(found)}: none called {key} is {_WANTED}")
    if "images" in fitting:
        return "images"
    if len(fitting) == 1:
        return fitting[0]
    advice = (
        f"say which, such as {path}:{shown(fitting[-1])}"
        if fitting
        else f"expected mu and sigma, or {_WANTED}"
    )
    raise Error(f"{path} holds {_holdings(found)}: {advice}")


def _holdings(found: dict[str, Header]) -> str:
    each = (f"{key}: {header.dtype} {list(header.shape)}" for key, header in found.items())
    return shown(", ".join(each)) or "no array"
