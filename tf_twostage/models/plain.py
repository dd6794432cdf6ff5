"""The two halves of each stage in Keras' own layers alone, for use without this package.

They are for inference: a spectrally normalised kernel is divided once and for all, and batch norms
hold their moving statistics. Outputs agree with those of the originals up to rounding. A user's own
networks stay as they are.
"""

import functools

import keras
import numpy as np

from tf_twostage import keras_settings
from tf_twostage import network_values as sizes
from tf_twostage.models.custom_networks import CustomEncoder
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.models.latent_networks import HiddenLayers, LatentDecoder
from tf_twostage.models.layers import (
    DenseResidualBlock,
    ResidualBlock,
    Spectral,
    ZeroDebiasedBatchNormalization,
)
from tf_twostage.models.networks import HeadedEncoder, ImageDecoder, InfoGANEncoder

# In place of what only training needs, and what would name classes of ours.
UNTRAINED = {"kernel_initializer": "zeros", "kernel_regularizer": None}


@keras_settings.ours()
def halves(model: LatentModel) -> dict[str, keras.Model]:
    """Those that a model has, of its trained stages.

    Returns:
      `encoder`: images [N, H, W, C] in 0..1 -> {"mean", "stddev"} of q(z|x), [N, kappa] each.
      `decoder`: latents z [N, kappa] -> images.
      `stage2_encoder`: latents z -> {"mean", "stddev"} of q(u|z).
      `stage2_decoder`: latents u -> {"mean", "stddev"} of p(z|u); its stddev is the same number
        everywhere.
    """
    found = {"decoder": _model(model.stage1.decoder, "latents")}
    if model.has_encoder:
        found["encoder"] = _model(model.stage1.encoder, "images")
    if 2 in model.trained:
        u = keras.Input((model.recipe.latent_dim,), name="latents")
        mean = plain(model.stage2.decoder, u)
        stddev = keras.layers.Rescaling(0.0, model.stage2.sd_x)(mean)
        found["stage2_encoder"] = _model(model.stage2.encoder, "latents")
        found["stage2_decoder"] = keras.Model(u, {"mean": mean, "stddev": stddev})
    return found


def _model(half: keras.Model, name: str) -> keras.Model:
    inputs = keras.Input(half.row_shape, name=name)
    return keras.Model(inputs, plain(half, inputs))


@functools.singledispatch
def plain(layer: keras.Layer, x):
    """The symbolic output for x of a layer, or of a network, in copies of Keras' own layers.

    A layer that is none of those below is one of Keras' own, or differs from one in speed only.
    """
    own = next(kind for kind in type(layer).__mro__ if kind.__module__.startswith("keras."))
    config = layer.get_config()
    copy = own.from_config(config | {key: UNTRAINED[key] for key in UNTRAINED if key in config})
    y = copy(x)
    weights = layer.weights[: len(copy.weights)]  # without the u of spectral normalisation
    if isinstance(layer, Spectral):
        weights[0] = layer.normalised_kernel()
    copy.set_weights(weights)
    return y


def _chain(layers: list[keras.Layer], x):
    return functools.reduce(lambda y, layer: plain(layer, y), layers, x)


def _body(network: keras.Sequential, x):
    hidden = _chain(network.layers, x)
    skip = isinstance(network, HiddenLayers) and network.skip
    return keras.layers.Concatenate()([x, hidden]) if skip else hidden


@plain.register
def _(norm: ZeroDebiasedBatchNormalization, x):
    copy = keras.layers.BatchNormalization(momentum=norm.decay, epsilon=norm.epsilon)
    y = copy(x)
    copy.set_weights([norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance])
    return y


@plain.register
def _(block: ResidualBlock, x):
    y = x
    for norm, conv in zip(block.norms, block.convs, strict=True):
        y = plain(conv, keras.layers.ReLU()(plain(norm, y)))
    return keras.layers.Add()([y, plain(block.shortcut, x)])


@plain.register
def _(block: DenseResidualBlock, x):
    y = x
    for dense in block.layers:
        y = plain(dense, keras.layers.ReLU()(y))
    return keras.layers.Add()([y, plain(block.shortcut, x)])


@plain.register
def _(encoder: HeadedEncoder, x):
    hidden = _body(encoder.body, x)
    mean = plain(encoder.mean, hidden)
    if encoder.log_stddev is None:
        return _point(mean)
    log_stddev = plain(encoder.log_stddev, hidden)
    if encoder.bound:
        part = keras.layers.Activation("tanh")(
            keras.layers.Rescaling(1 / encoder.bound)(log_stddev)
        )
        log_stddev = keras.layers.Rescaling(encoder.bound)(part)
    return {"mean": mean, "stddev": keras.layers.Activation("exponential")(log_stddev)}


@plain.register
def _(encoder: CustomEncoder, x):
    mean, stddev = encoder.model(x)
    return _point(mean) if encoder.deterministic else {"mean": mean, "stddev": stddev}


@plain.register
def _(encoder: InfoGANEncoder, x):
    *layers, last = encoder.body.layers
    hidden = _chain(layers, x)
    if encoder.deterministic:
        return _point(plain(last, hidden))
    weights = (np.asarray(value) for value in (last.normalised_kernel(), last.bias))
    halves = zip(*(np.split(value, 2, axis=-1) for value in weights), strict=True)
    mean, raw = (_dense(kernel, bias, hidden) for kernel, bias in halves)
    stddev = keras.layers.Rescaling(1.0, sizes.SD_FLOOR)(keras.layers.Activation("softplus")(raw))
    return {"mean": mean, "stddev": stddev}


def _dense(kernel: np.ndarray, bias: np.ndarray, x):
    layer = keras.layers.Dense(len(bias))
    y = layer(x)
    layer.set_weights([kernel, bias])
    return y


def _point(mean) -> dict:
    """The posterior of a deterministic encoder."""
    return {"mean": mean, "stddev": keras.layers.Rescaling(0.0)(mean)}


@plain.register
def _(decoder: ImageDecoder, z):
    return keras.layers.Activation("sigmoid")(_body(decoder.body, z))


@plain.register
def _(decoder: LatentDecoder, u):
    return plain(decoder.mean, _body(decoder.body, u))


@plain.register
def _(half: keras.Model, x):
    return half(x)  # a user's decoder
