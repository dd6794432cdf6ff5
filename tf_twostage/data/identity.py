"""Hashes that tell one set of images from another."""

import hashlib
import os
from collections.abc import Iterable

import numpy as np

from tf_twostage.data.storage import Array, pieces


def digest(parts: Iterable[str]) -> str:
    """SHA-256 of lines of text, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for part in parts:
        found.update(os.fsencode(part) + b"\n")  # names of files may hold bytes of any kind
    return found.hexdigest()


def identity(*parts: str) -> str:
    """First 12 hexadecimal digits of `digest`, for `Outline.identity`."""
    return digest(parts)[:12]


def content_hash(*arrays: Array) -> str:
    """First 12 hexadecimal digits of a hash over shapes and values of uint8 arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        for piece in pieces(array):
            found.update(np.ascontiguousarray(piece).data)
    return found.hexdigest()[:12]
