"""A user's own images: any folder of pictures of one size."""

import dataclasses
import os
import pathlib
from collections import Counter

import numpy as np

from tf_twostage.data import held_out
from tf_twostage.data.decoding import decode_all
from tf_twostage.data.identity import content_hash
from tf_twostage.data.resizing import centred_square
from tf_twostage.data.run_names import run_name
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Array, Storage
from tf_twostage.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")

_GREY_MODES = {"1", "L", "LA"}
_DEEP_MODES = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_WANTED = f"put two or more {', '.join(SUFFIXES)} files of one size there, or name another folder"


@dataclasses.dataclass(frozen=True)
class Folder:
    """Every PNG, JPEG, BMP, GIF and WebP image below a folder, in sorted order, as a source.

    All must have one size, or `image_size` be given: then the middle square of each is resized to
    image_size x image_size. They are grey (uint8 [N, H, W, 1]) if every file is stored as grey,
    else RGB (uint8 [N, H, W, 3]); transparent parts are laid on white, animations give their first
    frame. With subfolders train/ and test/ those are the splits; else a tenth (1 to 10,000) is held
    out, chosen by a hash of the paths within the folder.

    Its methods raise InputError, naming the file, for one that can't be read or has another size,
    and for a folder with fewer than two images.
    """

    root: pathlib.Path
    image_size: int | None = None

    @property
    def run_name(self) -> str:
        return run_name(self.root.resolve().name, "folder", self.image_size)

    def describe(self) -> str:
        """One line on the folder's images; lists them but reads none."""
        return _in_words(self.root, *_split_files(self.root))

    def outline(self) -> Outline:
        """Shape and counts, from the files' headers."""
        train, test = _split_files(self.root)
        (width, height), channels = _common_form(train + test, self.image_size)
        return Outline((height, width, channels), len(train), len(test))

    def load(self, storage: Storage) -> Splits:
        train, test = _split_files(self.root)
        size, channels = _common_form(train + test, self.image_size)
        arrays = [
            _decode_files(files, size, channels, self.root, storage) for files in (train, test)
        ]
        return Splits(*arrays, _in_words(self.root, train, test), content_hash(*arrays))


def _split_files(root: pathlib.Path) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Files to train on and to hold out, each sorted by path."""
    if _has_splits(root):
        train, test = _image_files(root / "train"), _image_files(root / "test")
        for name, files in (("train", train), ("test", test)):
            if not files:
                raise InputError(f"no image in {root / name}: {_WANTED}")
        return train, test
    files = _image_files(root)
    if len(files) < 2:
        found = f"only one image, {files[0].name}," if files else "no image"
        raise InputError(f"{found} in {root}: {_WANTED}")
    mask = held_out.choose(path.relative_to(root).as_posix().encode() for path in files)
    return tuple([files[i] for i in np.flatnonzero(chosen)] for chosen in (~mask, mask))


def _has_splits(root: pathlib.Path) -> bool:
    return (root / "train").is_dir() and (root / "test").is_dir()


def _image_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Image files below `root` by their suffix, without hidden ones, sorted by path."""
    found = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__MACOSX"))]
        found += [
            pathlib.Path(folder, name)
            for name in names
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _common_form(files: list[pathlib.Path], image_size: int | None) -> tuple[tuple[int, int], int]:
    """The one (width, height) of all images and their channels: 1 if all are grey, else 3."""
    headers = [_header(path) for path in files]
    channels = 1 if all(grey for _, grey in headers) else 3
    if image_size is not None:
        return (image_size, image_size), channels
    (size, share), *others = Counter(size for size, _ in headers).most_common()
    if others:
        odd = next(i for i, header in enumerate(headers) if header[0] != size)
        raise InputError(
            "{} is {}x{} pixels, while {:,} of {:,} images are {}x{}: "
            "all must have one size, resize or remove it, or give --image_size".format(
                files[odd], *headers[odd][0], share, len(files), *size
            )
        )
    return size, channels


def _header(path: pathlib.Path) -> tuple[tuple[int, int], bool]:
    """(width, height) of a file, and whether it is stored as grey."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode in _DEEP_MODES:
                raise ValueError("it has more than 8 bits a channel")
            return image.size, image.mode in _GREY_MODES or _has_grey_palette(image)
    except Exception as error:  # Pillow raises many kinds on damaged files
        raise InputError(_unreadable(path, error)) from error


def _has_grey_palette(image) -> bool:
    if image.mode != "P":
        return False
    colours = np.reshape(image.getpalette("RGB"), (-1, 3))
    return bool((colours == colours[:, :1]).all())


def _unreadable(path: pathlib.Path, error: Exception) -> str:
    reason = "no image Pillow knows" if "cannot identify" in str(error) else error
    return f"{path} can't be read ({reason}): replace or remove it"


def _decode_files(
    files: list[pathlib.Path],
    size: tuple[int, int],
    channels: int,
    root: pathlib.Path,
    storage: Storage,
) -> Array:
    """Decodes files into one array, uint8 [N, H, W, channels]."""
    out = storage.empty((len(files), size[1], size[0], channels))

    def decode(path: pathlib.Path) -> np.ndarray:
        try:
            image = _decode(path, "L" if channels == 1 else "RGB")
            image = image.reshape(*image.shape[:2], channels)
            return image if image.shape[:2] == size[::-1] else centred_square(image, size[0])
        except Exception as error:  # Pillow raises many kinds on damaged files
            raise InputError(_unreadable(path, error)) from error

    return decode_all(files, out, decode, f"images of {root.name}")


def _decode(path: pathlib.Path, mode: str) -> np.ndarray:
    """A file's pixels, uint8 [H, W] for mode L or [H, W, 3] for RGB, transparency on white."""
    from PIL import Image

    with Image.open(path) as image:
        if "A" in image.getbands() or "transparency" in image.info:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        return np.asarray(image.convert(mode))


def _in_words(root: pathlib.Path, train: list, test: list) -> str:
    if _has_splits(root):
        return f"{root}: {len(train):,} training images in train/, {len(test):,} held out in test/"
    return f"{root}: {held_out.in_words(len(train) + len(test))}, chosen by a hash of their paths"
