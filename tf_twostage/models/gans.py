"""The seven GANs of Table 1: each one's losses, and `build`.

f is what the discriminator gives, a logit, and D = sigmoid(f). x are images, G(z) generated ones, E
is the mean over a batch. The losses are those of the study that the paper's Table 1 cites, which
takes them from the authors of each model.
"""

import keras
from keras import ops

from tf_twostage import network_values as sizes
from tf_twostage.models import gan_networks, shapes
from tf_twostage.models.gan import GAN, between, slope_penalty
from tf_twostage.models.gaussian_vae import Latest
from tf_twostage.models.networks import Context


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

    The discriminator's weights are clipped by its optimiser: `models.adam.Adam(weight_clip=c)`.
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
