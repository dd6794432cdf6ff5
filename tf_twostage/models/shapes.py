"""Which images a network takes; imports neither Keras nor TensorFlow."""

from tf_twostage.errors import InputError
from tf_twostage.network_values import WAE_IMAGE

MOST_PIXELS = 1024 * 1024  # of an image; InfoGAN's dense layers would have 2**33 weights each


def check_image_shape(network: str, image_shape: tuple[int, int, int]) -> None:
    """Raises `InputError` where `network` cannot take images of this shape (H, W, C)."""
    if len(image_shape) != 3:
        raise InputError(f"an image's shape is (height, width, channels), not {image_shape}")
    height, width, channels = image_shape
    if min(image_shape) < 1 or height * width > MOST_PIXELS:
        raise InputError(
            f"images of {height} x {width} x {channels} can't be trained on: give --image_size, "
            f"for at most {MOST_PIXELS:,} pixels"
        )
    size = f"{height} x {width} x {channels}"
    if network == "infogan" and (height % 4 or width % 4):
        raise InputError(
            f"infogan needs image sides that are multiples of 4, not {size}: "
            "crop or resize the images, or use --network resnet"
        )
    if network == "wae" and image_shape != WAE_IMAGE:
        raise InputError(f"wae takes 64 x 64 x 3 images only, not {size}: use --network infogan")
    if network == "resnet" and min(height, width) < 8:
        raise InputError(f"resnet needs images of at least 8 x 8, not {size}")
