"""A user's own images: any folder of pictures of one size, or any .npz of uint8 images."""

import os
import pathlib
import zipfile
from collections import Counter
from collections.abc import Iterable

import numpy as np

from tf_twostage.decoding import (
    HELD_OUT_MOST,
    HELD_OUT_SHARE,
    Outline,
    Splits,
    content_hash,
    decode_all,
    empty,
    held_out,
    held_out_count,
)
from tf_twostage.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
NPZ_PAIRS = (("train", "test"), ("x_train", "x_test"))

PathLike = str | os.PathLike

_GREY_MODES = {"1", "L", "LA"}
_DEEP_MODES = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


def load_folder(folder: PathLike) -> Splits:
    """Loads every PNG, JPEG, BMP, GIF and WebP image below `folder`, in sorted order.

    All must have one size. They are grey (uint8 [N, H, W, 1]) if every file is stored as grey,
    else RGB (uint8 [N, H, W, 3]); transparent parts are laid on white, animations give their first
    frame. With subfolders train/ and test/ those are the splits; else a tenth (1 to 10,000) is held
    out, chosen by a hash of the paths within the folder. Raises InputError, naming the file, for
    one that can't be read or has another size, and for a folder with fewer than two images.
    """
    root = pathlib.Path(folder).expanduser()
    train, test = _split_files(root)
    size, channels = _common_form(train + test)
    arrays = [_decode_files(files, size, channels, root) for files in (train, test)]
    return Splits(*arrays, _folder_source(root, train, test), content_hash(*arrays))


def describe_folder(folder: PathLike) -> str:
    """One line on the folder's images; lists them but reads none. Raises InputError if empty."""
    root = pathlib.Path(folder).expanduser()
    return _folder_source(root, *_split_files(root))


def outline_folder(folder: PathLike) -> Outline:
    """Shape and counts, from the files' headers. Raises InputError as load_folder."""
    train, test = _split_files(pathlib.Path(folder).expanduser())
    (width, height), channels = _common_form(train + test)
    return Outline((height, width, channels), len(train), len(test))


def load_npz(path: PathLike) -> Splits:
    """Loads uint8 [N, H, W] or [N, H, W, C] arrays, C in {1, 3}, from an .npz file.

    Takes keys train and test, or x_train and x_test; else `images` or the only array, a tenth of
    which (1 to 10,000) is held out, chosen by a hash of each image. Raises InputError, saying what
    the file holds, for anything else.
    """
    path = pathlib.Path(path).expanduser()
    keys, _ = _npz_plan(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[key] for key in keys]
    except Exception as error:  # whatever a damaged zip or .npy raises
        raise InputError(f"{path} can't be read ({error}): write it again") from error
    arrays = [array[..., None] if array.ndim == 3 else array for array in arrays]
    train, test = arrays if len(arrays) == 2 else _hold_out(arrays[0])
    return Splits(train, test, describe_npz(path), content_hash(train, test))


def describe_npz(path: PathLike) -> str:
    """One line on the file's arrays; reads their headers only. Raises InputError as load_npz."""
    path = pathlib.Path(path).expanduser()
    keys, shapes = _npz_plan(path)
    if len(keys) == 2:
        return f"{path}: {shapes[0][0]:,} training and {shapes[1][0]:,} held-out images by its keys"
    return f"{path}: {_share_text(shapes[0][0])}, chosen by a hash of each image"


def outline_npz(path: PathLike) -> Outline:
    """Shape and counts, from the arrays' headers. Raises InputError as load_npz."""
    _, shapes = _npz_plan(pathlib.Path(path).expanduser())
    counts = [shape[0] for shape in shapes]
    if len(counts) == 1:
        counts = [counts[0] - held_out_count(counts[0]), held_out_count(counts[0])]
    return Outline(_image_shape(shapes[0]), *counts)


# --- folders ---------------------------------------------------------------------------------


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
    mask = held_out(path.relative_to(root).as_posix().encode() for path in files)
    return tuple([files[i] for i in np.flatnonzero(chosen)] for chosen in (~mask, mask))


_WANTED = f"put two or more {', '.join(SUFFIXES)} files of one size there, or name another folder"


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


