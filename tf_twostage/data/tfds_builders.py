"""TFDS' builders: found, prepared, read, and what stands in the way in one line."""

import contextlib
import json
import logging
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from tf_twostage.data.identity import identity
from tf_twostage.errors import InputError, reason, shown
from tf_twostage.files import PathLike

CELEBA = "celeb_a"  # TFDS' name
CELEBA_FILES = (
    "img_align_celeba.zip",
    "list_eval_partition.txt",
    "list_attr_celeba.txt",
    "list_landmarks_align_celeba.txt",
    "identity_CelebA.txt",
)

_REACH_SECONDS = 10
_CLASS_KEYS = ("pythonClassName", "python_class_name", "type")  # of features.json, also formerly


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


def check_features(name: str, data_dir: PathLike | None) -> None:
    """Makes sure that a prepared set names no code but TFDS' own: TFDS would import it.

    Raises:
      InputError: it does, or its description is damaged.
    """
    root = pathlib.Path(data_dir or "~/tensorflow_datasets").expanduser() / name.split("/")[0]
    for path in root.rglob("features.json"):
        foreign = [one for one in _class_names(path) if not one.startswith("tensorflow_datasets.")]
        if foreign:
            raise InputError(
                f"{path} names code of its own, {foreign[0]}, which is not run: "
                "prepare the set from its source"
            )


def _class_names(path: pathlib.Path) -> list[str]:
    """The names of Python classes in a features.json."""
    names: list[str] = []

    def collect(pairs: list[tuple[str, object]]) -> None:
        names.extend(v for k, v in pairs if k in _CLASS_KEYS and isinstance(v, str) and "." in v)

    try:
        json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=collect)
    except (OSError, ValueError, RecursionError) as error:
        text = f"{path} is damaged ({reason(error)}): prepare the set anew"
        raise InputError(text) from None
    return names


def prepared(name: str, data_dir: PathLike | None) -> Any:
    """The builder of a set that is on disk, downloaded where needed.

    TFDS knows the SHA-256 of each file of its sets, and refuses others. A file whose hash it does
    not know is refused here as well.

    Raises:
      InputError: the set is not there and cannot be downloaded.
    """
    builder = builder_of(name, data_dir)
    if builder.is_prepared():
        return builder
    root = pathlib.Path(builder.data_dir).parent.parent
    try:
        _check_reachable(builder, root)
        builder.download_and_prepare(download_config=_by_hash_only())
    except Exception as error:  # TFDS lets through what its many parts raise
        raise InputError(_missing(name, root, error)) from error
    return builder


def _by_hash_only() -> Any:
    import tensorflow_datasets as tfds

    return tfds.download.DownloadConfig(force_checksums_validation=True)


def records(builder: Any) -> list[pathlib.Path]:
    """The files of a prepared set, in order; none where they do not lie on this machine."""
    return sorted(pathlib.Path(builder.data_dir).glob("*.tfrecord*"))


def identity_of(builder: Any) -> str:
    """Hash over name, version, counts, and the names and sizes of a prepared set's files."""
    info = builder.info
    counts = (f"{name} {info.splits[name].num_examples}" for name in sorted(info.splits))
    files = (f"{path.name} {path.stat().st_size}" for path in records(builder))
    return identity("tfds", info.full_name, *counts, *files)


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


@contextlib.contextmanager
def readable(builder: Any) -> Iterator[None]:
    """Turns what TensorFlow and TFDS raise on damaged files into one InputError line."""
    import tensorflow as tf

    try:
        yield
    except InputError:
        raise
    except (tf.errors.OpError, AssertionError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"the prepared set in {builder.data_dir} can't be read ({_reason(error)}): "
            "delete that folder and run again to prepare it anew"
        ) from error


def short(path: pathlib.Path) -> str:
    """The path with ~ for the home folder."""
    home = pathlib.Path.home()
    return shown(f"~/{path.relative_to(home)}" if path.is_relative_to(home) else path)


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
    text = f"{name} isn't prepared in {short(root)} and downloading it failed ({_reason(error)}): "
    if name != CELEBA:
        return (
            f"{text}connect to the network, or prepare it elsewhere with "
            f'python -c "import tensorflow_datasets as t; t.load({name!r})", copy the folder '
            f"~/tensorflow_datasets/{name} here and name its parent with --data_dir"
        )
    return (
        f"{text}its drive has a daily quota; put the five files {', '.join(CELEBA_FILES)} into "
        f"{short(root / 'downloads' / 'manual')} by hand and run again, or name the folder with "
        "img_align_celeba.zip and list_eval_partition.txt with --celeba_dir"
    )


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.Timeout):
        return f"{type(error).__name__}: no connection"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
