"""Endless streams of training batches, a pure function of (seed, stage, epoch, step).

All randomness of training lives here: the order of the examples, the noise eps of every draw from
a posterior. So a resumed run sees what an uninterrupted one would have seen, and the slice of a
global batch that a replica gets brings its own noise.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_twostage.data.storage import Array

# What a random number is for; part of its seed.
_ORDER, _NOISE, _REDRAW = range(3)

Part = tuple[int, int]  # (i, n): a worker's share of every batch, the i-th of n equal slices
WHOLE: Part = (0, 1)


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Whole batches in one epoch; the last partial one is dropped, as the authors do."""
    return examples // batch_size


def image_batches(
    images: Array,
    batch_size: int,
    latent_dim: int,
    seed: int,
    first_epoch: int = 0,
    part: Part = WHOLE,
) -> tf.data.Dataset:
    """Stage 1: batches of images and the noise of their latents, reshuffled every epoch.

    Args:
      images: uint8 [N, H, W, C], 0..255. Held once, as uint8, or read from a file row by row.
      batch_size: B, at most N.
      latent_dim: kappa.
      seed: int; the same seed gives the same stream.
      first_epoch: where to start (from 0).
      part: (i, n) for the i-th of n equal slices of every batch; n divides B.

    Returns:
      Endless data set of {"x": float32 [B, H, W, C] in 0..1, "noise": float32 [B, kappa]}; of a
      part, B / n examples each.
    """
    pixels = _gatherer(images)

    def batch(rows, step):
        noise = _normal(batch_size, latent_dim, (seed, 1), _NOISE, step)
        x = tf.cast(pixels(_slice(rows, part)), tf.float32) / 255
        return {"x": x, "noise": _slice(noise, part)}

    return _stream(len(images), batch_size, (seed, 1), first_epoch, batch)


def latent_batches(
    mean: Array,
    stddev: Array,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    part: Part = WHOLE,
) -> tf.data.Dataset:
    """Stage 2: z = mean + stddev * eps, eps drawn afresh every epoch, and the noise of its latents.

    Args:
      mean, stddev: float32 [N, kappa], q(z|x) of every training image.
      batch_size, seed, first_epoch, part: as in `image_batches`.

    Returns:
      Endless data set of {"x": z float32 [B, kappa], "noise": float32 [B, kappa]}.
    """
    means, stddevs = _gatherer(mean), _gatherer(stddev)
    latent_dim = mean.shape[1]

    def batch(rows, step):
        eps, noise = (
            _slice(_normal(batch_size, latent_dim, (seed, 2), purpose, step), part)
            for purpose in (_REDRAW, _NOISE)
        )
        rows = _slice(rows, part)
        return {"x": means(rows) + stddevs(rows) * eps, "noise": noise}

    return _stream(len(mean), batch_size, (seed, 2), first_epoch, batch)


def _stream(examples, batch_size, seed, first_epoch, batch) -> tf.data.Dataset:
    """`batch(rows [B], step)` for every step of every epoch from `first_epoch` on."""
    steps = steps_per_epoch(examples, batch_size)

    def epoch(index):
        order_seed = tf.random.experimental.stateless_fold_in(_stream_seed(seed, _ORDER), index)
        order = tf.random.experimental.stateless_shuffle(tf.range(examples), order_seed)
        rows = tf.reshape(order[: steps * batch_size], (steps, batch_size))
        first = index * steps
        numbers = tf.data.Dataset.range(first, first + steps)
        return tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(rows), numbers))

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    batches = epochs.flat_map(epoch).map(batch, num_parallel_calls=2, deterministic=True)
    # tf.data's rewriting would copy the tensor of all examples.
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return batches.prefetch(2).with_options(options)


def _slice(batch: tf.Tensor, part: Part) -> tf.Tensor:
    index, count = part
    size = batch.shape[0] // count
    return batch[index * size : (index + 1) * size]


def _gatherer(array: Array) -> Callable[[tf.Tensor], tf.Tensor]:
    """`rows [B] -> array[rows]` for use in tf.data."""
    if isinstance(array, np.ndarray):
        tensor = as_tensor(array)
        return lambda rows: tf.gather(tensor, rows)

    def gather(rows):
        found = tf.numpy_function(array.__getitem__, [rows], array.dtype, stateful=False)
        return tf.ensure_shape(found, (*rows.shape, *array.shape[1:]))

    return gather


def as_tensor(array: np.ndarray) -> tf.Tensor:
    """The array as a tensor on the same memory; a copy where TensorFlow cannot use that memory.

    It needs a multiple of 64 bytes as address, which `storage.in_memory` gives.
    """
    shared = array.flags.c_contiguous and array.flags.writeable and array.ctypes.data % 64 == 0
    if not shared:
        return tf.constant(array)
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def _stream_seed(seed, purpose):
    seed, stage = seed
    return tf.random.experimental.stateless_fold_in(
        tf.constant([seed, stage], tf.int64), tf.constant(purpose, tf.int64)
    )


def _normal(batch_size, latent_dim, seed, purpose, step):
    step_seed = tf.random.experimental.stateless_fold_in(_stream_seed(seed, purpose), step)
    return tf.random.stateless_normal((batch_size, latent_dim), step_seed)
