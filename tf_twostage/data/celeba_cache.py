"""The cropped faces of CelebA, kept in a file so that they are cropped only once."""

import os
import pathlib
import sys
from collections.abc import Callable

from tf_twostage.data import npz_images
from tf_twostage.data.storage import Array, Storage
from tf_twostage.files import PathLike


def kept(
    key: str, cache_dir: PathLike | None, storage: Storage, compute: Callable[[], dict[str, Array]]
) -> dict[str, Array]:
    """Reads the arrays kept under `key`, or computes and keeps them."""
    path = _folder(cache_dir) / f"celeba-{key}.npz"
    if path.is_file():
        try:
            return {split: npz_images.read(path, split, storage) for split in ("train", "test")}
        except Exception as error:  # whatever a damaged zip or .npy raises
            print(f"warning: {path} is damaged ({error}); computing it anew", file=sys.stderr)
    arrays = compute()
    try:
        npz_images.write(path, arrays)
    except OSError as error:
        print(f"warning: can't keep the cropped faces in {path}: {error}", file=sys.stderr)
    return arrays


def _folder(cache_dir: PathLike | None) -> pathlib.Path:
    if cache_dir is not None:
        return pathlib.Path(cache_dir).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser() / "tf_twostage"
