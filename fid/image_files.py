"""Files of images: which names below a folder count, and which pixels a file holds.

`tests/fid/test_shared_rules.py` holds these rules against the ones that models are trained by.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fid.errors import Error

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
KINDS = "PNG, JPEG, BMP, GIF, WebP or TIFF"
_PNG_DEPTH = 24  # the byte of a PNG file that says how many bits a channel has
_TIFF_DEPTH = 258  # the tag BitsPerSample of a TIFF file


class Found(NamedTuple):
    """What lies below a folder.

    Attributes:
        files: the image files, in the order of their paths below the folder.
        left_out: how many other files there are, by suffix.
    """

    files: list[Path]
    left_out: Counter[str]


def find(root: Path) -> Found:
    """The image files below a folder, by their suffix, upper or lower case.

    Links are followed; a folder or a file that several paths lead to counts once. Hidden files and
    folders (their names begin with a dot) and `__MACOSX` are passed over in silence.
    """
    files, left_out = {}, Counter()
    for path in _visible_files(root):
        if path.suffix.lower() in SUFFIXES:
            files.setdefault(os.path.realpath(path), path)
        else:
            left_out[path.suffix.lower()] += 1
    return Found(sorted(files.values(), key=lambda path: path.as_posix()), left_out)


def _visible_files(root: Path) -> list[Path]:
    """Every file below a folder that is not hidden; each real folder is visited once.

    Raises:
        Error: a folder cannot be listed.
    """
    seen, found = set(), []
    for folder, subfolders, names in os.walk(root, onerror=_refuse, followlinks=True):
        place = os.stat(folder)
        if (place.st_dev, place.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        subfolders[:] = sorted(n for n in subfolders if not (n[0] == "." or n == "__MACOSX"))
        found += [Path(folder, name) for name in sorted(names) if name[0] != "."]
    return found


def _refuse(error: OSError) -> None:
    raise Error(f"cannot read the folder {error.filename}: {error.strerror}")


def left_out_text(left_out: Counter[str]) -> str:
    """One line such as "4 files left out: 3 .txt, 1 .avif"."""
    total = left_out.total()
    kinds = (f"{count:,} {suffix or 'with no suffix'}" for suffix, count in left_out.most_common())
    return f"{total:,} {'file' if total == 1 else 'files'} left out: {', '.join(kinds)}"


def read(path: Path) -> np.ndarray:
    """One image file as uint8 [H, W, 3].

    The image stands as its EXIF orientation says, its transparent parts are laid on white, grey is
    repeated over the channels, and of an animation it is the first frame.

    Raises:
        Error: Pillow cannot read the file, or it has more than 8 bits a channel.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if not _is_deep(image, path):
                return np.asarray(_on_white(_upright(image)).convert("RGB"))
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise Error(f"cannot read the image {path}: {_reason(error)}") from None
    raise Error(f"the image {path} has more than 8 bits a channel; convert it to 8")


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
    text = " ".join(str(error).split()) or type(error).__name__
    return "it is no image that Pillow knows" if "cannot identify" in text else text
