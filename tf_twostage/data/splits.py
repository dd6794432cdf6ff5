"""What a source of images tells before it is read, and what it gives when it is."""

from typing import NamedTuple

from tf_twostage.data.storage import Array


class Outline(NamedTuple):
    """What a source would give, known without reading its images."""

    image_shape: tuple[int, int, int]  # (H, W, C)
    train_images: int
    test_images: int
    identity: str  # changes with the images; not where they are moved or copied to


class Splits(NamedTuple):
    """The images of a source, uint8 [N or M, H, W, C], in memory or in a file."""

    train: Array
    test: Array
    source: str  # one line: where they came from
    version: str  # TFDS' version, or the start of a hash of the content
    true_dim: int | None = None  # r, the data manifold's dimension, where it is known
