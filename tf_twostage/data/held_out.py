"""The choice of held-out images, where a set has no test images of its own."""

import hashlib
from collections.abc import Iterable

import numpy as np

SHARE = 0.1
MOST = 10_000


def count(images: int) -> int:
    """How many of `images` >= 2 are held out: a tenth, in 1..MOST."""
    return min(max(round(SHARE * images), 1), MOST)


def in_words(images: int) -> str:
    """How many of `images` are trained on and how many are held out."""
    held = count(images)
    share = f"{100 * SHARE:.0f} %, at most {MOST:,}"
    return f"{images - held:,} training and {held:,} held-out images ({share})"


def choose(keys: Iterable[bytes]) -> np.ndarray:
    """Chooses images by the SHA-256 of their keys: bool [N], True where held out.

    The choice depends on the keys alone, neither on their order nor on any seed.
    """
    digests = np.fromiter((hashlib.sha256(key).digest() for key in keys), "S32")
    mask = np.zeros(len(digests), bool)
    mask[np.argsort(digests, kind="stable")[: count(len(digests))]] = True
    return mask
