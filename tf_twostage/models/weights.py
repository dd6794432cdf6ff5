"""Files of weights, written whole or not at all."""

import io
import os
import pathlib

import keras
import numpy as np

from tf_twostage import files, sealed
from tf_twostage.errors import InputError
from tf_twostage.models import hdf5_checks
from tf_twostage.sealed import Seal


class DamagedError(InputError):
    """A file of weights is not what was written."""


class _Memory(io.BytesIO):
    """A file in memory. Keras knows files of weights by their name."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def save(model: keras.Model, path: pathlib.Path, former: pathlib.Path | None = None) -> None:
    """Writes weights (and, of a compiled model, its optimiser's state), whole or not at all.

    By way of memory: HDF5 itself crashes the process where a disk is full.

    Args:
      model: built.
      path: the file, sealed with a checksum.
      former: where the file goes that was at `path`; None: it is replaced.

    Raises:
      InputError: a weight is not finite. Nothing is written.
      WriteError: the disk is full, read-only or gone.
    """
    _check_finite(model, f"{path} is not written", "give the command again with a lower rate")
    memory = _Memory()
    model.save_weights(memory)

    def write(temporary: pathlib.Path) -> None:
        temporary.write_bytes(memory.getbuffer())
        sealed.seal(temporary)
        if former and path.exists():
            os.replace(path, former)

    files.replace_file(path, write)


def load(model: keras.Model, path: pathlib.Path) -> None:
    """Reads what `save` wrote.

    Raises:
      DamagedError: its bytes are not those that were written.
      InputError: it does not fit the model, or a weight is not finite.
    """
    sealed_whole = _is_sealed(path)
    try:
        hdf5_checks.check(path)
        model.load_weights(path)
    except OSError as error:
        raise DamagedError(f"{path} is damaged ({_reason(error)}): delete it") from None
    except Exception as error:  # whatever a damaged HDF5 file raises
        damaged = "" if sealed_whole else "damaged or "
        message = f"{path} is {damaged}of another network ({_reason(error)}): delete it"
        raise InputError(message) from None
    _check_finite(model, f"{path} is of no use", "delete it and train again")


def _check_finite(model: keras.Model, what: str, advice: str) -> None:
    """Raises `InputError` where a weight is infinite or NaN."""
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise InputError(f"{what}: its weights {weight.path} are not finite, {advice}")


def _is_sealed(path: pathlib.Path) -> bool:
    """Whether a checksum says that a file is whole; `DamagedError` where it says the contrary."""
    try:
        found = sealed.check(path)
    except OSError as error:
        raise DamagedError(f"{path} cannot be read ({_reason(error)}): delete it") from None
    if found is Seal.BROKEN:
        raise DamagedError(f"{path} is damaged (its checksum is wrong): delete it")
    return found is Seal.WHOLE


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0]
