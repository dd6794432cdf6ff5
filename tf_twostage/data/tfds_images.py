"""MNIST, Fashion-MNIST and CIFAR-10 through TensorFlow Datasets, downloaded where needed."""

import dataclasses
import pathlib
from typing import Any, NamedTuple

from tf_twostage import table1_values
from tf_twostage.data import tfds_builders
from tf_twostage.data.identity import identity
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Array, Storage
from tf_twostage.files import PathLike

# Images in the whole (train, test) sets, by their makers' pages; by TFDS' names.
OFFICIAL_COUNTS = {
    "mnist": (table1_values.TRAIN_IMAGES["mnist"], 10_000),
    "fashion_mnist": (table1_values.TRAIN_IMAGES["fashion_mnist"], 10_000),
    "cifar10": (table1_values.TRAIN_IMAGES["cifar10"], 10_000),
    tfds_builders.CELEBA: (table1_values.TRAIN_IMAGES["celeba"], 19_962),
}

_BATCH = 1000


@dataclasses.dataclass(frozen=True)
class TfdsImages:
    """mnist, fashion_mnist or cifar10, whole, in the fixed order of TFDS' files, as a source.

    `load` downloads the set if it isn't prepared. It raises InputError where the set is absent and
    can't be downloaded, or can't be read.
    """

    name: str
    data_dir: PathLike | None = None  # TFDS' own if None

    @property
    def run_name(self) -> str:
        return self.name

    def describe(self) -> str:
        return str(locate(self.name, self.data_dir))

    def outline(self) -> Outline:
        place = locate(self.name, self.data_dir)
        return Outline(place.image_shape, *place.counts, place.identity)

    def load(self, storage: Storage) -> Splits:
        builder = tfds_builders.prepared(self.name, self.data_dir)
        with tfds_builders.readable(builder):
            train, test = (_images(builder, split, storage) for split in ("train", "test"))
        return Splits(train, test, self.describe(), str(builder.info.version))


class Place(NamedTuple):
    """Where a TFDS set lies or would lie; as text, one line."""

    name: str  # TFDS' name
    folder: pathlib.Path  # <data_dir>/<name>/<version>
    version: str
    counts: tuple[int, int]  # images in train and test; the official ones until prepared
    image_shape: tuple[int, int, int]
    prepared: bool
    identity: str

    def __str__(self) -> str:
        data_dir = tfds_builders.short(self.folder.parent.parent)
        where = f"tfds {self.name} {self.version} in {data_dir}"
        if not self.prepared:
            return f"{where}: not there yet, would be downloaded"
        return f"{where}: {counts_in_words(self.name, self.counts)}"


def locate(name: str, data_dir: PathLike | None) -> Place:
    """Finds where TFDS keeps a set of OFFICIAL_COUNTS, without loading or fetching it."""
    builder = tfds_builders.builder_of(name, data_dir)
    info, prepared = builder.info, builder.is_prepared()
    counts = OFFICIAL_COUNTS[name]
    # The whole set is the same wherever it was prepared, and before it is.
    known = identity("tfds", info.full_name, str(counts))
    if prepared:
        counts = tuple(info.splits[split].num_examples for split in ("train", "test"))
    if counts != OFFICIAL_COUNTS[name]:
        known = tfds_builders.identity_of(builder)
    shape, folder = info.features["image"].shape, pathlib.Path(builder.data_dir)
    return Place(name, folder, str(info.version), counts, shape, prepared, known)


def counts_in_words(name: str, counts: tuple[int, int]) -> str:
    """'60,000 training and 10,000 held-out images', with a note where the set isn't whole."""
    text = f"{counts[0]:,} training and {counts[1]:,} held-out images"
    whole = OFFICIAL_COUNTS[name]
    return text if counts == whole else f"{text} (the whole set has {whole[0]:,} and {whole[1]:,})"


def _images(builder: Any, split: str, storage: Storage) -> Array:
    """Decodes a split into one array, uint8 [N, H, W, C], a batch at a time."""
    info = builder.info
    images = storage.empty((info.splits[split].num_examples, *info.features["image"].shape))
    done = 0
    for batch in tfds_builders.open_split(builder, split).batch(_BATCH).as_numpy_iterator():
        images[done : done + len(batch["image"])] = batch["image"]
        done += len(batch["image"])
    return images
