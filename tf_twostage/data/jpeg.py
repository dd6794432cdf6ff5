"""Every image once through JPEG, as the paper's authors did with CIFAR-10."""

import io

import numpy as np

from tf_twostage.data.decoding import decode_all
from tf_twostage.data.splits import Splits

QUALITY = 75  # Pillow's default


def all_through_jpeg(splits: Splits) -> Splits:
    """Puts training and held-out images once through JPEG, in place, and says so in `source`."""
    for split, images in (("training", splits.train), ("held-out", splits.test)):
        decode_all(images, images, through_jpeg, f"JPEG, {split}")
    note = f"; every image once through JPEG, quality {QUALITY}"
    return splits._replace(source=splits.source + note)


def through_jpeg(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, C] -> what is left of it after JPEG with Pillow's defaults."""
    from PIL import Image

    encoded = io.BytesIO()
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.save(encoded, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(encoded)).reshape(image.shape)
