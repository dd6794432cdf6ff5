"""The seven GANs of Table 1: what they share, and each one's losses.

x are images, z ~ U(-1, 1)^kappa, G(z) the generator's images. f is what the discriminator gives,
a logit, and D = sigmoid(f). E is the mean over a batch. The losses are those of the study that
the paper's Table 1 cites, which takes them from each model's authors.
"""

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

from tf_twostage import network_values as sizes
from tf_twostage.models import gan_networks, shapes
from tf_twostage.models.gaussian_vae import Latest
from tf_twostage.models.networks import Context
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
        logs = self.get_metrics_result()
        return {"loss": ops.reshape(logs["loss"], (1,))} if self.across_workers else logs

    def train_discriminator(self, batch: dict) -> Scores:
        """One update of the discriminator; returns the scores before it.

        Args:
          batch: {"x": [B, ...], "z": [B, kappa]} and the `extras`.
        """
        x, generated = batch["x"], self(batch["z"], training=True)
        with tf.GradientTape() as tape:
            scores = Scores(self.scores(x), self.scores(generated))
            loss = self.discriminator_loss(scores) + self.penalty(x, generated, batch)
            total = self._with_decay(loss, self.discriminator)
        self.d_loss.update_state(loss)
        _update(self.discriminator_optimizer, self.discriminator, tape, total)
        return scores

    def train_generator(self, z) -> None:
        """One update of the generator at latents z [B, kappa]."""
        with tf.GradientTape() as tape:
            loss = self.generator_loss(self.scores(self(z, training=True)))
            total = self._with_decay(loss, self.decoder)
        self.g_loss.update_state(loss)
        _update(self.optimizer, self.decoder, tape, total)

    def _with_decay(self, loss, half: keras.Model):
        """The loss plus the weight decay of that half, each divided by the number of replicas:
        the optimiser sums over them."""
        return sum(map(self._aggregate_additional_loss, [loss, *half.losses]))

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


class MMGAN(GAN):
    """The minimax GAN (Goodfellow et al., 2014)."""

    def discriminator_loss(self, scores):
        """-E log D(x) - E log(1 - D(G(z))); -log sigmoid(f) = softplus(-f)."""
        return ops.mean(ops.softplus(-scores.real)) + ops.mean(ops.softplus(scores.fake))

    def generator_loss(self, fake):
        """E log(1 - D(G(z)))."""
        return -ops.mean(ops.softplus(fake))


class NSGAN(MMGAN):
    """The non-saturating GAN (Goodfellow et al., 2014)."""

    def generator_loss(self, fake):
        """-E log D(G(z))."""
        return ops.mean(ops.softplus(-fake))


class LSGAN(GAN):
    """The least squares GAN (Mao et al., 2017), on D = sigmoid(f) as in the study."""

    def discriminator_loss(self, scores):
        """(E (D(x) - 1)^2 + E D(G(z))^2) / 2."""
        real, fake = map(ops.sigmoid, scores)
        return (ops.mean(ops.square(real - 1)) + ops.mean(ops.square(fake))) / 2

    def generator_loss(self, fake):
        """E (D(G(z)) - 1)^2 / 2."""
        return ops.mean(ops.square(ops.sigmoid(fake) - 1)) / 2


class WGAN(GAN):
    """The Wasserstein GAN (Arjovsky et al., 2017).

    The discriminator's weights are clipped by its optimiser: `training.adam.Adam(weight_clip=c)`.
    """

    def discriminator_loss(self, scores):
        """-E f(x) + E f(G(z))."""
        return ops.mean(scores.fake) - ops.mean(scores.real)

    def generator_loss(self, fake):
        """-E f(G(z))."""
        return -ops.mean(fake)