def _common_form(files: list[pathlib.Path]) -> tuple[tuple[int, int], int]:
    """The one (width, height) of all files and their channels: 1 if all are grey, else 3."""
    headers = [_header(path) for path in files]
    (size, share), *others = Counter(size for size, _ in headers).most_common()
    if others:
        odd = next(i for i, header in enumerate(headers) if header[0] != size)
        raise InputError(
            "{} is {}x{} pixels, while {:,} of {:,} images are {}x{}: "
            "all must have one size, resize or remove it".format(
                files[odd], *headers[odd][0], share, len(files), *size
            )
        )
    return size, 1 if all(grey for _, grey in headers) else 3


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
    files: list[pathlib.Path], size: tuple[int, int], channels: int, root: pathlib.Path
) -> np.ndarray:
    """Decodes files into one array, uint8 [N, H, W, channels]."""
    out = empty((len(files), size[1], size[0], channels))

    def decode(path: pathlib.Path) -> np.ndarray:
        try:
            return _decode(path, "L" if channels == 1 else "RGB").reshape(out.shape[1:])
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


def _folder_source(root: pathlib.Path, train: list, test: list) -> str:
    if _has_splits(root):
        return f"{root}: {len(train):,} training images in train/, {len(test):,} held out in test/"
    return f"{root}: {_share_text(len(train) + len(test))}, chosen by a hash of their paths"


def _share_text(count: int) -> str:
    held, share = held_out_count(count), f"{100 * HELD_OUT_SHARE:.0f} %, at most {HELD_OUT_MOST:,}"
    return f"{count - held:,} training and {held:,} held-out images ({share})"


# --- .npz files ------------------------------------------------------------------------------


def _npz_plan(path: pathlib.Path) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """Keys to read, (train, test) or a single one, and their shapes; checks all but the values."""
    headers = _npz_headers(path)
    keys = next((pair for pair in NPZ_PAIRS if set(pair) <= set(headers)), None)
    if keys is None:
        keys = ("images",) if "images" in headers else tuple(headers)
    if len(keys) not in (1, 2) or (len(keys) == 2 and keys not in NPZ_PAIRS):
        raise InputError(f"{path} holds {_holdings(headers)}: {_NPZ_WANTED}")
    least = 1 if len(keys) == 2 else 2
    for key in keys:
        shape, dtype = headers[key]
        fits = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
        if dtype != np.uint8 or not fits or shape[0] < least or 0 in shape:
            raise InputError(f"{path} holds {_holdings(headers)}: {_NPZ_WANTED}")
    shapes = [headers[key][0] for key in keys]
    if len(shapes) == 2 and _image_shape(shapes[0]) != _image_shape(shapes[1]):
        raise InputError(f"{path} holds {_holdings(headers)}: both need images of one shape")
    return keys, shapes


_NPZ_WANTED = (
    "expected uint8 [N, H, W] or [N, H, W, C] with C 1 or 3 and at least one image, under the keys "
    "train and test, x_train and x_test, or images, or as the only array (then at least two images)"
)


def _image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[1:], 1) if len(shape) == 3 else shape[1:]


def _npz_headers(path: pathlib.Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and dtype of each array in the file, from the headers alone."""
    read = {(1, 0): np.lib.format.read_array_header_1_0}
    headers = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    version = np.lib.format.read_magic(member)
                    shape, _, dtype = read.get(version, np.lib.format.read_array_header_2_0)(member)
                    headers[name.removesuffix(".npy")] = shape, dtype
    except Exception as error:  # whatever a damaged zip or .npy raises
        raise InputError(f"{path} isn't a readable .npz ({error}): {_NPZ_WANTED}") from error
    return headers


def _holdings(headers: dict[str, tuple[tuple[int, ...], np.dtype]]) -> str:
    return ", ".join(f"{k}: {d} {list(s)}" for k, (s, d) in headers.items()) or "no array"


def _hold_out(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits images by a hash of each; moves rows in place rather than copying the whole."""
    mask = held_out(_rows(images))
    test = images[mask]
    kept = np.flatnonzero(~mask)
    for row, source in enumerate(kept):
        images[row] = images[source]
    return images[: len(kept)], test


def _rows(images: np.ndarray) -> Iterable[bytes]:
    return (image.tobytes() for image in images)
