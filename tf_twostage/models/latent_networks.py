"""Encoder and decoder of the second stage: an MLP each (appendix D).

The encoder maps latents z [B, kappa] to `Posterior(mean, stddev)` of u, each [B, kappa]. The
decoder maps u [B, kappa] to z_hat, the mean of p(z|u).
"""

import keras
from keras import ops

from tf_twostage import recipes
from tf_twostage.models.layers import Dense
from tf_twostage.models.networks import Context, HeadedEncoder, Network


class HiddenLayers(keras.Sequential):
    """The second stage's dense layers; with `skip` the input is put before their output."""

    def __init__(self, layers: list, skip: bool, **kwargs):
        super().__init__(layers, **kwargs)
        self.skip = skip

    def call(self, inputs, training=False):
        hidden = super().call(inputs, training=training)
        return ops.concatenate([inputs, hidden], axis=-1) if self.skip else hidden


def _hidden_layers(recipe: recipes.Recipe, kernel: dict) -> HiddenLayers:
    width, depth = recipe.stage2_width, recipe.stage2_depth
    layers = [Dense(width, activation="relu", **kernel) for _ in range(depth)]
    return HiddenLayers(layers, recipe.stage2_skip)


class LatentEncoder(HeadedEncoder):
    """Second stage, q(u|z): the recipe's hidden layers, heads mu_u and log sd_u."""

    def __init__(self, recipe: recipes.Recipe, context: Context, **kwargs):
        body = _hidden_layers(recipe, context.kernel())
        super().__init__(body, recipe.latent_dim, context, **kwargs)


class LatentDecoder(keras.Model):
    """Second stage, the mean z_hat of p(z|u): the recipe's hidden layers, one linear head."""

    def __init__(self, recipe: recipes.Recipe, context: Context, **kwargs):
        super().__init__(**kwargs)
        kernel = context.kernel()
        self.body = _hidden_layers(recipe, kernel)
        self.mean = Dense(recipe.latent_dim, **kernel)

    def call(self, u, training=False):
        return self.mean(self.body(u, training=training))


def second_stage(recipe: recipes.Recipe) -> Network:
    """Unbuilt encoder and decoder of stage 2 for latents z [kappa]."""
    context = Context(recipe.weight_decay, bounded=recipe.bounded_sd)
    return Network(LatentEncoder(recipe, context), LatentDecoder(recipe, context))
