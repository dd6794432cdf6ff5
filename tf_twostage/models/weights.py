"""Files of weights, written whole or not at all."""

import io
import pathlib

import keras

from tf_twostage import files
from tf_twostage.errors import InputError


class _Memory(io.BytesIO):
    """A file in memory. Keras knows files of weights by their name."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def save(model: keras.Model, path: pathlib.Path) -> None:
    """Writes weights (and, of a compiled model, its optimiser's state), whole or not at all.

    By way of memory: HDF5 itself crashes the process where a disk is full.
    """
    memory = _Memory()
    model.save_weights(memory)
    files.replace_file(path, lambda temporary: temporary.write_bytes(memory.getbuffer()))


def load(model: keras.Model, path: pathlib.Path) -> None:
    """Reads what `save` wrote; `InputError` where it is damaged or does not fit."""
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is damaged or of another network ({reason}): delete it") from None
