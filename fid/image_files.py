"""Files of images: which names below a folder count, and which pixels a file holds.

`tests/fid/test_shared_rules.py` holds these rules against the ones that models are trained by.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fid.errors import Error, reason

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
KINDS = "PNG, JPEG, BMP, GIF, WebP or TIFF"
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # Pillow's names; it knows more
MOST_PIXELS = 20_000 * 20_000  # of a file; Pillow's own limit is less than half of it
_raising = threading.Lock()
_PNG_DEPTH = 24  # the byte of a PNG file that says how many bits a channel has
_TIFF_DEPTH = 258  # the tag BitsPerSample of a TIFF file


class Found(NamedTuple):
    """What lies below a folder.

    Attributes:
        names: the image files' paths below the folder, in their order.
        left_out: how many other files there are, by suffix.
    """

    names: list[str]
    left_out: Counter[str]


def find(root: Path) -> Found:
    """The image files below a folder, by their suffix, upper or lower case.

    Links are followed; a folder or a file that several paths lead to counts once, a file under its
    own name or, where it lies elsewhere, that of its first link. Hidden files and folders (their
    names begin with a dot) and `__MACOSX` are passed over in silence.

    Raises:
        Error: a folder cannot be listed.
    """
    listing = _Listing(root)
    names, left_out, links = [], Counter(), {}
    for name, is_link in listing:
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in SUFFIXES:
            left_out[suffix] += 1
        elif is_link:
            target = os.path.realpath(root / name)
            links[target] = min(name, links.get(target, name))
        else:
            names.append(name)
    names += [name for target, name in sorted(links.items()) if not listing.holds(target)]
    return Found(sorted(names), left_out)


class _Listing:
    """Every file below a folder that is not hidden; each real folder is visited once.

    Iterating gives names below the folder, and whether each is a link.
    """

    def __init__(self, root: Path):
        self._root = root
        self._seen: set[tuple[int, int]] = set()  # devices and inodes of folders

    def __iter__(self) -> Iterator[tuple[str, bool]]:
        waiting = [""]
        while waiting:
            below = waiting.pop()
            folders = []
            for entry in self._visible(below):
                name = os.path.join(below, entry.name)
                if _is_folder(entry):
                    folders.append(name)
                else:
                    yield name, entry.is_symlink()
            waiting += sorted(folders, reverse=True)

    def _visible(self, below: str) -> Iterator[os.DirEntry]:
        """What lies in a folder; nothing the second time."""
        try:
            place = _place(self._root / below)
            if place in self._seen:
                return
            self._seen.add(place)
            with os.scandir(self._root / below) as entries:
                yield from (e for e in entries if e.name[0] != "." and e.name != "__MACOSX")
        except OSError as error:
            _refuse(error)

    def holds(self, target: str) -> bool:
        """Whether the target of a link is among the images listed under their own names."""
        folder, name = os.path.split(target)
        counts = name[0] != "." and os.path.splitext(name)[1].lower() in SUFFIXES
        return counts and os.path.isfile(target) and _place(folder) in self._seen


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _place(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _refuse(error: OSError) -> None:
    raise Error(f"cannot read the folder {error.filename}: {error.strerror}")


def left_out_text(left_out: Counter[str]) -> str:
    """One line such as "4 files left out: 3 .txt, 1 .avif"."""
    total = left_out.total()
    kinds = (f"{count:,} {suffix or 'with no suffix'}" for suffix, count in left_out.most_common())
    return f"{total:,} {'file' if total == 1 else 'files'} left out: {', '.join(kinds)}"


def read(path: Path, most_pixels: int = MOST_PIXELS) -> np.ndarray | None:
    """One image file as uint8 [H, W, 3]; None if it has more than `most_pixels`.

    The image stands as its EXIF orientation says, its transparent parts are laid on white, grey is
    repeated over the channels, and of an animation it is the first frame.

    Raises:
        Error: Pillow cannot read the file, or it has more than 8 bits a channel or more than
            `MOST_PIXELS`.
    """
    try:
        with _opened(path) as image:
            pixels = image.width * image.height
            if pixels > MOST_PIXELS:
                raise ValueError(f"{pixels:,} pixels exceeds limit of {MOST_PIXELS:,}")
            if not _is_deep(image, path):
                return _pixels(image) if pixels <= most_pixels else None
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise Error(f"cannot read the image {path}: {_reason(error)}") from None
    raise Error(f"the image {path} has more than 8 bits a channel; convert it to 8")


def _opened(path: Path) -> Any:
    """An image, its pixels not decoded yet. Pillow's limit of pixels is set to ours meanwhile."""
    from PIL import Image

    with _raising:
        pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MOST_PIXELS
        try:
            return Image.open(path, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = pillows


def _pixels(image: Any) -> np.ndarray:
    image = _on_white(_upright(image))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _is_deep(image: Any, path: Path) -> bool:
    """Whether a file just opened has more than 8 bits a channel; Pillow may cut them silently."""
    if image.format == "PNG":
        with open(path, "rb") as file:
            return file.read(_PNG_DEPTH + 1)[_PNG_DEPTH] > 8
    if image.format == "TIFF":
        return max(image.tag_v2.get(_TIFF_DEPTH, (1,))) > 8
    return image.mode == "F" or image.mode.startswith("I")


def _upright(image: Any) -> Any:
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    return image


def _on_white(image: Any) -> Any:
    """The image without transparency."""
    from PIL import Image

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _reason(error: Exception) -> str:
    """Why Pillow could not read a file, in one line."""
    text = reason(error)
    return (
        f"it is no image of the kinds {', '.join(FORMATS)}" if "cannot identify" in text else text
    )
