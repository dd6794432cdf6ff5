"""What callers hand to a model: checked and converted before any network sees it."""

import operator

import numpy as np

from tf_twostage.errors import InputError


def as_images(images, image_shape: tuple[int, int, int], name: str = "images") -> np.ndarray:
    """A batch of images as an array of its own dtype, which `as_float` checks.

    Args:
      images: [N, H, W, C], N >= 0.
      image_shape: the model's (H, W, C).
      name: what a message calls them.

    Raises:
      InputError: another shape.
    """
    return _of_shape(images, image_shape, name)


def as_float(images) -> np.ndarray:
    """Images, uint8 in 0..255 or float in 0..1, as float32 in 0..1.

    Raises:
      InputError: another dtype; a float that is NaN or outside of 0..1.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images.astype("float32") / 255
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(
            f"images must be uint8 in 0..255 or float in 0..1, not {images.dtype}: "
            "convert them to uint8"
        )
    values = images.astype("float32", copy=False)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise InputError(
            f"{images.dtype} images must lie in 0..1, but {_range(values)}: "
            "divide by 255, or give them as uint8"
        )
    return values


def as_latents(latents, latent_dim: int, name: str = "latents") -> np.ndarray:
    """Latents [N, kappa], N >= 0, as float32.

    Raises:
      InputError: another shape or dtype; a value that is not finite.
    """
    latents = _of_shape(latents, (latent_dim,), name)
    if not np.issubdtype(latents.dtype, np.floating):
        raise InputError(f"{name} must be float, not {latents.dtype}")
    if not np.isfinite(latents).all():
        raise InputError(f"{name} must be finite, but some are NaN or infinite")
    return latents.astype("float32", copy=False)


def as_count(count, least: int = 0, what: str = "samples") -> int:
    """How many samples are asked for; `InputError` where it is no integer >= `least`."""
    try:
        count = operator.index(count)
    except TypeError:
        raise InputError(f"the number of {what} must be an integer, not {count!r}") from None
    if count < least:
        raise InputError(f"the number of {what} must be at least {least}, not {count}")
    return count


def check_stage(stage) -> None:
    """Raises `InputError` where there is no such stage."""
    if stage not in (1, 2):
        raise InputError(f"stage must be 1 or 2, not {stage!r}")


def _of_shape(values, row: tuple[int, ...], name: str) -> np.ndarray:
    """An array [N, *row]."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise InputError(f"{name} must be of one shape") from None
    if array.shape[1:] == tuple(row):
        return array
    wanted = ", ".join(["N", *map(str, row)])
    hint = f": add the batch axis, {name}[None]" if array.shape == tuple(row) else ""
    raise InputError(f"{name} must be [{wanted}], not {list(array.shape)}{hint}")


def _range(images: np.ndarray) -> str:
    """What is wrong with the values, in words."""
    if np.isnan(images).any():
        return "some are NaN"
    return f"they span {images.min():g}..{images.max():g}"
