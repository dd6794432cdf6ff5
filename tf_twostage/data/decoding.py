"""What every source of images shares: decoding in threads into one array, held-out choice."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tf_twostage.data.storage import Array, pieces

HELD_OUT_SHARE = 0.1
HELD_OUT_MOST = 10_000

_CHUNK = 512  # items handed to the threads at once: bounds the encoded images in memory


class Splits(NamedTuple):
    """What a source gives: images uint8 [N or M, H, W, C], one line on where from, and version."""

    train: Array
    test: Array
    source: str
    version: str


class Outline(NamedTuple):
    """What a source would give, known without loading it."""

    image_shape: tuple[int, int, int]  # (H, W, C)
    train_images: int
    test_images: int


def decode_all(
    items: Iterable[Any], out: Array, decode: Callable[[Any], np.ndarray], label: str
) -> Array:
    """Fills `out`, uint8 [N, H, W, C], with `decode(item)` of N items, in their order.

    Decodes in threads (Pillow frees the interpreter's lock) and shows progress on stderr.
    An error that `decode` raises comes through; fewer or more than N items are a ValueError.
    """
    items, done, progress = iter(items), 0, Progress(label, len(out))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        while chunk := list(islice(items, _CHUNK)):
            if done + len(chunk) > len(out):
                raise ValueError(f"{label}: more than {len(out):,} images")
            for image in pool.map(decode, chunk):
                out[done] = image
                done += 1
            progress.show(done)
    if done != len(out):
        raise ValueError(f"{label}: {done:,} images, expected {len(out):,}")
    return out


class Progress:
    """One line on stderr, rewritten on a terminal, else printed anew every ten seconds."""

    def __init__(self, label: str, total: int):
        self._label, self._total = label, total
        self._live = sys.stderr.isatty()
        self._shown = time.monotonic()

    def show(self, done: int) -> None:
        """Says that `done` of the total are ready."""
        now = time.monotonic()
        if not self._live and now - self._shown < 10:
            return
        self._shown = now
        start, end = ("\r", "\n" if done == self._total else "") if self._live else ("", "\n")
        print(f"{start}{self._label}: {done:,} / {self._total:,}", end=end, file=sys.stderr)
        sys.stderr.flush()


def centred_square(image: np.ndarray, side: int) -> np.ndarray:
    """The middle square of an image, uint8 [H, W, C], resized to [side, side, C].

    By Pillow's Lanczos filter, as usual for ImageNet and LSUN at low resolutions.
    """
    from PIL import Image

    height, width, channels = image.shape
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = image[top : top + edge, left : left + edge]
    if edge == side:
        return square
    picture = Image.fromarray(square[..., 0] if channels == 1 else square)
    resized = picture.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(resized).reshape(side, side, channels)


def held_out_count(count: int) -> int:
    """Number of images, of `count` >= 2, that are held out: a tenth, in 1..HELD_OUT_MOST."""
    return min(max(round(HELD_OUT_SHARE * count), 1), HELD_OUT_MOST)


def share_text(count: int) -> str:
    """How many of `count` images are trained on and held out, in words."""
    held, share = held_out_count(count), f"{100 * HELD_OUT_SHARE:.0f} %, at most {HELD_OUT_MOST:,}"
    return f"{count - held:,} training and {held:,} held-out images ({share})"


def held_out(keys: Iterable[bytes]) -> np.ndarray:
    """Chooses images to hold out by the SHA-256 of their keys: bool [N], True where held out.

    The choice depends on the keys alone, neither on their order nor on any seed.
    """
    digests = [hashlib.sha256(key).digest() for key in keys]
    chosen = sorted(range(len(digests)), key=digests.__getitem__)[: held_out_count(len(digests))]
    mask = np.zeros(len(digests), bool)
    mask[chosen] = True
    return mask


def content_hash(*arrays: Array) -> str:
    """First 12 hexadecimal digits of a hash over shapes and values, uint8 C-contiguous arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode())
        for piece in pieces(array):
            digest.update(np.ascontiguousarray(piece).data)
    return digest.hexdigest()[:12]
