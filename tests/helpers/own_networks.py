"""Networks of a user's own, good ones and bad ones, for tests."""

import keras
from keras import layers

import tf_twostage


def _halves(data_shape, kappa, last="sigmoid", deviation="softplus", outputs=2):
    x, z = keras.Input(data_shape), keras.Input([kappa])
    h = layers.Flatten()(x)
    heads = [layers.Dense(kappa)(h), layers.Dense(kappa, activation=deviation)(h)]
    size = 1
    for side in data_shape:
        size *= side
    decoded = layers.Reshape(data_shape)(layers.Dense(size, activation=last)(z))
    return keras.Model(x, heads[:outputs]), keras.Model(z, decoded)


@tf_twostage.network
def dense(recipe, image_shape):
    return _halves(image_shape, recipe.latent_dim)


@tf_twostage.network
def latent(recipe):
    return _halves((recipe.latent_dim,), recipe.latent_dim, last=None)


@tf_twostage.network
def other_kappa(recipe, image_shape):
    return _halves(image_shape, recipe.latent_dim + 1)


@tf_twostage.network
def negative(recipe, image_shape):
    return _halves(image_shape, recipe.latent_dim, deviation="linear")


@tf_twostage.network
def unbounded(recipe, image_shape):
    encoder, decoder = _halves(image_shape, recipe.latent_dim)
    return encoder, keras.Sequential([decoder, layers.Rescaling(3.0)])


@tf_twostage.network
def mean_alone(recipe, image_shape):
    return _halves(image_shape, recipe.latent_dim, outputs=1)


@tf_twostage.network
def one_half(recipe, image_shape):
    return _halves(image_shape, recipe.latent_dim)[0]


@tf_twostage.network
def failing(recipe, image_shape):
    raise RuntimeError("out of\nideas")


def unmarked(recipe, image_shape):
    return _halves(image_shape, recipe.latent_dim)
