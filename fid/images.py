"""Images from arrays, iterables, folders and files, as a stream of checked batches."""

import hashlib
import itertools
import os
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from fid.errors import Error, warn

SUFFIXES = (".png", ".jpg", ".jpeg")
_CHUNK = 64  # images in a batch cut from an array or read from a folder
_READERS = 4  # threads that decode files


class Folder:
    """The PNG and JPEG files of one folder, by name; subfolders are not searched.

    Iterating reads them anew, as batches uint8 [n, H, W, 3] of neighbours of the same size.

    Raises:
        Error: there is no such folder, or it holds no such file; later, a file cannot be read.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        if not self.path.is_dir():
            raise Error(f"no folder {self.path}")
        self.files = sorted(f for f in self.path.iterdir() if f.suffix.lower() in SUFFIXES)
        if not self.files:
            raise Error(
                f"the folder {self.path} holds no PNG or JPEG (subfolders are not searched)"
            )

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[np.ndarray]:
        group: list[np.ndarray] = []
        for image in _read_ahead(read_image, self.files):
            if group and (len(group) == _CHUNK or image.shape != group[0].shape):
                yield np.stack(group)
                group = []
            group.append(image)
        yield np.stack(group)


class Npz:
    """The array of images in an `.npz` file, read piece by piece.

    It is the file's array named `images`, else its only array.

    Raises:
        Error: the file cannot be read, or does not say which array is meant.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [n for n in archive.namelist() if n.endswith(".npy")]
                self._member = _image_member(names, self.path)
                with archive.open(self._member) as file:
                    self.shape, fortran, self.dtype = _read_header(file)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise error if isinstance(error, Error) else _unreadable(self.path) from None
        if fortran or self.dtype.hasobject:
            raise Error(f"{self.path} holds an array in Fortran order or of objects; save it anew")

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0

    def __iter__(self) -> Iterator[np.ndarray]:
        step = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._member) as file:
                _read_header(file)
                for start in range(0, len(self), _CHUNK):
                    count = min(_CHUNK, len(self) - start)
                    values = np.frombuffer(file.read(count * step), self.dtype)
                    yield values.reshape(count, *self.shape[1:])
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise error if isinstance(error, Error) else _unreadable(self.path) from None


def open_images(path: str | os.PathLike) -> Any:
    """The images that a path names: a folder's, an `.npy` file's (mapped) or an `.npz` file's.

    Raises:
        Error: there is nothing at the path, or it is none of these.
    """
    path = Path(path)
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise Error(f"no file or folder {path}")
    if path.suffix == ".npz":
        return Npz(path)
    if path.suffix != ".npy":
        raise Error(f"{path} is no folder of PNG or JPEG, no .npz and no .npy file")
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError):
        raise _unreadable(path) from None


def batches(images: Any) -> Iterator[np.ndarray]:
    """Any images that the package takes as batches [n, H, W, 1 or 3].

    Args:
        images: a path, an array [N, H, W(, 1 or 3)] or an iterable of such arrays.

    Raises:
        Error: the shape or the dtype is that of no images.
    """
    if isinstance(images, str | os.PathLike):
        images = open_images(images)
    if hasattr(images, "shape") and hasattr(images, "__getitem__"):
        pieces: Iterable = (images[i : i + _CHUNK] for i in range(0, _length(images), _CHUNK))
    elif isinstance(images, Iterable):
        pieces = images
    else:
        raise Error(f"images of type {type(images).__name__}; expected an array, batches or a path")
    for piece in pieces:
        batch = _checked_batch(np.asarray(piece))
        if len(batch):
            yield batch


