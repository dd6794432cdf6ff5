"""Loads images by name, makes small ones, and catches what bad input says."""

import numpy as np
import pytest
from PIL import Image

from tf_twostage.data import datasets, sources
from tf_twostage.data.storage import Storage
from tf_twostage.errors import InputError


def load(name, jpeg=False, storage=None, **where):
    return datasets.load(sources.find(name, **where), storage or Storage(), jpeg)


def describe(name, **where):
    return sources.find(name, **where).describe()


def outline(name, **where):
    return sources.find(name, **where).outline()


def pictures(count, shape=(8, 6, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def write_pngs(folder, images, pattern="{:03d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        path = folder / pattern.format(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
    return folder


def message(call, *args, **kwargs):
    """The one line that a bad input's error says."""
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


def as_set(images):
    return {image.tobytes() for image in images}
