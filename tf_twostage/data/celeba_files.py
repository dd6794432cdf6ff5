"""The files that CelebA's makers give out: where they lie, and which are for training and test."""

import os
import pathlib
import re
import zipfile
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tf_twostage.data.identity import digest
from tf_twostage.errors import InputError
from tf_twostage.files import PathLike

TRAIN, TEST = "0", "2"  # the partition file's numbers; 1 is the validation split, unused

_PARTITION_NAMES = ("list_eval_partition.txt", "list_eval_partition.csv")
_IMAGES = "img_align_celeba"


class Files(NamedTuple):
    """The makers' files: where, how to read one by name, names per split, and their state."""

    where: pathlib.Path
    read: Callable[[str], bytes]
    train: list[str]
    test: list[str]
    state: str  # changes whenever a name, a size or a content does


def find(celeba_dir: PathLike) -> Files:
    """Finds images and partition file in any of the usual layouts, and checks that none lacks."""
    root = pathlib.Path(celeba_dir).expanduser()
    if not root.exists():
        raise InputError(f"--celeba_dir {root} doesn't exist: name {_IMAGES}/, its zip or parent")
    images = _image_place(root)
    if images is None:
        raise InputError(f"no {_IMAGES}/ and no {_IMAGES}.zip in {root}: name what holds them")
    if images.is_file():
        return _in_zip(images, root)
    places = (images, images.parent, images.parent.parent, root / "Eval", root.parent / "Eval")
    train, test = _partition(_partition_text(places, images), images)
    stamps = _folder_stamps(images)
    _check_present(train + test, stamps, images)
    state = digest([str(len(train)), *(f"{name} {stamps[name]}" for name in train + test)])
    return Files(images, lambda name: (images / name).read_bytes(), train, test, state)


def _image_place(root: pathlib.Path) -> pathlib.Path | None:
    """The folder that holds the JPEG files themselves, or the zip."""
    if root.is_file():
        return root
    for folder in (root / _IMAGES / _IMAGES, root / _IMAGES, root / "Img" / _IMAGES, root):
        if folder.is_dir() and next(folder.glob("*.jpg"), None):
            return folder
    archives = (root / f"{_IMAGES}.zip", root / "Img" / f"{_IMAGES}.zip")
    return next((path for path in archives if path.is_file()), None)


def _in_zip(path: pathlib.Path, root: pathlib.Path) -> Files:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} isn't a readable zip ({error}): download it again") from error
    members = {pathlib.PurePosixPath(info.filename).name: info for info in archive.infolist()}
    inside = next((members[name] for name in _PARTITION_NAMES if name in members), None)
    if inside:
        text = archive.read(inside).decode()
    else:
        places = (path.parent, root, path.parent.parent, path.parent.parent / "Eval")
        text = _partition_text(places, path)
    train, test = _partition(text, path)
    _check_present(train + test, members, path)
    stamps = {name: f"{members[name].file_size} {members[name].CRC}" for name in train + test}
    state = digest([str(len(train)), *(f"{name} {stamps[name]}" for name in train + test)])
    return Files(path, lambda name: archive.read(members[name]), train, test, state)


def _partition_text(places: Iterable[pathlib.Path], images: pathlib.Path) -> str:
    for place in places:
        for name in _PARTITION_NAMES:
            if (place / name).is_file():
                return (place / name).read_text()
    raise InputError(
        f"{_PARTITION_NAMES[0]} is missing: CelebA's images are in {images}, "
        f"put the file with their official splits beside them in {images.parent}"
    )


def _partition(text: str, images: pathlib.Path) -> tuple[list[str], list[str]]:
    """Names of training and test files, in the order of the partition file."""
    rows = re.findall(r"^(\S+?\.jpg)[ \t,]+(\d)\s*$", text, re.MULTILINE)
    train, test = ([name for name, part in rows if part == wanted] for wanted in (TRAIN, TEST))
    if not train or not test:
        raise InputError(
            f"the partition file of {images} lists {len(train):,} training and {len(test):,} test "
            "images: expected lines like '000001.jpg 0', with 0 for training and 2 for test"
        )
    return train, test


def _check_present(names: list[str], present: Any, images: pathlib.Path) -> None:
    missing = [name for name in names if name not in present]
    if missing:
        raise InputError(
            f"{len(missing):,} of {len(names):,} CelebA images aren't in {images}, the first "
            f"{missing[0]}: unpack or download the archive again"
        )


def _folder_stamps(folder: pathlib.Path) -> dict[str, str]:
    with os.scandir(folder) as entries:
        return {entry.name: stamp(entry.stat()) for entry in entries}


def stamp(status: os.stat_result) -> str:
    """What changes whenever a file's content does, as far as can be told without reading it."""
    return f"{status.st_size} {status.st_mtime_ns}"
