"""The GANs' networks: InfoGAN's generator and discriminators, as the study of Table 1 has them.

A generator maps latents [B, kappa] to images [B, H, W, C] in 0..1. A discriminator maps such images
to a logit [B, 1], BEGAN's to images. No layer is spectrally normalised.
"""

import functools
import math

import keras

from tf_twostage import network_values as sizes
from tf_twostage.models.layers import Dense, DoublingDeconvolution
from tf_twostage.models.networks import Context, ImageDecoder, InfoGANDecoder

leaky_relu = functools.partial(keras.layers.LeakyReLU, sizes.LEAKY_RELU_SLOPE)


def generator(image_shape: tuple[int, int, int], context: Context) -> ImageDecoder:
    """The VAE's InfoGAN decoder with leaky ReLUs."""
    return InfoGANDecoder(image_shape, context, leaky_relu)


def discriminator(context: Context, norm: bool) -> keras.Sequential:
    """conv 64 -> conv 128 -> dense 1024 -> dense 1, the logit.

    Args:
      context: what the layers share.
      norm: whether the two layers in the middle have batch norm.
    """
    dense = context.kernel(sizes.INITIAL_STDDEV)
    first, second = _convolutions(context)
    layers = [first, leaky_relu(), second, *_norm(context, norm), leaky_relu()]
    layers += [keras.layers.Flatten(), Dense(sizes.INFOGAN_UNITS, **dense, name="dense3")]
    layers += [*_norm(context, norm), leaky_relu(), Dense(1, **dense, name="dense4")]
    return keras.Sequential(layers)


def autoencoder(image_shape: tuple[int, int, int], context: Context, norm: bool) -> ImageDecoder:
    """BEGAN's: conv 64 -> conv 128 -> dense 64, the code -> dense -> deconv 64 -> deconv C.

    Args:
      image_shape: (H, W, C).
      context: what the layers share.
      norm: whether the code and the two layers after it have batch norm.
    """
    height, width, channels = image_shape
    filters = sizes.INFOGAN_FILTERS
    start = (height // 4, width // 4, filters[1])
    kernel = context.kernel(sizes.INITIAL_STDDEV)
    deconvolution = keras.layers.Conv2DTranspose(
        filters[0], sizes.INFOGAN_KERNEL, 2, "same", **kernel, name="deconv5"
    )
    first, second = _convolutions(context)
    layers = [first, leaky_relu(), second, keras.layers.Flatten()]
    layers += [Dense(sizes.BEGAN_CODE, **kernel, name="dense3"), *_norm(context, norm)]
    layers += [leaky_relu(), Dense(math.prod(start), **kernel, name="dense4")]
    layers += [*_norm(context, norm), leaky_relu(), keras.layers.Reshape(start)]
    layers += [deconvolution, *_norm(context, norm), leaky_relu()]
    layers += [DoublingDeconvolution(channels, **kernel, name="deconv6")]
    return ImageDecoder(keras.Sequential(layers))


def _convolutions(context: Context) -> list[keras.layers.Conv2D]:
    """The two convolutions that begin either discriminator."""
    kernel = context.kernel(sizes.INITIAL_STDDEV, truncated=True)
    return [
        keras.layers.Conv2D(filters, sizes.INFOGAN_KERNEL, 2, "same", **kernel, name=f"conv{i}")
        for i, filters in enumerate(sizes.INFOGAN_FILTERS, 1)
    ]


def _norm(context: Context, wanted: bool) -> list[keras.Layer]:
    return [context.norm()] if wanted else []
