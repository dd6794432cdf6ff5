"""The files that CelebA's makers give out: where they lie, and which are for training and test."""

import os
import pathlib
import re
import zipfile
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tf_twostage.data.identity import digest, identity
from tf_twostage.data.image_files import MOST_BYTES  # CelebA's: some 10 KB, its partition file 3 MB
from tf_twostage.errors import InputError, reason
from tf_twostage.files import PathLike

TRAIN, TEST = "0", "2"  # the partition file's numbers; 1 is the validation split, unused

_PARTITION_NAMES = ("list_eval_partition.txt", "list_eval_partition.csv")
_IMAGES = "img_align_celeba"


class Files(NamedTuple):
    """The makers' files: where, how to read one by name, and the names of each split."""

    where: pathlib.Path
    read: Callable[[str], bytes]
    train: list[str]
    test: list[str]
    state: str  # hash that changes whenever a name, a size or a content does
    identity: str  # hash over names and sizes; a copy has the same


class _Entry(NamedTuple):
    """A file in the folder or in the zip."""

    size: int  # bytes
    stamp: str  # its time, or its checksum


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
    with os.scandir(images) as entries:
        found = {entry.name: _entry(entry.stat()) for entry in entries if entry.is_file()}
    text = _partition_text(places, images)
    return _files(images, lambda name: (images / name).read_bytes(), text, found)


def _entry(status: os.stat_result) -> _Entry:
    return _Entry(status.st_size, str(status.st_mtime_ns))


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
        members = {pathlib.PurePosixPath(info.filename).name: info for info in archive.infolist()}
        inside = next((members[name] for name in _PARTITION_NAMES if name in members), None)
        if inside and inside.file_size > MOST_BYTES:
            raise ValueError(f"its partition file has {inside.file_size:,} bytes")
        text = archive.read(inside).decode(errors="replace") if inside else None
    except Exception as error:  # whatever a damaged zip raises
        raise InputError(
            f"{path} isn't a readable zip ({reason(error)}): download it again"
        ) from error
    if text is None:
        places = (path.parent, root, path.parent.parent, path.parent.parent / "Eval")
        text = _partition_text(places, path)
    found = {name: _Entry(info.file_size, str(info.CRC)) for name, info in members.items()}
    return _files(path, lambda name: archive.read(members[name]), text, found)


def _files(
    where: pathlib.Path, read: Callable[[str], bytes], partition: str, found: dict[str, _Entry]
) -> Files:
    train, test = _partition(partition, where)
    names = train + test
    _check_present(names, found, where)
    count = str(len(train))
    sizes = (f"{name} {found[name].size}" for name in names)
    state = digest([count, *(f"{name} {found[name].size} {found[name].stamp}" for name in names)])
    return Files(where, read, train, test, state, identity(count, *sizes))


def _partition_text(places: Iterable[pathlib.Path], images: pathlib.Path) -> str:
    for place in places:
        for name in _PARTITION_NAMES:
            if (place / name).is_file():
                return (place / name).read_text(errors="replace")
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
            f"the partition file of {images} lists {len(train):,} training and "
            f"{len(test):,} test images: expected lines like '000001.jpg 0', with 0 for training "
            "and 2 for test"
        )
    return train, test


def _check_present(names: list[str], present: dict[str, _Entry], images: pathlib.Path) -> None:
    missing = [name for name in names if name not in present]
    if missing:
        raise InputError(
            f"{len(missing):,} of {len(names):,} CelebA images aren't in {images}, the "
            f"first {missing[0]}: unpack or download the archive again"
        )
    huge = [name for name in names if present[name].size > MOST_BYTES]
    if huge:
        raise InputError(
            f"{huge[0]} in {images} has {present[huge[0]].size:,} bytes: that is no "
            "image of CelebA, download the archive again"
        )
