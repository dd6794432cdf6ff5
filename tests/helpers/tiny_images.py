"""An .npz of 8 x 8 images: every second pixel of the built-in ones."""

import pathlib

import numpy as np

from tf_twostage.data import manifold


def write(folder: pathlib.Path, train: int, test: int) -> pathlib.Path:
    """Writes `tiny.npz` with so many training and held-out images; returns its path."""
    path = folder / "tiny.npz"
    images = manifold.images(train, test)
    np.savez(path, train=images[0][:, ::2, ::2], test=images[1][:, ::2, ::2])
    return path
