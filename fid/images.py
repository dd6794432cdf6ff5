"""Images from arrays, iterables, folders and files, as a stream of checked batches."""

import hashlib
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from fid import image_files, npz_images
from fid.errors import Error, warn

_HELD_OUT = ("test", "val", "validation")  # names of folders beside `train`
_CHUNK = 64  # images in a batch cut from an array or read from a folder
_READERS = 4  # threads that decode files
_LARGE = 2**24  # pixels of an image beyond which the reader decodes it, when its turn has come


class Folder:
    """The image files below a folder, subfolders included, as `fid.image_files` finds them.

    Iterating reads them anew, as batches uint8 [n, H, W, 3] of neighbours of the same size. Warns,
    with a `UserWarning`, of files that are left out.

    Raises:
        Error: there is no such folder, it holds no image, or it holds `train/` beside held-out
            images; later, a file cannot be read.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        if not self.path.is_dir():
            raise Error(f"no folder {self.path}")
        _check_one_set(self.path)
        self._names, left_out = image_files.find(self.path)
        if not self._names:
            raise Error(f"the folder {self.path} holds no {image_files.KINDS} file")
        if left_out:
            warn(f"{self.path}: {image_files.left_out_text(left_out)}")

    def __len__(self) -> int:
        return len(self._names)

    def files(self) -> Iterator[Path]:
        """The files, in the order of their paths below the folder."""
        return (self.path / name for name in self._names)

    def __iter__(self) -> Iterator[np.ndarray]:
        group: list[np.ndarray] = []
        for image in _read_ahead(self.files()):
            if group and _is_whole(group, image):
                yield _joined(group)
                group = []
            group.append(image)
        yield _joined(group)


def _is_whole(group: list[np.ndarray], following: np.ndarray) -> bool:
    """Whether the image that follows belongs into another batch than these."""
    first = group[0]
    return following.shape != first.shape or len(group) == npz_images.at_once(first[None])


def _joined(group: list[np.ndarray]) -> np.ndarray:
    return np.stack(group) if len(group) > 1 else group[0][None]  # which copies nothing


def _check_one_set(folder: Path) -> None:
    """Raises `Error` where a folder holds both images to train on and held-out ones."""
    held_out = [name for name in _HELD_OUT if (folder / name).is_dir()]
    if held_out and (folder / "train").is_dir():
        names = ", ".join(str(folder / name) for name in ("train", *held_out))
        raise Error(f"the folder {folder} holds several sets: name one of {names}")


def open_images(path: str | os.PathLike) -> Any:
    """The images that a path names: a folder's, an `.npy` file's (mapped) or an `.npz` file's.

    `file.npz:key` names one array of several.

    Raises:
        Error: there is nothing at the path, or it is none of these.
    """
    path, key = npz_images.split_key(path)
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise Error(f"no file or folder {path}")
    if path.suffix == ".npz":
        return npz_images.Npz(path, key)
    if path.suffix != ".npy":
        raise Error(f"{path} is no folder of images, no .npz and no .npy file")
    return npz_images.mapped(path)


def opened(images: Any) -> Any:
    """What a path names, by `open_images`; anything else as it is."""
    return open_images(images) if isinstance(images, str | os.PathLike) else images


def batches(images: Any) -> Iterator[np.ndarray]:
    """Any images that the package takes as batches [n, H, W, 1 or 3].

    Args:
        images: a path, an array [N, H, W(, 1 or 3)] or an iterable of such arrays.

    Raises:
        Error: the shape or the dtype is that of no images.
    """
    images = opened(images)
    if hasattr(images, "shape") and hasattr(images, "__getitem__"):
        length, step = _length(images), npz_images.at_once(images)
        pieces: Iterable = (images[i : i + step] for i in range(0, length, step))
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
    images = opened(images)
    if isinstance(images, Iterator):
        raise Error("images from a generator can be read only once; give an array or a path")
    digest = hashlib.sha256()
    if isinstance(images, Folder):
        for file in images.files():
            digest.update(hashlib.sha256(_bytes(file)).digest())
        return digest.hexdigest()
    for batch in batches(images):
        digest.update(repr((batch.dtype.str, batch.shape[1:])).encode())
        digest.update(np.ascontiguousarray(batch).tobytes())
    return digest.hexdigest()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Error(f"cannot read the image {file}: {error.strerror}") from None


def count(images: Any) -> int | None:
    """How many images there are; None where only reading them would tell."""
    if isinstance(images, Folder):
        return len(images)
    shape = getattr(images, "shape", ())
    return int(shape[0]) if shape else None


def _read_ahead(files: Iterator[Path]) -> Iterator[np.ndarray]:
    """The images, read in a few threads, never far ahead of the reader; large ones one by one."""
    with ThreadPoolExecutor(_READERS) as pool:

        def begun(count: int) -> list:
            some = itertools.islice(files, count)
            return [(file, pool.submit(image_files.read, file, _LARGE)) for file in some]

        ahead = deque(begun(2 * _READERS))
        while ahead:
            file, future = ahead.popleft()
            image = future.result()
            ahead.extend(begun(1))
            yield image_files.read(file) if image is None else image


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
