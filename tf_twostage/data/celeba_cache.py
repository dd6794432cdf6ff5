"""The cropped faces of CelebA, kept in a file so that they are cropped only once.

The file is mapped rather than read: all processes of a machine share the system's one copy of it.
"""

import os
import pathlib
import sys
from collections.abc import Callable

import numpy as np

from tf_twostage.data import aligned_npz
from tf_twostage.data.storage import Array
from tf_twostage.errors import reason
from tf_twostage.files import A_DAY, PathLike, remove_temporary


def kept(
    key: str,
    cache_dir: PathLike | None,
    shapes: dict[str, tuple[int, ...]],
    compute: Callable[[], dict[str, Array]],
) -> dict[str, Array]:
    """Maps the arrays kept under `key`, or computes and keeps them.

    Args:
      key: names the file.
      cache_dir: its folder; None: `tf_twostage` in the user's cache.
      shapes: split -> that of its array, [N, H, W, C].
      compute: split -> array, uint8 in 0..255.
    """
    path = _folder(cache_dir) / f"celeba-{key}.npz"
    if path.is_file():
        try:
            return {split: _faces(path, split, shape) for split, shape in shapes.items()}
        except Exception as error:  # whatever a damaged zip or .npy raises
            print(
                f"warning: {path} is damaged ({reason(error)}); computing it anew", file=sys.stderr
            )
    arrays = compute()
    try:
        remove_temporary(path.parent, A_DAY)
        aligned_npz.write(path, arrays)
        return {split: aligned_npz.mapped(path, split) for split in shapes}
    except OSError as error:
        print(f"warning: the cropped faces are not kept: {error}", file=sys.stderr)
        return arrays


def _faces(path: pathlib.Path, split: str, shape: tuple[int, ...]) -> np.ndarray:
    """Raises ValueError, or whatever a damaged file raises."""
    array = aligned_npz.mapped(path, split)
    if array.shape != shape or array.dtype != np.uint8:
        raise ValueError(f"{split} is {array.dtype} {list(array.shape)}, not uint8 {list(shape)}")
    return array


def _folder(cache_dir: PathLike | None) -> pathlib.Path:
    if cache_dir is not None:
        return pathlib.Path(cache_dir).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser() / "tf_twostage"
