"""Keras as this package needs it, whatever a user's keras.json or environment says."""

import contextlib
import os
import sys
from collections.abc import Iterator

from tf_twostage.errors import InputError

FLOATX = "float32"
DATA_FORMAT = "channels_last"


def require_tensorflow() -> None:
    """Has Keras run on TensorFlow; to be called before Keras is imported.

    A keras.json that names another backend is overruled.

    Raises:
      InputError: KERAS_BACKEND names another backend, or Keras was imported with one.
    """
    chosen = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if "keras" in sys.modules:
        chosen = sys.modules["keras"].config.backend()
    if chosen != "tensorflow":
        raise InputError(
            f"Keras' backend is set to {chosen}, but this program needs TensorFlow: "
            "unset KERAS_BACKEND, or set it to tensorflow"
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """What is built or trained inside uses this package's settings, whatever keras.json says."""
    with using(FLOATX, DATA_FORMAT):
        yield


@contextlib.contextmanager
def using(floatx: str, data_format: str) -> Iterator[None]:
    """What is built or trained inside uses this type and this order of axes.

    Layers keep what they were built with. The user's own settings are back afterwards.
    """
    import keras

    config = keras.config
    former = config.floatx(), config.image_data_format(), config.dtype_policy()
    _set(floatx, data_format, floatx)
    try:
        yield
    finally:
        _set(*former)


def _set(floatx: str, data_format: str, policy) -> None:
    import keras

    keras.config.set_floatx(floatx)
    keras.config.set_image_data_format(data_format)
    keras.config.set_dtype_policy(policy)
