"""Models in inference mode as plain functions of NumPy batches."""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def compiled(model: keras.Model) -> Callable[[np.ndarray], object]:
    """`model(x, training=False)` for x [N, *row_shape] of its own type (float32), its outputs NumPy arrays.

    Traced once for any N > 0: `predict_on_batch` traces again for every number of examples, which
    costs more than decoding them. Not compiled by XLA, which would compile for every number as
    well. The shape is the model's own, not that of the first batch, which may be a wrong one.

    Args:
      model: a half of a `GaussianVAE` that is built.
    """
    dtype = model.compute_dtype
    signature = [tf.TensorSpec((None, *model.row_shape), dtype)]

    @tf.function(input_signature=signature, autograph=False)
    def outputs(x):
        return model(x, training=False)

    traced = functools.cache(outputs.get_concrete_function)
    return lambda x: keras.tree.map_structure(np.asarray, traced()(tf.cast(x, dtype)))


class Predictor:
    """`predict(model, batch)`: each model compiled once, when it is first used."""

    def __init__(self):
        self._functions: dict[int, Callable] = {}

    def __call__(self, model: keras.Model, batch: np.ndarray):
        if id(model) not in self._functions:
            self._functions[id(model)] = compiled(model)
        return self._functions[id(model)](batch)