class _Penalised(GAN):
    """A GAN with a penalty on the discriminator's slopes, logged as `penalty` (without lambda)."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.slopes = keras.metrics.Mean(name="penalty")

    @property
    def watched(self):
        return *super().watched, self.slopes

    def weighted(self, penalty):
        """lambda times the penalty, which is logged."""
        self.slopes.update_state(penalty)
        return self.recipe.penalty * penalty


class WGANGP(_Penalised, WGAN):
    """WGAN with a gradient penalty (Gulrajani et al., 2017) in place of clipped weights."""

    extras = ("mix",)
    draws_again = True

    def penalty(self, x, generated, batch):
        """lambda E (s - 1)^2, s the slope of f between x and G(z)."""
        return self.weighted(slope_penalty(self.scores, between(x, generated, batch["mix"])))


class DRAGAN(_Penalised, NSGAN):
    """NS GAN with a gradient penalty around the data (Kodali et al., 2017)."""

    extras = ("mix", "perturbation")

    def penalty(self, x, generated, batch):
        """lambda E (s - 1)^2, s the slope of D between x and x_p = x + 0.5 std(x) U(0, 1)."""
        axes = tuple(range(len(x.shape)))
        _, variance = ops.moments(x, axes, synchronized=self.synchronized)
        spread = sizes.DRAGAN_SPREAD * ops.sqrt(variance)
        points = between(x, x + spread * batch["perturbation"], batch["mix"])
        return self.weighted(slope_penalty(lambda y: ops.sigmoid(self.scores(y)), points))


class BEGAN(GAN):
    """Boundary equilibrium (Berthelot et al., 2017): the discriminator is an autoencoder.

    Its scores are L, each image's mean absolute error. k starts at 0 and, as in the study, is not
    clipped to 0..1.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.k = self.add_weight(
            shape=(), initializer="zeros", trainable=False, aggregation="mean", name="k"
        )
        self.k_metric = Latest("k")

    def scores(self, images):
        """L(x) = mean |x - D(x)|, [B]."""
        errors = ops.abs(images - self.discriminator(images, training=True))
        return ops.mean(errors, axis=tuple(range(1, len(images.shape))))

    def discriminator_loss(self, scores):
        """E L(x) - k E L(G(z))."""
        return ops.mean(scores.real) - self.k * ops.mean(scores.fake)

    def generator_loss(self, fake):
        """E L(G(z))."""
        return ops.mean(fake)

    def train_discriminator(self, batch):
        """Also k += lambda (gamma E L(x) - E L(G(z))), gamma the recipe's `equilibrium`.

        L is taken before the update. (The study computes it once more after the update.)
        """
        scores = super().train_discriminator(batch)
        gap = self.recipe.equilibrium * ops.mean(scores.real) - ops.mean(scores.fake)
        self.k.assign(self.k + self.recipe.penalty * gap)
        self.k_metric.update_state(self.k)
        return scores


MODELS: dict[str, type[GAN]] = {
    "mm_gan": MMGAN,
    "ns_gan": NSGAN,
    "lsgan": LSGAN,
    "wgan": WGAN,
    "wgan_gp": WGANGP,
    "dragan": DRAGAN,
    "began": BEGAN,
}


def build(recipe, image_shape: tuple[int, int, int], synchronized: bool = False) -> GAN:
    """The GAN of a recipe, with all its weights.

    Args:
      recipe: the setting; its `model` is a name in `MODELS`.
      image_shape: (H, W, C).
      synchronized: whether batch norm and penalties average over the replicas of a strategy.

    Raises:
      InputError: the networks cannot take such images.
    """
    shapes.check_image_shape(recipe.network, tuple(image_shape))
    context = Context(
        recipe.weight_decay, recipe.batch_norm_decay, synchronized, sizes.GAN_BATCH_NORM_EPSILON
    )
    norm = recipe.discriminator_norm
    if recipe.model == "began":
        discriminator = gan_networks.autoencoder(image_shape, context, norm)
    else:
        discriminator = gan_networks.discriminator(context, norm)
    generator = gan_networks.generator(image_shape, context)
    return MODELS[recipe.model](generator, discriminator, recipe, synchronized).build_for(
        image_shape
    )
