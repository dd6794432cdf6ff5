"""Training batches, a pure function of (seed, stage, epoch, step).

All randomness of training lives here: the order of the examples, the noise eps of every draw from
a posterior, a GAN's latents. So a resumed run sees what an uninterrupted one would have seen, and
the slice of a global batch that a replica gets brings its own noise.
"""

import abc
import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_twostage.data.storage import Array

# What a random number is for; part of its seed.
_ORDER, _NOISE, _REDRAW, _LATENTS, _MIX, _PERTURBATION = range(6)

# One algorithm, so that a seed gives the same bits on CPUs and GPUs, outside XLA and inside. (XLA
# cuts seeds off at 32 bits where the choice is left to it.)
PHILOX = "philox"

Part = tuple[int, int]  # (i, n): a worker's share of every batch, the i-th of n equal slices
WHOLE: Part = (0, 1)

Gather = Callable[[tf.Tensor], tf.Tensor]  # rows [b] of an array -> the array's rows [b, ...]
Noise = Callable[[int], tf.Tensor]  # what it is for -> random numbers, float32 [b, ...]


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Whole batches in one epoch; the last partial one is dropped, as the authors do."""
    return examples // batch_size


def _fold_in(seed: tf.Tensor, number) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int64), PHILOX)


def _normal(shape: tuple[int, int], seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_normal(shape, seed, alg=PHILOX)


def _uniform(shape: tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """In 0..1 (1 excluded), float32. XLA's own floats differ from those outside; bits do not."""
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg=PHILOX)
    return tf.cast(bits & (2**24 - 1), tf.float32) * 2.0**-24


class Batches(abc.ABC):
    """The batches of one stage, reshuffled every epoch; one of them a step.

    Attributes:
      batch_size: B, at most the number N of examples.
      latent_dim: kappa.
      seed: int; the same seed gives the same batches.
      stage: 1 or 2.
      arrays: what the batches are made of, [N, ...] each.
    """

    batch_size: int
    latent_dim: int
    seed: int
    stage: int
    arrays: tuple[Array, ...]

    @abc.abstractmethod
    def batch(self, gathers: list[Gather], rows: tf.Tensor, noise: Noise) -> dict[str, tf.Tensor]:
        """A batch, or a part of it.

        Args:
          gathers: one for each of `arrays`.
          rows: int [b], which examples; [b, n] in `AdversarialBatches`.
          noise: draws theirs.

        Returns:
          {"x": float32 [b, ...], "noise": float32 [b, kappa]}, or what the class says.
        """

    @property
    def rows_shape(self) -> tuple[int, ...]:
        """The shape of `rows` for a whole batch."""
        return (self.batch_size,)

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return steps_per_epoch(len(self.arrays[0]), self.batch_size)

    def stream(self, first_epoch: int = 0, part: Part = WHOLE) -> tf.data.Dataset:
        """All batches from the start of an epoch (counted from 0) on, without end.

        Args:
          first_epoch: counted from 0.
          part: (i, n) for the i-th of n equal slices of every batch; n divides B.
        """
        gathers = [_gatherer(array) for array in self.arrays]

        def batch(rows, step):
            return self.batch(
                gathers, _slice(rows, part), lambda use: _slice(self.noise(use, step), part)
            )

        epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
        batches = epochs.flat_map(self._numbered).map(
            batch, num_parallel_calls=2, deterministic=True
        )
        # tf.data's rewriting would copy the tensor of all examples.
        options = tf.data.Options()
        options.experimental_optimization.apply_default_optimizations = False
        options.autotune.enabled = False
        return batches.prefetch(2).with_options(options)

    def _numbered(self, epoch) -> tf.data.Dataset:
        """Rows and number of every step of an epoch."""
        first = epoch * self.steps
        numbers = tf.data.Dataset.range(first, first + self.steps)
        return tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(self.order(epoch)), numbers))

    def order(self, epoch) -> tf.Tensor:
        """Which examples the steps of an epoch take, none of them twice.

        int32 [steps, *rows_shape].
        """
        examples = len(self.arrays[0])
        shape = (self.steps, *self.rows_shape)
        seed = _fold_in(self._seed(_ORDER), epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(examples), seed, PHILOX)
        return tf.reshape(order[: math.prod(shape)], shape)

    def noise(self, purpose: int, step, normal: Callable = _normal) -> tf.Tensor:
        """Noise of a step (counted from the first epoch on): N(0, 1), float32 [B, kappa].

        Args:
          purpose: what it is for.
          step: int64.
          normal: `normal(shape, seed)`, which draws it.
        """
        return normal((self.batch_size, self.latent_dim), _fold_in(self._seed(purpose), step))

    def _seed(self, purpose: int) -> tf.Tensor:
        # Outside of any graph, where it would be a constant: one compiled graph serves all seeds.
        with tf.init_scope(), tf.device("CPU:0"):
            seed = tf.constant([self.seed, self.stage], tf.int64)
            return _fold_in(seed, purpose)


