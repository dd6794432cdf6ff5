"""A model in inference mode as a plain function of NumPy batches."""

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

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32)], autograph=False)
    def outputs(x):
        return model(x, training=False)

    traced = functools.cache(outputs.get_concrete_function)
    return lambda x: keras.tree.map_structure(np.asarray, traced()(tf.cast(x, tf.float32)))
