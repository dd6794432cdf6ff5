"""Images to train and score on, loaded from a source."""

import dataclasses

from tf_twostage.data.jpeg import all_through_jpeg
from tf_twostage.data.sources import Source
from tf_twostage.data.storage import Array, Storage


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images to train and score on, once, as uint8, in memory or in a file."""

    name: str  # 'mnist', ...; for a folder or an .npz its stem, safe for a folder name
    train: Array  # uint8 [N, H, W, C], C in {1, 3}, values 0..255
    test: Array  # uint8 [M, H, W, C], the held-out images
    source: str  # one line: where they came from, version, held-out share
    version: str = ""  # TFDS' version, or the start of a hash of the content
    true_dim: int | None = None  # r, the data manifold's dimension, where it is known

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return self.train.shape[1:]


def load(source: Source, storage: Storage, jpeg: bool = False) -> Dataset:
    """Loads a data set; the same images in the same order every time, whatever a run's seed.

    Args:
      source: where the images come from; see `sources.find`.
      storage: how much memory the images may take, and where they go if they are more.
      jpeg: put every image once through JPEG (quality 75), as the authors did with CIFAR-10.

    Raises:
      InputError: the source is missing, damaged or of the wrong kind.
    """
    splits = source.load(storage)
    splits = all_through_jpeg(splits) if jpeg else splits
    return Dataset(source.run_name, *splits)
