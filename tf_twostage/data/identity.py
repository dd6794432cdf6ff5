"""Hashes that tell one set of images from another."""

import hashlib
from collections.abc import Iterable

import numpy as np

from tf_twostage.data.storage import Array, pieces


def digest(parts: Iterable[str]) -> str:
    """SHA-256 of lines of text, 64 hexadecimal digits."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode() + b"\n")
    return found.hexdigest()


def content_hash(*arrays: Array) -> str:
    """First 12 hexadecimal digits of a hash over shapes and values of uint8 arrays."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(repr(array.shape).encode())
        for piece in pieces(array):
            found.update(np.ascontiguousarray(piece).data)
    return found.hexdigest()[:12]
