"""Files of images: which names below a folder count, and which pixels a file holds.

`fid/image_files.py` follows the same rules, so that images are scored as they were trained on.
"""

import contextlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tf_twostage.errors import InputError
from tf_twostage.files import shown

Source = Path | bytes  # an image file: where it is, or what is in it

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # Pillow's names of what uploads may be
_PNG_DEPTH = 24  # the byte of a PNG file that says how many bits a channel has
_PNG_NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks that may hold an orientation
_TIFF_DEPTH = 258  # the tag BitsPerSample of a TIFF file
_ORIENTATION = 274  # the EXIF tag
_GREY_MODES = ("1", "L", "LA")


class Found(NamedTuple):
    """What lies below a folder."""

    files: list[Path]  # the image files, in the order of their paths below the folder
    left_out: Counter[str]  # how many other files there are, by suffix


class Header(NamedTuple):
    """What a file tells before its pixels are decoded."""

    size: tuple[int, int]  # (width, height) of the image as it is seen
    grey: bool  # whether it is stored as grey


def find(root: Path) -> Found:
    """The image files below a folder, by their suffix, upper or lower case.

    Links are followed; a folder or a file that several paths lead to counts once. Hidden files and
    folders (their names begin with a dot) and `__MACOSX` are passed over in silence. Raises
    InputError for a folder that can't be listed.
    """
    files, left_out = {}, Counter()
    for path in visible_files(root):
        if path.suffix.lower() in SUFFIXES:
            files.setdefault(os.path.realpath(path), path)
        else:
            left_out[path.suffix.lower()] += 1
    return Found(sorted(files.values(), key=lambda path: path.as_posix()), left_out)


def visible_files(root: Path) -> list[Path]:
    """Every file below a folder that is not hidden; each real folder is visited once."""
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
    raise InputError(f"can't read the folder {shown(error.filename)}: {error.strerror}")


def left_out_in_words(left_out: Counter[str]) -> str:
    """One line such as "4 files left out: 3 .txt, 1 .avif"; '' if there are none."""
    total = left_out.total()
    if not total:
        return ""
    kinds = (f"{count:,} {suffix or 'with no suffix'}" for suffix, count in left_out.most_common())
    return f"{total:,} {'file' if total == 1 else 'files'} left out: {shown(', '.join(kinds))}"


def header(path: Path) -> Header:
    """What a file tells of itself; decodes it only where its orientation stands behind the pixels.

    Raises InputError as `read`, but for damage among the pixels.
    """
    with _opened(path) as image:
        grey = _is_grey(image)
        turned = _may_be_turned(image, path) and image.getexif().get(_ORIENTATION, 1) in range(5, 9)
        if not turned:
            return Header(image.size, grey)
        if image.format == "TIFF":  # Pillow may have turned its size already
            return Header(_upright(image).size, grey)
        return Header(image.size[::-1], grey)


def read(path: Path, mode: str) -> np.ndarray:
    """One image file as uint8 [H, W] for mode "L", or [H, W, 3] for "RGB".

    The image stands as its EXIF orientation says, its transparent parts are laid on white, and of
    an animation it is the first frame. Raises InputError for a file that Pillow can't read or that
    has more than 8 bits a channel.
    """
    with _opened(path) as image:
        return _pixels(image, mode)


def decode(content: bytes, mode: str | None, most_pixels: int) -> np.ndarray:
    """`read` of what is in a file, from somebody who need not be trusted.

    Args:
      content: the bytes of a file of one of the `FORMATS`.
      mode: as in `read`; None: "L" for an image that is stored as grey, else "RGB".
      most_pixels: how many the image may have; a small file can hold very many.

    Raises:
      InputError: as `read`; or the image has more pixels. They are not decoded then.
    """
    with _opened(content) as image:
        if image.width * image.height > most_pixels:
            raise InputError(
                f"{_name(content)} is {image.width}x{image.height} pixels: "
                f"shrink it to {most_pixels:,} pixels or fewer"
            )
        return _pixels(image, mode or ("L" if _is_grey(image) else "RGB"))


def _pixels(image: Any, mode: str) -> np.ndarray:
    return np.asarray(_on_white(_upright(image)).convert(mode))


@contextlib.contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """A file opened by Pillow; turns what may be wrong with it into an InputError."""
    from PIL import Image

    name = _name(source)
    try:
        formats = FORMATS if isinstance(source, bytes) else None  # None: all that Pillow knows
        with _stream(source) as stream, Image.open(stream, formats=formats) as image:
            if _is_deep(image, source):
                raise InputError(
                    f"{name} has more than 8 bits a channel: convert it to 8 or remove it"
                )
            yield image
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} can't be read ({error}): shrink or remove it") from error
    except Exception as error:  # Pillow raises many kinds on damaged files
        text = f"{name} can't be read ({_reason(error)}): replace or remove it"
        raise InputError(text) from error


def _name(source: Source) -> str:
    """How a message calls an image."""
    return "the image" if isinstance(source, bytes) else shown(source)


def _stream(source: Source) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")


def _is_deep(image: Any, source: Source) -> bool:
    """Whether a file just opened has more than 8 bits a channel; Pillow may cut them silently."""
    if image.format == "PNG":
        with _stream(source) as file:
            return file.read(_PNG_DEPTH + 1)[_PNG_DEPTH] > 8
    if image.format == "TIFF":
        return max(image.tag_v2.get(_TIFF_DEPTH, (1,))) > 8
    return image.mode == "F" or image.mode.startswith("I")


def _may_be_turned(image: Any, path: Path) -> bool:
    """False for a PNG without notes: asking Pillow for its EXIF data would decode its pixels."""
    if image.format != "PNG":
        return True
    with open(path, "rb") as file:
        file.seek(8)  # behind the signature
        while (head := file.read(8)) and head[4:] not in (*_PNG_NOTES, b"IEND"):
            file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)  # data and checksum
    return head[4:] in _PNG_NOTES


def _is_grey(image: Any) -> bool:
    """Whether it is stored as grey."""
    if image.mode != "P":
        return image.mode in _GREY_MODES
    colours = np.reshape(image.getpalette("RGB"), (-1, 3))
    return bool((colours == colours[:, :1]).all())


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
    return "no image Pillow knows" if "cannot identify" in text else text
