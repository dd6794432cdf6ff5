"""Large arrays: in memory as long as they fit a limit, else as rows of a file."""

import contextlib
import math
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from tf_twostage import files, sealed
from tf_twostage.errors import InputError

GB = 1e9

ALIGNMENT = 64  # bytes; TensorFlow uses such memory as it is and copies any other
_CONTAINER_LIMITS = (  # Linux' control groups, versions 2 and 1
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
PIECE = 2**24  # bytes of an array that are read or written at once


def in_memory(shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> np.ndarray:
    """`np.empty` at an address that TensorFlow can use without a copy."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


class FileRows:
    """An array [N, ...] in a file, of which memory holds only what is asked for.

    `rows[i]`, `rows[a:b]` and `rows[[i, j, ...]]` read, `rows[i] = x` and `rows[a:b] = x` write.
    Reading takes no lock and frees Python's, so that threads can do it side by side.

    Args:
      file: open for binary reading (and writing, to be written to); kept open by this object.
      shape: [N, ...].
      dtype: of the elements, as they lie in the file.
      offset: bytes before the first row.
    """

    def __init__(self, file, shape: tuple[int, ...], dtype: DTypeLike, offset: int = 0):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._file = file
        self._offset = offset
        self._row = math.prod(self.shape[1:]) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __getitem__(self, rows) -> np.ndarray:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._read(start, max(0, stop - start))
            rows = np.arange(start, stop, step)
        if np.ndim(rows) == 0:
            return self._read(self._number(rows), 1)[0]
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        data = _bytes_of(out)
        for place, row in enumerate(np.asarray(rows).tolist()):
            self._fill(data[place * self._row : (place + 1) * self._row], self._number(row))
        return out

    def __setitem__(self, rows, values) -> None:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
        else:
            start = self._number(rows)
            stop = start + 1
        shape = (stop - start, *self.shape[1:])
        data = _bytes_of(np.ascontiguousarray(np.broadcast_to(values, shape), self.dtype))
        place = self._offset + start * self._row
        while data:
            written = os.pwrite(self._file.fileno(), data, place)
            data, place = data[written:], place + written

    def __iter__(self) -> Iterator[np.ndarray]:
        return (row for piece in pieces(self) for row in piece)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _number(self, row) -> int:
        row = int(row)
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return row % len(self)

    def _read(self, start: int, count: int) -> np.ndarray:
        out = np.empty((count, *self.shape[1:]), self.dtype)
        self.read_into(out, start)
        return out

    def read_into(self, out: np.ndarray, start: int) -> None:
        """Fills `out`, C-contiguous, with as many rows as it has, from `start` on."""
        self._fill(_bytes_of(out), start)

    def _fill(self, data: memoryview, start: int) -> None:
        place = self._offset + start * self._row
        while data:
            read = os.preadv(self._file.fileno(), [data], place)
            if not read:
                raise OSError(f"{self._file.name} ends too early")
            data, place = data[read:], place + read


def _bytes_of(array: np.ndarray) -> memoryview:
    """The memory of a C-contiguous array."""
    return memoryview(array.reshape(-1).view(np.uint8))


Array = np.ndarray | FileRows


class Storage:
    """Makes arrays: in memory until they come to a limit together, from then on in files.

    The files have no name, so nothing is left of them when the process ends, however it ends.

    Args:
      limit: bytes; None: half of the machine's memory.
      folder: where such files lie; the system's temporary folder if None.
    """

    def __init__(self, limit: float | None = None, folder: str | os.PathLike | None = None):
        self.limit = half_of_memory() if limit is None else limit
        self.folder = pathlib.Path(folder or tempfile.gettempdir())
        self.used = 0

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> Array:
        """An array to be filled.

        Raises:
          InputError: it has to go into a file and the folder has too little room.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        return in_memory(shape, dtype) if self._fits(size) else self._in_file(shape, dtype, size)

    def read_npy(self, path: pathlib.Path) -> Array:
        """An array of an .npy file: read whole if it fits, else left there.

        Raises:
          InputError: the file is damaged, or no C-ordered array of numbers.
        """
        file = open(path, "rb")  # noqa: SIM115 (the rows keep it open)
        try:
            shape, fortran, dtype = npy_header(file)
            size, rest = math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
            sound = min(shape) > 0 and size <= rest and dtype.kind in "fiu" and not fortran
        except Exception:  # whatever a damaged header raises
            sound = False
        if not sound:
            raise InputError(f"{path} is damaged: delete it, it is made again")
        rows = FileRows(file, shape, dtype, file.tell())
        if not self._fits(path.stat().st_size):
            return rows
        out = in_memory(shape, dtype)
        rows.read_into(out, 0)
        return out

    def _fits(self, size: int) -> bool:
        fits = self.used + size <= self.limit
        self.used += size if fits else 0
        return fits

    def _in_file(self, shape: tuple[int, ...], dtype, size: int) -> FileRows:
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < size:
            raise InputError(
                f"{size / GB:.1f} GB of data are over the limit of {self.limit / GB:.1f} GB of "
                f"memory, and {self.folder} has only {free / GB:.1f} GB left for them: raise "
                "--memory_gb or name another --output_dir"
            )
        print(
            f"an array of {size / GB:.1f} GB goes into a temporary file in {self.folder}: "
            f"over the limit of {self.limit / GB:.1f} GB (--memory_gb)",
            flush=True,
        )
        file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 (likewise)
        file.truncate(size)
        return FileRows(file, shape, dtype)


def half_of_memory() -> float:
    """Half of the machine's or the container's memory in bytes; no limit where neither is told."""
    sizes = [math.inf]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # absent, or "max"
            sizes.append(int(pathlib.Path(path).read_text()))
    return min(sizes) / 2


def pieces(array: Array) -> Iterator[np.ndarray]:
    """The array's rows in order, some megabytes at a time."""
    rows = max(1, PIECE // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))
    return (array[start : start + rows] for start in range(0, len(array), rows))


def write_npy(path: pathlib.Path, array: Array) -> None:
    """Writes an .npy file, sealed with a checksum, whole or not at all, in bounded memory."""

    def write(temporary: pathlib.Path) -> None:
        with open(temporary, "wb") as file:
            write_array(file, array)
        sealed.seal(temporary)

    files.replace_file(path, write)


def write_array(file, array: Array) -> None:
    """Writes header and elements in .npy format to an open file."""
    form = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, form)
    for piece in pieces(array):
        file.write(np.ascontiguousarray(piece).data)


def npy_header(file) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran's order, and dtype; leaves the file at the first element."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}
    return read.get(version, np.lib.format.read_array_header_2_0)(file)
