"""Files of images: which names below a folder count, and which pixels a file holds.

`fid/image_files.py` follows the same rules, so that images are scored as they were trained on.
"""

import contextlib
import io
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tf_twostage.errors import InputError, reason, shown

Source = Path | bytes  # an image file: where it is, or what is in it

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # Pillow's names; it knows more
_PNG_DEPTH = 24  # the byte of a PNG file that says how many bits a channel has
_PNG_NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks that may hold an orientation
_TIFF_DEPTH = 258  # the tag BitsPerSample of a TIFF file
_ORIENTATION = 274  # the EXIF tag
_GREY_MODES = ("1", "L", "LA")
LARGE = 2**24
MOST_BYTES = 2**26  # of a file inside another, such as a zip, a tar or a table
MOST_PIXELS = 20_000 * 20_000  # of a file; Pillow's own limit is less than half of it
_one_at_a_time = threading.Lock()
_raising = threading.Lock()


class Found(NamedTuple):
    """What lies below a folder."""

    names: list[str]  # the image files' paths below the folder, in their order
    left_out: Counter[str]  # how many other files there are, by suffix


class Header(NamedTuple):
    """What a file tells before its pixels are decoded."""

    size: tuple[int, int]  # (width, height) of the image as it is seen
    grey: bool  # whether it is stored as grey


def find(root: Path) -> Found:
    """The image files below a folder, by their suffix, upper or lower case.

    Links are followed; a folder or a file that several paths lead to counts once, a file under its
    own name or, where it lies elsewhere, that of its first link. Hidden files and folders (their
    names begin with a dot) and `__MACOSX` are passed over in silence.

    Raises:
      InputError: a folder cannot be listed.
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


def visible_files(root: Path) -> Iterator[Path]:
    """Every file below a folder that is not hidden; each real folder is visited once."""
    return (root / name for name, _ in _Listing(root))


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
    raise InputError(f"can't read the folder {error.filename}: {error.strerror}")


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


def read(
    path: Path, mode: str, fit: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels
) -> np.ndarray:
    """One image file as uint8 [H, W] for mode "L", or [H, W, 3] for "RGB", as `fit` changes it.

    The image stands as its EXIF orientation says, its transparent parts are laid on white, and of
    an animation it is the first frame. Of images with more than `LARGE` pixels, one at a time is in
    memory, however many threads read. Raises InputError for a file that Pillow can't read, that has
    more than 8 bits a channel or more than `MOST_PIXELS`.
    """
    with _opened(path) as image:
        large = image.width * image.height > LARGE
        with _one_at_a_time if large else contextlib.nullcontext():
            pixels = _pixels(image, mode)
            image.close()  # gives Pillow's memory back
            return fit(pixels)


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
    image = _on_white(_upright(image))
    return np.asarray(image if image.mode == mode else image.convert(mode))


@contextlib.contextmanager
def _opened(source: Source) -> Iterator[Any]:
    """A file opened by Pillow; turns what may be wrong with it into an InputError."""
    from PIL import Image

    name = _name(source)
    try:
        with _stream(source) as stream, _image(source, stream) as image:
            if image.width * image.height > MOST_PIXELS:
                size = f"{image.width}x{image.height} pixels exceeds limit of {MOST_PIXELS:,}"
                raise InputError(f"{name} can't be read ({size}): shrink or remove it")
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


def _image(source: Source, stream: BinaryIO) -> Any:
    """An image, its pixels not decoded yet; of a file, Pillow's limit of pixels is set to ours."""
    from PIL import Image

    if isinstance(source, bytes):
        return Image.open(stream, formats=FORMATS)
    with _raising:
        pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, MOST_PIXELS
        try:
            return Image.open(stream, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = pillows


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
    text = reason(error)
    return f"no image of the kinds {', '.join(FORMATS)}" if "cannot identify" in text else text
