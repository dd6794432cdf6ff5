"""Images through TensorFlow Datasets: MNIST, Fashion-MNIST, CIFAR-10, and CelebA's JPEG files."""

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from tf_twostage.data.decoding import Splits
from tf_twostage.data.storage import Array, Storage
from tf_twostage.errors import InputError

PathLike = str | os.PathLike

CELEBA = "celeb_a"  # TFDS' name
CELEBA_FILES = (
    "img_align_celeba.zip",
    "list_eval_partition.txt",
    "list_attr_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "identity_CelebA.txt",
)
# Images in the whole (train, test) sets, by their makers' pages.
OFFICIAL_COUNTS = {
    "mnist": (60_000, 10_000),
    "fashion_mnist": (60_000, 10_000),
    "cifar10": (50_000, 10_000),
    CELEBA: (162_770, 19_962),
}

_BATCH = 1000
_REACH_SECONDS = 10


class Place(NamedTuple):
    """Where a TFDS set lies or would lie."""

    folder: pathlib.Path  # <data_dir>/<name>/<version>
    data_dir: pathlib.Path
    version: str
    counts: tuple[int, int]  # images in train and test; the official ones until prepared
    image_shape: tuple[int, int, int]
    prepared: bool


def load(name: str, data_dir: PathLike | None, storage: Storage) -> Splits:
    """Loads mnist, fashion_mnist or cifar10 whole, downloading it if it isn't prepared.

    Images are uint8 [N, H, W, C] in the fixed order of TFDS' files. Raises InputError where the
    set is absent and can't be downloaded, or can't be read.
    """
    builder = _prepared(name, data_dir)
    with readable(builder):
        train, test = (_images(builder, split, storage) for split in ("train", "test"))
    return Splits(train, test, describe(name, data_dir), str(builder.info.version))


def encoded_celeba(data_dir: PathLike | None = None) -> dict[str, tuple[int, Iterator[bytes]]]:
    """Gives CelebA's JPEG files as TFDS stores them, undecoded: split -> (count, files' bytes).

    Splits are 'train' and 'test', in the fixed order of TFDS' files. Raises InputError as `load`.
    """
    builder = _prepared(CELEBA, data_dir)
    return {
        split: (builder.info.splits[split].num_examples, _jpegs(builder, split))
        for split in ("train", "test")
    }


def describe(name: str, data_dir: PathLike | None = None) -> str:
    """One line on where the set lies or would be downloaded to; loads and fetches nothing."""
    place = locate(name, data_dir)
    where = f"tfds {name} {place.version} in {_short(place.data_dir)}"
    if not place.prepared:
        return f"{where}: not there yet, would be downloaded"
    return f"{where}: {counts_text(name, place.counts)}"


def counts_text(name: str, counts: tuple[int, int]) -> str:
    """'60,000 training and 10,000 held-out images', with a note where the set isn't whole."""
    text = f"{counts[0]:,} training and {counts[1]:,} held-out images"
    whole = OFFICIAL_COUNTS[name]
    return text if counts == whole else f"{text} (the whole set has {whole[0]:,} and {whole[1]:,})"


def locate(name: str, data_dir: PathLike | None = None) -> Place:
    """Finds where TFDS keeps the set, without loading or fetching it."""
    builder = builder_of(name, data_dir)
    prepared = builder.is_prepared()
    counts = OFFICIAL_COUNTS[name]
    if prepared:
        counts = tuple(builder.info.splits[split].num_examples for split in ("train", "test"))
    folder = pathlib.Path(builder.data_dir)
    root = folder.parent.parent
    shape = builder.info.features["image"].shape
    return Place(folder, root, str(builder.info.version), counts, shape, prepared)


