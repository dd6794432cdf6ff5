"""A user's own encoders and decoders, checked once and fitted into a stage."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from tf_twostage import recipes
from tf_twostage.errors import InputError
from tf_twostage.models import custom
from tf_twostage.models.networks import Network, Posterior, point

Halves = tuple[keras.Model, keras.Model]  # encoder, decoder


class CustomEncoder(keras.Model):
    """A user's encoder as one of ours: `Posterior(mean, stddev)`, or the mean alone.

    Args:
      model: maps data [B, ...] to the mean and the stddev, each [B, kappa], the stddev above 0.
      deterministic: whether the stddev is left aside, as the autoencoder does.
    """

    def __init__(self, model: keras.Model, deterministic: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        self.deterministic = deterministic

    def call(self, x, training=False):
        mean, stddev = self.model(x, training=training)
        return point(mean) if self.deterministic else Posterior(mean, stddev)


def first_stage(
    make: str | Callable | Sequence[keras.Model],
    recipe: recipes.Recipe,
    image_shape: tuple[int, int, int],
    deterministic: bool = False,
) -> Network:
    """Stage 1 of a user's own halves.

    Args:
      make: an (encoder, decoder), a function `make(recipe, image_shape)` that returns one, or such
        a function's name. The encoder maps images [B, H, W, C] in 0..1 to the mean and the stddev
        of q(z|x), [B, kappa] each, kappa = `recipe.latent_dim`. The decoder maps latents [B, kappa]
        to images in 0..1. Their layers bring their own initialisers, regularisers (the recipe's
        `weight_decay` is theirs to use) and, for several devices, synchronised batch norms.
      recipe: the setting.
      image_shape: (H, W, C).
      deterministic: whether z is the mean.

    Raises:
      InputError: there is no such function, or what it made does not fit.
    """
    encoder, decoder = _made(make, (recipe, image_shape))
    _check(make, encoder, decoder, image_shape, recipe.latent_dim, bounded=True)
    return Network(CustomEncoder(encoder, deterministic), decoder)


def second_stage(make: str | Callable | Sequence[keras.Model], recipe: recipes.Recipe) -> Network:
    """Stage 2 of a user's own halves; see `first_stage`.

    Args:
      make: as there, but the function takes the recipe alone. The encoder maps z [B, kappa] to the
        mean and the stddev of q(u|z), [B, kappa] each; the decoder maps u to the mean of p(z|u).
      recipe: the setting.
    """
    encoder, decoder = _made(make, (recipe,))
    kappa = recipe.latent_dim
    _check(make, encoder, decoder, (kappa,), kappa, bounded=False)
    return Network(CustomEncoder(encoder), decoder)


def _made(make: str | Callable | Sequence[keras.Model], arguments: tuple) -> Halves:
    if isinstance(make, str):
        halves = _called(custom.find(make), make, arguments)
    elif callable(make) and not isinstance(make, keras.Model):
        halves = make(*arguments)
    else:
        halves = make
    try:
        encoder, decoder = halves
    except TypeError:
        raise InputError(f"a network is an encoder and a decoder, not {halves!r}") from None
    for half in (encoder, decoder):
        if not isinstance(half, keras.Model):
            raise InputError(f"both halves of a network are Keras models, not {half!r}")
    return encoder, decoder


def _called(function: Callable, name: str, arguments: tuple) -> Halves:
    try:
        return function(*arguments)
    except Exception as error:  # whatever a user's function may raise
        raise InputError(f"the network {name} fails: {custom.line(error)}") from error


def _check(make, encoder, decoder, data_shape: tuple, kappa: int, bounded: bool) -> None:
    """Passes two rows of zeros through; `InputError` where what comes out does not fit."""
    name = make if isinstance(make, str) else "the network"
    outputs = encoder(np.zeros((2, *data_shape), "float32"))
    if not isinstance(outputs, list | tuple) or len(outputs) != 2:
        raise InputError(f"the encoder of {name} must give a mean and a stddev")
    for part, values in zip(("mean", "stddev"), outputs, strict=True):
        _check_shape(f"the encoder of {name} gives a {part}", values, (2, kappa))
    if not np.all(keras.ops.convert_to_numpy(outputs[1]) > 0):
        raise InputError(f"the encoder of {name} gives a stddev that is not above 0")
    data = decoder(np.zeros((2, kappa), "float32"))
    _check_shape(f"the decoder of {name} gives data", data, (2, *data_shape))
    values = keras.ops.convert_to_numpy(data)
    if bounded and not (values.min() >= 0 and values.max() <= 1):
        raise InputError(f"the decoder of {name} gives pixels outside of 0..1: end with a sigmoid")


def _check_shape(what: str, values, expected: tuple[int, ...]) -> None:
    if tuple(values.shape) != expected:
        raise InputError(f"{what} of shape {tuple(values.shape)} for two rows, not {expected}")