@dataclasses.dataclass(frozen=True, eq=False)
class ImageBatches(Batches):
    """Stage 1: x are images in 0..1, with the noise of their latents z.

    Args:
      images: uint8 [N, H, W, C], 0..255. Held once, as uint8, or read from a file row by row.
      batch_size, latent_dim, seed: see `Batches`.
    """

    images: Array
    batch_size: int
    latent_dim: int
    seed: int
    stage = 1

    @property
    def arrays(self) -> tuple[Array, ...]:
        return (self.images,)

    def batch(self, gathers, rows, noise):
        (pixels,) = gathers
        return {"x": tf.cast(pixels(rows), tf.float32) / 255, "noise": noise(_NOISE)}


@dataclasses.dataclass(frozen=True, eq=False)
class LatentBatches(Batches):
    """Stage 2: x are z = mean + stddev * eps, eps drawn afresh every epoch, and u's noise.

    Args:
      mean, stddev: float32 [N, kappa], q(z|x) of every training image.
      batch_size, seed: see `Batches`.
    """

    mean: Array
    stddev: Array
    batch_size: int
    seed: int
    stage = 2

    @property
    def latent_dim(self) -> int:
        return self.mean.shape[1]

    @property
    def arrays(self) -> tuple[Array, ...]:
        return self.mean, self.stddev

    def batch(self, gathers, rows, noise):
        means, stddevs = gathers
        return {"x": means(rows) + stddevs(rows) * noise(_REDRAW), "noise": noise(_NOISE)}


@dataclasses.dataclass(frozen=True, eq=False)
class AdversarialBatches(Batches):
    """What a GAN trains on: a step has n batches for the discriminator, then one for the generator.

    A batch is {"x": float32 [B, n, H, W, C], images in 0..1; "z": float32 [B, n + 1, kappa],
    latents uniform in -1..1} and the `extras`. x[:, j] is the discriminator's batch j. The first
    axis is the example's, so that the slice of a replica has its share of all n batches.

    Args:
      images: uint8 [N, H, W, C], 0..255, as in `ImageBatches`.
      batch_size, latent_dim, seed: see `Batches`.
      discriminator_steps: n.
      extras: what else the model needs, uniform in 0..1: "mix", float32 [B, n, 1], and
        "perturbation", float32 [B, n, H, W, C].
    """

    images: Array
    batch_size: int
    latent_dim: int
    seed: int
    discriminator_steps: int = 1
    extras: tuple[str, ...] = ()
    stage = 1

    @property
    def arrays(self) -> tuple[Array, ...]:
        return (self.images,)

    @property
    def rows_shape(self) -> tuple[int, ...]:
        return self.batch_size, self.discriminator_steps

    @property
    def steps(self) -> int:
        """Generator steps an epoch: its whole batches, n of them a step."""
        return steps_per_epoch(len(self.images), math.prod(self.rows_shape))

    def batch(self, gathers, rows, noise):
        (pixels,) = gathers
        images = pixels(tf.reshape(rows, [-1]))
        x = tf.reshape(images, (*rows.shape, *self.images.shape[1:]))
        purposes = {"mix": _MIX, "perturbation": _PERTURBATION}
        extras = {name: noise(purposes[name]) for name in self.extras}
        return {"x": tf.cast(x, tf.float32) / 255, "z": 2 * noise(_LATENTS) - 1, **extras}

    def noise(self, purpose, step, normal=None):
        """Random numbers of a step, uniform in 0..1. `normal` is not used."""
        shapes = {
            _LATENTS: (self.batch_size, self.discriminator_steps + 1, self.latent_dim),
            _MIX: (*self.rows_shape, 1),
            _PERTURBATION: (*self.rows_shape, *self.images.shape[1:]),
        }
        return _uniform(shapes[purpose], _fold_in(self._seed(purpose), step))


def _slice(batch: tf.Tensor, part: Part) -> tf.Tensor:
    index, count = part
    size = batch.shape[0] // count
    return batch[index * size : (index + 1) * size]


def _gatherer(array: Array) -> Gather:
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
