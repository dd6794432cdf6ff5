"""Encoders and decoders of images: InfoGAN (Table 1), ResNet (Figure 12), WAE.

An encoder maps images [B, H, W, C] in 0..1 to `Posterior(mean, stddev)`, each [B, kappa]; where it
is deterministic, stddev is 0. A decoder maps latents [B, kappa] to the decoder mean x_hat: images.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import ops

from tf_twostage import network_values as sizes
from tf_twostage import recipes
from tf_twostage.models import shapes
from tf_twostage.models.layers import (
    Dense,
    DenseResidualBlock,
    DoublingDeconvolution,
    ResidualBlock,
    SpectralConv2D,
    SpectralDense,
    WeightDecay,
    ZeroDebiasedBatchNormalization,
)


class Posterior(NamedTuple):
    """q(z|x) = N(mean, diag(stddev^2)); both [B, kappa]."""

    mean: object
    stddev: object


class Network(NamedTuple):
    """The two halves of one stage."""

    encoder: keras.Model
    decoder: keras.Model


class Context(NamedTuple):
    """What the layers of one network share."""

    weight_decay: float = 0.0
    batch_norm_decay: float = recipes.BATCH_NORM_DECAY
    synchronized: bool = False
    batch_norm_epsilon: float = sizes.BATCH_NORM_EPSILON
    deterministic: bool = False  # the encoder gives a mean alone
    bounded: bool = False  # log sd of a `HeadedEncoder` stays within SD_BOUND

    def kernel(self, stddev: float | None = None, truncated: bool = False) -> dict:
        """Keyword arguments of a layer with a kernel: its initialiser and its weight decay.

        Without `stddev` the initialiser is Glorot's uniform one, the default of TF1's layers and
        of Keras. Layers may share the result: each gets numbers of its own. (Without a generator
        as its seed, Keras' initialiser gives the same numbers to all.)
        """
        kind = keras.initializers.TruncatedNormal if truncated else keras.initializers.RandomNormal
        seed = keras.random.SeedGenerator()
        initializer = "glorot_uniform" if stddev is None else kind(stddev=stddev, seed=seed)
        decay = WeightDecay(self.weight_decay) if self.weight_decay else None
        return {"kernel_initializer": initializer, "kernel_regularizer": decay}

    def norm_values(self) -> dict:
        """Keyword arguments of a batch norm."""
        return {
            "decay": self.batch_norm_decay,
            "epsilon": self.batch_norm_epsilon,
            "synchronized": self.synchronized,
        }

    def norm(self) -> ZeroDebiasedBatchNormalization:
        return ZeroDebiasedBatchNormalization(**self.norm_values())


def point(mean) -> Posterior:
    """The posterior of a deterministic encoder: its stddev is exactly 0."""
    return Posterior(mean, ops.zeros_like(mean))


class HeadedEncoder(keras.Model):
    """`body`, then two dense heads: the mean and the logarithm of the standard deviation."""

    def __init__(self, body: keras.Sequential, latent_dim: int, context: Context, **kwargs):
        super().__init__(**kwargs)
        self.body = body
        self.mean = Dense(latent_dim, **context.kernel())
        self.log_stddev = None if context.deterministic else Dense(latent_dim, **context.kernel())
        self.bound = sizes.SD_BOUND if context.bounded else None

    def call(self, x, training=False):
        hidden = self.body(x, training=training)
        if self.log_stddev is None:
            return point(self.mean(hidden))
        log_stddev = self.log_stddev(hidden)
        if self.bound:  # nearly the same in the middle, with a gradient everywhere
            log_stddev = self.bound * ops.tanh(log_stddev / self.bound)
        return Posterior(self.mean(hidden), ops.exp(log_stddev))


class ImageDecoder(keras.Model):
    """`body`, then a sigmoid: images in 0..1."""

    def __init__(self, body: keras.Sequential, **kwargs):
        super().__init__(**kwargs)
        self.body = body

    def call(self, z, training=False):
        return ops.sigmoid(self.body(z, training=training))


class InfoGANEncoder(keras.Model):
    """conv 64 -> conv 128 -> dense 1024 -> dense 2 kappa, all spectrally normalised.

    The last layer has kappa units where the encoder is deterministic.
    """

    def __init__(self, latent_dim: int, context: Context, **kwargs):
        super().__init__(**kwargs)
        self.deterministic = context.deterministic
        outputs = latent_dim if self.deterministic else 2 * latent_dim
        (first, second), kernel = sizes.INFOGAN_FILTERS, sizes.INFOGAN_KERNEL
        conv = context.kernel(sizes.INITIAL_STDDEV, truncated=True)
        dense = context.kernel(sizes.INITIAL_STDDEV)
        self.body = keras.Sequential(
            [
                SpectralConv2D(first, kernel, 2, "same", **conv, name="conv1"),
                keras.layers.LeakyReLU(sizes.LEAKY_RELU_SLOPE),
                SpectralConv2D(second, kernel, 2, "same", **conv, name="conv2"),
                context.norm(),
                keras.layers.LeakyReLU(sizes.LEAKY_RELU_SLOPE),
                keras.layers.Flatten(),
                SpectralDense(sizes.INFOGAN_UNITS, **dense, name="dense3"),
                context.norm(),
                keras.layers.LeakyReLU(sizes.LEAKY_RELU_SLOPE),
                SpectralDense(outputs, **dense, name="dense4"),
            ]
        )

    def call(self, x, training=False):
        outputs = self.body(x, training=training)
        if self.deterministic:
            return point(outputs)
        mean, raw = ops.split(outputs, 2, axis=-1)
        return Posterior(mean, sizes.SD_FLOOR + ops.softplus(raw))


class InfoGANDecoder(ImageDecoder):
    """dense 1024 -> dense 128 H/4 W/4 -> deconv 64 -> deconv C -> sigmoid.

    `activation` makes the layers in between: `keras.layers.ReLU` here, a leaky one in the GANs.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        context: Context,
        activation: Callable[[], keras.Layer] = keras.layers.ReLU,
        **kwargs,
    ):
        height, width, channels = image_shape
        first, second = sizes.INFOGAN_FILTERS
        start = (height // 4, width // 4, second)
        kernel = context.kernel(sizes.INITIAL_STDDEV)
        body = keras.Sequential(
            [
                Dense(sizes.INFOGAN_UNITS, **kernel, name="dense1"),
                context.norm(),
                activation(),
                Dense(math.prod(start), **kernel, name="dense2"),
                context.norm(),
                activation(),
                keras.layers.Reshape(start),
                keras.layers.Conv2DTranspose(
                    first, sizes.INFOGAN_KERNEL, 2, "same", **kernel, name="deconv3"
                ),
                context.norm(),
                activation(),
                DoublingDeconvolution(channels, **kernel, name="deconv4"),
            ]
        )
        super().__init__(body, **kwargs)


class ResNetEncoder(HeadedEncoder):
    """Figure 12: scales of residual blocks, halved in between, then a fully connected scale."""

    def __init__(self, latent_dim: int, recipe: recipes.Recipe, context: Context, **kwargs):
        kernel = context.kernel()
        conv = {"kernel_size": sizes.RESNET_KERNEL, **kernel}
        norm = context.norm_values()
        filters = recipe.resnet_channels
        layers = [keras.layers.Conv2D(filters, padding="same", **conv)]
        for scale in range(recipe.resnet_scales):
            if scale:  # after every scale but the last
                filters *= 2
                layers.append(keras.layers.Conv2D(filters, strides=2, padding="same", **conv))
            layers += [ResidualBlock(filters, conv, norm) for _ in range(recipe.resnet_blocks)]
        pool = (
            keras.layers.Flatten if recipe.resnet_flatten else keras.layers.GlobalAveragePooling2D
        )
        layers.append(pool())
        layers += [
            DenseResidualBlock(sizes.RESNET_UNITS, kernel) for _ in range(recipe.resnet_blocks)
        ]
        super().__init__(keras.Sequential(layers), latent_dim, context, **kwargs)


class ResNetDecoder(ImageDecoder):
    """Figure 12: dense to 2 x 2, then per scale a deconvolution and residual blocks.

    Deviation: a side that is no power of two (28) is the middle of the next one (32); neither the
    paper nor the authors' code, which fails on it, says how MNIST's images came out.
    """

    def __init__(self, image_shape, recipe: recipes.Recipe, context: Context, **kwargs):
        height, width, channels = image_shape
        kernel = context.kernel()
        block = {"kernel_size": sizes.RESNET_KERNEL, **kernel}
        conv = {"padding": "same", **block}
        norm = context.norm_values()
        start, *others = self._filters(recipe, max(height, width))
        side = sizes.RESNET_START
        layers = [
            Dense(side * side * start, **kernel),
            keras.layers.Reshape((side, side, start)),
        ]
        for filters in others:
            layers.append(keras.layers.Conv2DTranspose(filters, strides=2, **conv))
            layers += [ResidualBlock(filters, block, norm) for _ in range(recipe.resnet_blocks)]
        layers += [
            keras.layers.Conv2D(channels, **conv),
            keras.layers.CenterCrop(height, width),
        ]
        super().__init__(keras.Sequential(layers), **kwargs)

    @staticmethod
    def _filters(recipe: recipes.Recipe, side: int) -> list[int]:
        """Channels from 2 x 2 to the first side >= `side`, halved at each doubling."""
        doublings = max(1, math.ceil(math.log2(side / sizes.RESNET_START)))
        most = sizes.RESNET_CAP if recipe.resnet_capped else math.inf
        return [min(recipe.resnet_channels * 2**k, most) for k in range(doublings, -1, -1)]


class WAEEncoder(HeadedEncoder):
    """The WAE paper's CelebA network (64 x 64 x 3): four 5 x 5 convolutions, 128 to 1024."""

    def __init__(self, latent_dim: int, context: Context, **kwargs):
        kernel = context.kernel()
        layers = []
        for filters, stride in zip(sizes.WAE_FILTERS, sizes.WAE_STRIDES, strict=True):
            layers += [
                keras.layers.Conv2D(filters, sizes.WAE_KERNEL, stride, "same", **kernel),
                context.norm(),
                keras.layers.ReLU(),
            ]
        body = keras.Sequential([*layers, keras.layers.Flatten()])
        super().__init__(body, latent_dim, context, **kwargs)


class WAEDecoder(ImageDecoder):
    """dense 8 x 8 x 1024 -> relu -> deconv 512 -> 256 -> 128 -> C -> sigmoid, all 5 x 5."""

    def __init__(self, channels: int, context: Context, **kwargs):
        kernel, size = context.kernel(), sizes.WAE_KERNEL
        *others, last = sizes.WAE_FILTERS
        start = (*sizes.WAE_START, last)
        layers = [
            Dense(math.prod(start), activation="relu", **kernel),
            keras.layers.Reshape(start),
        ]
        for filters in reversed(others):
            layers += [
                keras.layers.Conv2DTranspose(filters, size, 2, "same", **kernel),
                context.norm(),
                keras.layers.ReLU(),
            ]
        layers.append(keras.layers.Conv2DTranspose(channels, size, 1, "same", **kernel))
        super().__init__(keras.Sequential(layers), **kwargs)


def first_stage(
    recipe: recipes.Recipe,
    image_shape: tuple[int, int, int],
    synchronized: bool = False,
    deterministic: bool = False,
) -> Network:
    """Unbuilt encoder and decoder of stage 1 for images [H, W, C] in 0..1."""
    shapes.check_image_shape(recipe.network, tuple(image_shape))
    context = Context(
        recipe.weight_decay,
        recipe.batch_norm_decay,
        synchronized=synchronized,
        deterministic=deterministic,
        bounded=getattr(recipe, "bounded_sd", False),  # only VAEs have it
    )
    if recipe.network == "infogan":
        return Network(
            InfoGANEncoder(recipe.latent_dim, context), InfoGANDecoder(image_shape, context)
        )
    if recipe.network == "resnet":
        return Network(
            ResNetEncoder(recipe.latent_dim, recipe, context),
            ResNetDecoder(image_shape, recipe, context),
        )
    return Network(WAEEncoder(recipe.latent_dim, context), WAEDecoder(image_shape[-1], context))
