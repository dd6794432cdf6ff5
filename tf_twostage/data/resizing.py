"""Images of any size -> squares of one size."""

import numpy as np


def centred_square(image: np.ndarray, size: int) -> np.ndarray:
    """The middle square of an image, uint8 [H, W, C], resized to [size, size, C].

    By Pillow's Lanczos filter, as usual for ImageNet and LSUN at low resolutions.
    """
    from PIL import Image

    height, width, channels = image.shape
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = image[top : top + edge, left : left + edge]
    if edge == size:
        return square
    picture = Image.fromarray(square[..., 0] if channels == 1 else square)
    resized = picture.resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized).reshape(size, size, channels)
