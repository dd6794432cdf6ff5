"""Models in inference mode as plain functions of NumPy batches."""

import functools
from collections.abc import Callable

import keras
import numpy as np


def compiled(model: keras.Model, shape: tuple[int, ...]) -> Callable[[np.ndarray], object]:
    """`model(x, training=False)` for x [N, *shape] of any N, its outputs NumPy arrays.

    Traced once: `predict_on_batch` traces again for every number of examples, which costs more
    than decoding them. Not compiled by XLA, which would compile for every number as well.
    """
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch
    import tensorflow as tf

    dtype = keras.config.floatx()

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), dtype)], autograph=False)
    def outputs(x):
        return model(x, training=False)

    traced = functools.cache(outputs.get_concrete_function)
    return lambda x: keras.tree.map_structure(np.asarray, traced()(tf.cast(x, dtype)))


class Predictor:
    """`predict(model, batch)`: each model compiled once, at its first batch."""

    def __init__(self):
        self._functions: dict[int, Callable] = {}

    def __call__(self, model: keras.Model, batch: np.ndarray):
        if id(model) not in self._functions:
            self._functions[id(model)] = compiled(model, np.shape(batch)[1:])
        return self._functions[id(model)](batch)
