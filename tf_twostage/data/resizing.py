"""Images of any size -> images of one size."""

import numpy as np


def centred_square(image: np.ndarray, size: int) -> np.ndarray:
    """The middle square of an image, uint8 [H, W, C], resized to [size, size, C]; see `centred`."""
    return centred(image, size, size)


def centred(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The largest middle part of an image that has these proportions, resized.

    By Pillow's Lanczos filter, as usual for ImageNet and LSUN at low resolutions.

    Args:
      image: uint8 [H, W, C], C 1 or 3.
      height, width: in pixels.

    Returns:
      uint8 [height, width, C].
    """
    from PIL import Image

    channels = image.shape[2]
    scale = min(image.shape[0] / height, image.shape[1] / width)
    part = max(1, round(scale * height)), max(1, round(scale * width))
    top, left = ((side - kept) // 2 for side, kept in zip(image.shape, part, strict=False))
    image = image[top : top + part[0], left : left + part[1]]
    if part == (height, width):
        return image
    picture = Image.fromarray(image[..., 0] if channels == 1 else image)
    resized = picture.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized).reshape(height, width, channels)
