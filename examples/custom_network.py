"""Networks of your own: ConvNeXt blocks, as in Liu et al., "A ConvNet for the 2020s" (2022).

    python run_experiments.py --network examples.custom_network:convnext

The run is resumed, loaded, scored and served like any other. Run it from the folder that holds
`examples/`, or put that folder on PYTHONPATH.
"""

import keras
from keras import layers, ops

import tf_twostage

WIDTH = 32  # channels at full size; twice as many after each halving


class ConvNeXtBlock(layers.Layer):
    """x + the block of x, [B, H, W, C]: 7 x 7 depthwise -> layer norm -> 4 C -> GELU -> C."""

    def __init__(self, channels: int, decay: float, **kwargs):
        super().__init__(**kwargs)
        kernel = {
            "kernel_regularizer": keras.regularizers.L2(decay / 2)
        }  # L2 has no 1/2 of its own
        self.block = keras.Sequential(
            [
                layers.DepthwiseConv2D(7, padding="same"),
                layers.LayerNormalization(epsilon=1e-6),
                layers.Dense(4 * channels, activation="gelu", **kernel),
                layers.Dense(channels, **kernel),
            ]
        )

    def call(self, x):
        return x + self.block(x)


class PositiveStddev(layers.Layer):
    """The stddev of q(z|x): above 0, and no overflow where training starts badly."""

    def call(self, raw):
        return 1e-6 + ops.softplus(raw)


@tf_twostage.network
def convnext(recipe, image_shape) -> tuple[keras.Model, keras.Model]:
    """The encoder and decoder of stage 1 for images of an even height and width.

    Args:
      recipe: of it, `latent_dim` (kappa) and `weight_decay` are used.
      image_shape: (H, W, C).

    Returns:
      Encoder: images [B, H, W, C] in 0..1 -> mean and stddev of q(z|x), [B, kappa] each.
      Decoder: latents z [B, kappa] -> images.
    """
    height, width, channels = image_shape
    decay, small = recipe.weight_decay, (height // 2, width // 2, 2 * WIDTH)

    x = keras.Input(image_shape)
    h = layers.Conv2D(WIDTH, 3, padding="same")(x)
    h = ConvNeXtBlock(WIDTH, decay)(h)
    h = layers.Conv2D(2 * WIDTH, 2, strides=2, padding="same")(h)
    h = layers.Flatten()(ConvNeXtBlock(2 * WIDTH, decay)(h))
    mean, raw = layers.Dense(recipe.latent_dim)(h), layers.Dense(recipe.latent_dim)(h)
    encoder = keras.Model(x, [mean, PositiveStddev()(raw)])

    z = keras.Input([recipe.latent_dim])
    h = layers.Reshape(small)(layers.Dense(small[0] * small[1] * small[2])(z))
    h = layers.Conv2DTranspose(WIDTH, 2, strides=2)(ConvNeXtBlock(2 * WIDTH, decay)(h))
    h = layers.Conv2D(channels, 3, padding="same")(ConvNeXtBlock(WIDTH, decay)(h))
    return encoder, keras.Model(z, layers.Activation("sigmoid")(h))


@tf_twostage.network
def affine(recipe) -> tuple[keras.Model, keras.Model]:
    """A second stage without hidden layers, for `--stage2_network`: q(z) is then one Gaussian."""
    z, u = keras.Input([recipe.latent_dim]), keras.Input([recipe.latent_dim])
    mean, raw = layers.Dense(recipe.latent_dim)(z), layers.Dense(recipe.latent_dim)(z)
    encoder = keras.Model(z, [mean, PositiveStddev()(raw)])
    return encoder, keras.Model(u, layers.Dense(recipe.latent_dim)(u))
