"""What all GANs share: two networks that train against each other, and the slopes of one.

x are images, z ~ U(-1, 1)^kappa latents, G(z) the generator's images. E is the mean over a batch.
"""

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

from tf_twostage import network_values as sizes
from tf_twostage.models.trainable import Trainable


class Scores(NamedTuple):
    """What the discriminator thinks: logits [B, 1], or BEGAN's errors [B]."""

    real: object  # of x
    fake: object  # of G(z)


class GAN(Trainable):
    """A generator and a discriminator that train against each other.

    `fit` it on batches of `data.batches.AdversarialBatches`. A step updates the discriminator n
    times, each time with images and latents of their own, then the generator once. Calling the
    model generates: z [B, kappa] -> images [B, H, W, C] in 0..1.

    Deviation: the study's batch norm starts its moving statistics at 0 and 1; here they never
    hold a starting value (`layers.ZeroDebiasedBatchNormalization`).

    Args:
      generator: model from latents to images.
      discriminator: model from images to logits [B, 1], BEGAN's to images.
      recipe: its `latent_dim`, `discriminator_steps` (n), `penalty` and `equilibrium` are used.
      synchronized: whether the penalty averages over the replicas of a strategy.

    Attributes:
      decoder: the generator, under the name that it has in a VAE.
      extras: what the batches must hold beside x and z.
      draws_again: whether the generator's step has latents of its own; else it takes those of the
        discriminator's last step.
    """

    extras: tuple[str, ...] = ()
    draws_again = False

    def __init__(self, generator, discriminator, recipe, synchronized: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.decoder = generator
        self.discriminator = discriminator
        self.recipe = recipe
        self.synchronized = synchronized
        self.discriminator_optimizer = None
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")

    def discriminator_loss(self, scores: Scores):
        """What the discriminator minimises, less its penalty: a scalar."""
        raise NotImplementedError

    def generator_loss(self, fake):
        """What the generator minimises, a scalar, for the scores of G(z)."""
        raise NotImplementedError

    def penalty(self, x, generated, batch: dict):
        """What is added to the discriminator's loss.

        Args:
          x: images [B, ...].
          generated: G(z), as x.
          batch: the discriminator's, with the `extras`.
        """
        return 0.0

    @property
    def watched(self) -> tuple[keras.metrics.Metric, ...]:
        return self.d_loss, self.g_loss

    def build_for(self, data_shape: tuple[int, ...]) -> "GAN":
        """Creates all weights for data of this shape (without the batch); returns self."""
        self.decoder.row_shape = (self.recipe.latent_dim,)
        self.discriminator(ops.zeros((1, *data_shape)))
        self(ops.zeros((1, self.recipe.latent_dim)))
        return self

    def compile(self, optimizer=None, discriminator_optimizer=None, **kwargs):
        """As Keras' own, with an optimiser for each half.

        Args:
          optimizer: the generator's; its `iterations` are the steps.
          discriminator_optimizer: the discriminator's.
          **kwargs: of `keras.Model.compile`.
        """
        super().compile(optimizer, **kwargs)
        self.discriminator_optimizer = discriminator_optimizer

    def build_optimizers(self) -> None:
        """Makes the state of both optimisers."""
        self.optimizer.build(self.decoder.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, z, training=False):
        return self.decoder(z, training=training)

    def scores(self, images):
        """What the discriminator gives for images, while training."""
        return self.discriminator(images, training=True)

    def train_step(self, data):
        """n updates of the discriminator, then one of the generator; returns the logs."""
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        steps = self.recipe.discriminator_steps
        for step in range(steps):
            self.train_discriminator({key: value[:, step] for key, value in batch.items()})
        self.train_generator(batch["z"][:, steps if self.draws_again else steps - 1])
        return self.shaped(self.get_metrics_result())

    def train_discriminator(self, batch: dict) -> Scores:
        """One update of the discriminator; returns the scores before it.

        Args:
          batch: {"x": [B, ...], "z": [B, kappa]} and the `extras`.
        """
        x, generated = batch["x"], self(batch["z"], training=True)
        with tf.GradientTape() as tape:
            scores = Scores(self.scores(x), self.scores(generated))
            loss = self.discriminator_loss(scores) + self.penalty(x, generated, batch)
            total = self.total_loss(loss, self.discriminator)
        self.d_loss.update_state(loss)
        _update(self.discriminator_optimizer, self.discriminator, tape, total)
        return scores

    def train_generator(self, z) -> None:
        """One update of the generator at latents z [B, kappa]."""
        with tf.GradientTape() as tape:
            loss = self.generator_loss(self.scores(self(z, training=True)))
            total = self.total_loss(loss, self.decoder)
        self.g_loss.update_state(loss)
        _update(self.optimizer, self.decoder, tape, total)

    def get_metrics_result(self) -> dict:
        """The logs; Keras' `loss` is the generator's."""
        return super().get_metrics_result() | {"loss": self.g_loss.result()}


def _update(optimizer, half: keras.Model, tape: tf.GradientTape, loss) -> None:
    variables = half.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)


def slope_penalty(function, x):
    """E (s - 1)^2 with s = sqrt(1e-4 + |gradient of function at x|^2), a scalar.

    Args:
      function: of [B, ...], with a number for each example.
      x: [B, ...].
    """
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = function(x)
    squares = ops.square(tape.gradient(values, x))
    slopes = ops.sqrt(sizes.SLOPE_FLOOR + ops.sum(squares, axis=tuple(range(1, len(x.shape)))))
    return ops.mean(ops.square(slopes - 1))


def between(x, other, mix):
    """x + mix (other - x) for x and other [B, ...] and mix [B, 1]."""
    return x + ops.reshape(mix, (-1, *[1] * (len(x.shape) - 1))) * (other - x)
