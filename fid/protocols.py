"""Protocols: what happens to images before the network sees them. Every number names its own.

Both take images uint8 or float [n, H, W, C] and give images in 0..255 of the same shape.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fid.errors import Error

Transform = Callable[[np.ndarray], np.ndarray]


def plain(images: np.ndarray) -> np.ndarray:
    """The images as they are."""
    return images


def stretch(images: np.ndarray) -> np.ndarray:
    """Each image stretched from its own min..max, over all pixels and channels, to 0..255.

    Not rounded; float32 (float64 for float64). Any range of pixels is taken. An image whose pixels
    are all equal becomes black. Source: the code that the two-stage VAE's authors published.
    """
    # Deviation: the authors divide by max - min even where it is 0, which makes such an image NaN
    # and with it the FID; here the image becomes zeros.
    dtype = np.float64 if images.dtype == np.float64 else np.float32
    images = images.astype(dtype)
    if not np.isfinite(images).all():
        raise Error("generated images hold infinite or NaN pixels")
    low = images.min(axis=(1, 2, 3), keepdims=True)
    span = images.max(axis=(1, 2, 3), keepdims=True) - low
    return (images - low) / np.where(span > 0, span, 1) * dtype(255)


def quantize(images: np.ndarray) -> np.ndarray:
    """Pixels rounded to the nearest whole number in 0..255, uint8, as a saved PNG has them."""
    if images.dtype == np.uint8:
        return images
    if not np.isfinite(images).all():
        raise Error("images hold infinite or NaN pixels")
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Protocol:
    """What is done to either side's images.

    Attributes:
        name: as it stands beside every number.
        real: applied to batches of real images.
        generated: applied to batches of generated images.
    """

    name: str
    real: Transform
    generated: Transform

    def transform(self, role: str) -> Transform:
        """The function for one role, "real" or "generated"."""
        if role not in ("real", "generated"):
            raise Error(f'role is {role!r}; it must be "real" or "generated"')
        return self.real if role == "real" else self.generated


PROTOCOLS = {
    # Both sides as they are.
    "plain": Protocol("plain", real=plain, generated=plain),
    # As Table 1 of the two-stage VAE paper was measured: only generated images are stretched.
    "table1": Protocol("table1", real=plain, generated=stretch),
}


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        Error: there is none.
    """
    if name not in PROTOCOLS:
        raise Error(f"protocol is {name!r}; it must be one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
