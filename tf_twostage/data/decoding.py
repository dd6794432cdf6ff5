"""Decodes images in threads into one array, and shows how far that is."""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from tf_twostage.data.storage import Array
from tf_twostage.errors import InputError

_THREADS = min(8, os.cpu_count() or 1)
_AHEAD = 4 * _THREADS  # images under way: bounds what is decoded or read and not yet stored


def decode_all(
    items: Iterable[Any], out: Array, decode: Callable[[Any], np.ndarray], label: str
) -> Array:
    """Fills `out`, uint8 [N, H, W, C], with `decode(item)` of N items, in their order.

    Decodes in threads (Pillow frees the interpreter's lock) and shows progress on stderr.
    An error that `decode` raises comes through; fewer or more than N items are an InputError.
    """
    done, progress = 0, Progress(label, len(out))
    for image in _map_ahead(decode, items):
        if done == len(out):
            raise InputError(f"{label}: more images than the {len(out):,} announced: write it anew")
        out[done] = image
        done += 1
        progress.show(done)
    if done != len(out):
        raise InputError(f"{label}: {done:,} images, {len(out):,} were announced: write it anew")
    return out


def _map_ahead(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """`map(function, items)` in threads, at most _AHEAD items ahead of the reader."""
    items = iter(items)
    with ThreadPoolExecutor(_THREADS) as pool:
        under_way = deque(pool.submit(function, item) for item in islice(items, _AHEAD))
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(pool.submit(function, item) for item in islice(items, 1))


class Progress:
    """One line on stderr, rewritten on a terminal, else printed anew every ten seconds."""

    def __init__(self, label: str, total: int):
        self._label, self._total = label, total
        self._live = sys.stderr.isatty()
        self._every = 0.1 if self._live else 10  # seconds
        self._shown = time.monotonic()

    def show(self, done: int) -> None:
        """Says that `done` of the total are ready."""
        now, last = time.monotonic(), self._live and done == self._total
        if now - self._shown < self._every and not last:
            return
        self._shown = now
        start, end = ("\r", "\n" if last else "") if self._live else ("", "\n")
        print(f"{start}{self._label}: {done:,} / {self._total:,}", end=end, file=sys.stderr)
        sys.stderr.flush()
