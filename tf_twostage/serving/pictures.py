"""Uploaded files as a model's images, and images as PNG files."""

import io

import numpy as np
from PIL import Image

from tf_twostage.data import image_files
from tf_twostage.data.resizing import centred
from tf_twostage.reporting import grids


def uploaded(content: bytes, image_shape: tuple[int, int, int], most_pixels: int) -> np.ndarray:
    """An image file as the data pipeline would read it: its middle part, at the model's size.

    Args:
      content: a PNG, JPEG, BMP, GIF, WebP or TIFF file.
      image_shape: the model's (H, W, C).
      most_pixels: how many the file may hold.

    Returns:
      float32 [1, H, W, C] in 0..1.

    Raises:
      InputError: no such file, or one that is too large.
    """
    height, width, channels = image_shape
    pixels = image_files.decode(content, "L" if channels == 1 else "RGB", most_pixels)
    image = centred(pixels.reshape(*pixels.shape[:2], channels), height, width)
    return image[None].astype(np.float32) / 255


def grid(images: np.ndarray, columns: int) -> bytes:
    """Images float [N, H, W, C] in 0..1, N >= 1, enlarged, with gutters, as a PNG file."""
    return _png(grids.mosaic(grids.tiles_of(images), columns, grids.GUTTER))


def strip(images: np.ndarray) -> bytes:
    """Images float [N, H, W, C] in 0..1, N >= 1, side by side, pixel by pixel, as a PNG file."""
    return _png(grids.mosaic(grids.tiles_of(images, width=1), len(images), 0))


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()
