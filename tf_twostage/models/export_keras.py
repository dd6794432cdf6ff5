"""Writes a trained model's halves as `.keras` files, for Keras on its own."""

import os
import pathlib

import keras

from tf_twostage import files
from tf_twostage.errors import InputError
from tf_twostage.models import custom, plain
from tf_twostage.models.latent_model import LatentModel


def export_keras(model: LatentModel, folder: str | os.PathLike) -> list[pathlib.Path]:
    """Writes `encoder.keras`, `decoder.keras`, `stage2_encoder.keras`, `stage2_decoder.keras`.

    `keras.models.load_model` reads them without this package, as they hold Keras' own layers only;
    layers of a user's own networks must be known to Keras then. What each half takes and gives is
    said at `plain.halves`. A model has the files of those halves that it has: a GAN `decoder.keras`
    alone, and the second stage's are there once it is trained.

    Args:
      model: a model whose stage 1 at least is trained.
      folder: where they go; each file is replaced once the new one is whole.

    Returns:
      The files.

    Raises:
      InputError: a layer of a user's own network does not tell Keras its configuration.
      WriteError: a file cannot be written.
    """
    halves = plain.halves(model).items()
    return [_save(half, pathlib.Path(folder) / f"{name}.keras") for name, half in halves]


def _save(half: keras.Model, path: pathlib.Path) -> pathlib.Path:
    try:
        files.replace_file(path, half.save)
    except (NotImplementedError, TypeError) as error:  # of a layer without a `get_config`
        raise InputError(f"{path} cannot be written: {custom.line(error)}") from error
    return path
