"""The loop on the device: one call compiled by XLA trains many steps.

The data lie on the device, as uint8 images or as posteriors. There each step of the loop gathers
its rows and draws its noise; the host sends the numbers of the rows and waits.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from tf_twostage.data import batches
from tf_twostage.data.batches import Batches
from tf_twostage.models.gaussian_vae import GaussianVAE


def train_function(model: GaussianVAE, data: Batches) -> Callable:
    """What `model.fit` is to call, as `model.train_function`, on an iterator over `calls`.

    It runs `model.train_step` as it stands on the same examples and noise as `data.stream` has, and
    returns the model's metrics. A call is compiled for each number of steps that it meets.
    """
    with tf.device(_device()):
        tables = [tf.identity(batches.as_tensor(array)) for array in data.arrays]
    gathers = [lambda rows, table=table: tf.gather(table, rows) for table in tables]

    @tf.function(jit_compile=True, autograph=False)
    def train(rows, first):
        def body(k):
            step = first + tf.cast(k, tf.int64)
            batch = data.batch(gathers, rows[k], lambda use: data.noise(use, step, normal))
            model.train_step((batch,))
            return [k + 1]

        steps = rows.shape[0]  # known to XLA, so that the GPU need not ask the host after each step
        tf.while_loop(lambda k: k < steps, body, [tf.constant(0)])
        return model.get_metrics_result()

    compiled = set()

    def function(iterator):
        rows, first = next(iterator)
        if rows.shape[0] not in compiled:
            compiled.add(rows.shape[0])
            print(f"compiling {rows.shape[0]} steps into one call", flush=True)
        return train(rows, first)

    return function


def calls(data: Batches, steps: int, first_epoch: int = 0) -> tf.data.Dataset:
    """What each call trains on, without end.

    Args:
      data: whose batches.
      steps: how many a call; the last of an epoch has fewer where they do not divide it.
      first_epoch: where to start (from 0).

    Returns:
      Data set of (rows int32 [steps, B], the number of the first of these steps, int64).
    """

    def epoch(index):
        first = index * data.steps
        rows = tf.data.Dataset.from_tensor_slices(data.order(index)).batch(steps)
        return tf.data.Dataset.zip((rows, tf.data.Dataset.range(first, first + data.steps, steps)))

    return tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(epoch).prefetch(1)


def _device() -> str:
    kinds = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return kinds[0].name


def normal(shape: tuple[int, int], seed: tf.Tensor) -> tf.Tensor:
    """`tf.random.stateless_normal` outside XLA, but for rounding; XLA's own gives other numbers.

    Both make pairs of normal numbers of pairs of Philox' 32 bits by Box and Muller's formula,
    sqrt(-2 log u) * (sin v, cos v), but lay them out differently.
    """
    count = shape[0] * shape[1]
    pairs = (count + 1) // 2
    bits = tf.random.stateless_uniform((pairs, 2), seed, None, None, tf.uint32, alg=batches.PHILOX)
    uniform = tf.cast(bits & (2**23 - 1), tf.float32) * 2.0**-23  # [pairs, 2], in 0..1
    radius = tf.sqrt(-2 * tf.math.log(tf.maximum(uniform[:, 0], 1e-7)))
    angle = 2 * math.pi * uniform[:, 1]
    normal = tf.stack([radius * tf.sin(angle), radius * tf.cos(angle)], axis=1)
    return tf.reshape(tf.reshape(normal, [-1])[:count], shape)
