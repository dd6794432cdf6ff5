"""Trains small VAEs with `fit`: Adam, its rate falling to 0, on batches drawn at random."""

import math

import keras
import numpy as np
import tensorflow as tf

from tf_twostage.errors import InputError
from tf_twostage.models.adam import Adam
from tf_twostage.models.networks import Posterior

STEPS_A_CALL = 100  # at most: a call from Python costs about a millisecond


def compile_model(model: keras.Model, learning_rate: float, steps: int, epochs: int = 1) -> None:
    """Gives a model Adam with a rate that falls to 0 within `steps`, again and again.

    A `fit` of it is to have the same `epochs`, which must divide `steps`.
    """
    rate = keras.optimizers.schedules.CosineDecayRestarts(learning_rate, steps, t_mul=1.0)
    steps_a_call = math.gcd(STEPS_A_CALL, steps // epochs)  # Keras would overrun an epoch
    model.compile(Adam(rate), steps_per_execution=steps_a_call)


def fit(model: keras.Model, batches: tf.data.Dataset, steps: int, epochs: int = 1) -> dict:
    """Trains for `steps` steps; the logs of each of `epochs` equal parts: name -> [epochs].

    Raises:
      InputError: the loss is not finite at the end.
    """
    logs = model.fit(
        batches, epochs=epochs, steps_per_epoch=steps // epochs, shuffle=False, verbose=0
    ).history
    if not math.isfinite(logs["loss"][-1]):
        raise InputError(f"training diverged: the loss is {logs['loss'][-1]}")
    return logs


def batches(x: np.ndarray, size: int, seed: int) -> tf.data.Dataset:
    """Batches [size, ...] without end, of rows of x [N, ...] drawn at random; for size N, all."""
    table = tf.constant(x)
    if len(x) == size:
        return tf.data.Dataset.from_tensors(table).repeat()

    def batch(step):
        return tf.gather(table, _rows(len(x), size, (seed, step)))

    return tf.data.Dataset.range(tf.int64.max).map(batch).prefetch(tf.data.AUTOTUNE)


def latent_batches(posterior: Posterior, size: int, seed: int) -> tf.data.Dataset:
    """As `batches`, of draws z ~ q(z|x), anew in every batch, for q(z|x) of N points [N, kappa]."""
    mean, stddev = (tf.constant(part) for part in posterior)

    def batch(step):
        rows = _rows(len(posterior.mean), size, (seed, step))
        noise = tf.random.stateless_normal((size, mean.shape[1]), (seed + 1, step))
        return tf.gather(mean, rows) + tf.gather(stddev, rows) * noise

    return tf.data.Dataset.range(tf.int64.max).map(batch).prefetch(tf.data.AUTOTUNE)


def with_noise(batches: tf.data.Dataset, kappa: int, seed: int) -> tf.data.Dataset:
    """Batches {"x": [B, d], "noise": [B, kappa]}, the noise from N(0, 1)."""

    def noisy(step, x):
        noise = tf.random.stateless_normal((tf.shape(x)[0], kappa), (seed + 1, step))
        return {"x": x, "noise": noise}

    return batches.enumerate().map(noisy)


def _rows(count: int, size: int, seed: tuple) -> tf.Tensor:
    return tf.random.stateless_uniform((size,), seed, 0, count, tf.int32)