def _images(builder: Any, split: str, storage: Storage) -> Array:
    """Decodes a split into one array, uint8 [N, H, W, C], a batch at a time."""
    dataset = open_split(builder, split)
    count, shape = builder.info.splits[split].num_examples, builder.info.features["image"].shape
    images, done = storage.empty((count, *shape)), 0
    for batch in dataset.batch(_BATCH).as_numpy_iterator():
        images[done : done + len(batch["image"])] = batch["image"]
        done += len(batch["image"])
    return images


def _jpegs(builder: Any, split: str) -> Iterator[bytes]:
    import tensorflow_datasets as tfds

    with readable(builder):
        for example in open_split(builder, split, tfds.decode.SkipDecoding()).as_numpy_iterator():
            yield example["image"]


def open_split(builder: Any, split: str, decoder: Any = None) -> Any:
    """A tf.data set of {'image': ...}: file after file in order, nothing cached in memory."""
    import tensorflow_datasets as tfds

    decoders = tfds.decode.PartialDecoding(
        {"image": True}, decoders={"image": decoder} if decoder else None
    )
    config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
    return builder.as_dataset(
        split=split, shuffle_files=False, decoders=decoders, read_config=config
    )


def _prepared(name: str, data_dir: PathLike | None) -> Any:
    """A TFDS builder whose set is on disk, downloaded where needed."""
    builder = builder_of(name, data_dir)
    if builder.is_prepared():
        return builder
    root = pathlib.Path(builder.data_dir).parent.parent
    try:
        _check_reachable(builder, root)
        builder.download_and_prepare()
    except Exception as error:  # TFDS lets through what its many parts raise
        raise InputError(_missing(name, root, error)) from error
    return builder


def builder_of(name: str, data_dir: PathLike | None) -> Any:
    """TFDS' builder of a set, prepared or not."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow_datasets as tfds

        logging.getLogger("absl").setLevel(logging.ERROR)
        logging.getLogger("urllib3").setLevel(logging.ERROR)
        return tfds.builder(name, data_dir=os.path.expanduser(data_dir) if data_dir else None)
    except ImportError as error:
        raise InputError(
            f"{name} needs TensorFlow Datasets, and importing it failed ({error}): "
            "run pip install tensorflow-datasets importlib_resources"
        ) from error


def _check_reachable(builder: Any, root: pathlib.Path) -> None:
    """Fails in seconds where there is no network; TFDS alone would retry for minutes.

    Leaves it to TFDS where some files have been downloaded or put there by hand already.
    """
    import requests

    downloads = root / "downloads"
    if any(path.is_file() and ".tmp." not in path.name for path in downloads.rglob("*")):
        return
    url = next(iter(builder.url_infos))
    requests.get(url, stream=True, timeout=_REACH_SECONDS).close()


def _missing(name: str, root: pathlib.Path, error: Exception) -> str:
    text = f"{name} isn't prepared in {_short(root)} and downloading it failed ({_reason(error)}): "
    if name != CELEBA:
        return (
            f"{text}connect to the network, or prepare it elsewhere with "
            f'python -c "import tensorflow_datasets as t; t.load({name!r})", copy the folder '
            f"~/tensorflow_datasets/{name} here and name its parent with --data_dir"
        )
    return (
        f"{text}its drive has a daily quota; put the five files {', '.join(CELEBA_FILES)} into "
        f"{_short(root / 'downloads' / 'manual')} by hand and run again, or name the folder with "
        "img_align_celeba.zip and list_eval_partition.txt with --celeba_dir"
    )


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.Timeout):
        return f"{type(error).__name__}: no connection"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


@contextlib.contextmanager
def readable(builder: Any) -> Iterator[None]:
    """Turns TensorFlow's errors on damaged files into one InputError line."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, AssertionError) as error:
        raise InputError(
            f"the prepared set in {builder.data_dir} can't be read ({_reason(error)}): "
            "delete that folder and run again to prepare it anew"
        ) from error


def _short(path: pathlib.Path) -> str:
    """The path with ~ for the home folder."""
    home = pathlib.Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