def check_pixels(stream: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Passes batches on; complains of pixels that are not in 0..255.

    Raises:
        Error: pixels outside 0..255 (by more than a half), infinite or NaN.
    """
    highest, low_range = 0.0, False
    for batch in stream:
        low, high = float(batch.min()), float(batch.max())
        if not (low >= -0.5 and high <= 255.5):  # NaN fails both
            raise Error(f"pixels reach from {low:g} to {high:g}; they must be finite, in 0..255")
        highest = max(highest, high)
        low_range = highest <= 1
        yield batch
    if low_range:
        warn(f"no pixel is above {highest:g}: images must be in 0..255, these look like 0..1")


def whole_batches(stream: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Passes images on but for the last n mod `size`, as TTUR drops them."""
    held: deque[np.ndarray] = deque()  # single images, since sizes may differ
    for batch in stream:
        for image in batch:
            held.append(image)
            if len(held) == size:
                yield from _grouped(held)
                held.clear()


def content_hash(images: Any) -> str:
    """SHA-256 of the images' content: of the files' bytes for a folder, else of dtype and pixels.

    Raises:
        Error: the images can be read only once, as a generator's.
    """
    if isinstance(images, str | os.PathLike):
        images = open_images(images)
    if isinstance(images, Iterator):
        raise Error(
            "images from a generator can be read only once; give an array, or name a cache key"
        )
    digest = hashlib.sha256()
    if isinstance(images, Folder):
        for file in images.files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()
    for batch in batches(images):
        digest.update(repr((batch.dtype.str, batch.shape[1:])).encode())
        digest.update(np.ascontiguousarray(batch).tobytes())
    return digest.hexdigest()


def count(images: Any) -> int | None:
    """How many images there are; None where only reading them would tell."""
    if isinstance(images, Folder | Npz) or hasattr(images, "shape"):
        return len(images)
    return None


def read_image(path: Path) -> np.ndarray:
    """One image file as uint8 [H, W, 3].

    Raises:
        Error: the file cannot be read as an image, or holds more than 8 bits a channel.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            deep = image.mode == "F" or image.mode.startswith("I")
            pixels = None if deep else np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise Error(f"cannot read the image {path}: it is damaged, or no PNG or JPEG") from None
    if pixels is None:
        raise Error(f"the image {path} has more than 8 bits a channel; convert it to 8")
    return pixels


def _read_ahead(read: Callable[[Path], np.ndarray], files: list[Path]) -> Iterator[np.ndarray]:
    """`map(read, files)` in a few threads, never far ahead of the reader."""
    with ThreadPoolExecutor(_READERS) as pool:
        rest = iter(files)
        ahead = deque(pool.submit(read, file) for file in itertools.islice(rest, 2 * _READERS))
        while ahead:
            image = ahead.popleft().result()
            ahead.extend(pool.submit(read, file) for file in itertools.islice(rest, 1))
            yield image


def _grouped(single: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for _, group in itertools.groupby(single, key=np.shape):
        yield np.stack(list(group))


def _length(images: Any) -> int:
    if len(images.shape) not in (3, 4):
        raise Error(
            f"images of shape {tuple(images.shape)}; expected [N, H, W], or [N, H, W, 1 or 3]"
        )
    return int(images.shape[0])


def _checked_batch(batch: np.ndarray) -> np.ndarray:
    """A batch as [n, H, W, 1 or 3]."""
    if batch.dtype.kind not in "fui" and batch.dtype.name != "bfloat16":
        raise Error(f"images of dtype {batch.dtype}; expected uint8 or float, in 0..255")
    if batch.ndim == 3 and batch.shape[-1] not in (1, 3):
        batch = batch[..., None]
    if batch.ndim != 4 or batch.shape[-1] not in (1, 3) or 0 in batch.shape[1:]:
        raise Error(
            f"a batch of images of shape {batch.shape}; expected [n, H, W], or [n, H, W, 1 or 3]"
        )
    return batch


def _image_member(names: list[str], path: Path) -> str:
    if "images.npy" in names:
        return "images.npy"
    if len(names) != 1:
        found = ", ".join(sorted(n.removesuffix(".npy") for n in names)) or "nothing"
        raise Error(f"{path} holds {found}; expected mu and sigma, or one array of images")
    return names[0]


def _read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {1: np.lib.format.read_array_header_1_0}.get(
        version[0], np.lib.format.read_array_header_2_0
    )
    return read(file)


def _unreadable(path: Path) -> Error:
    return Error(f"{path} cannot be read as a NumPy file: it is damaged or of another kind")
