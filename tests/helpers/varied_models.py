"""Small models of every kind, with weights that make outputs differ from each other."""

import numpy as np
import pytest

from tf_twostage import recipes
from tf_twostage.models import loading

SMALL = {"latent_dim": 4}
SMALL_VAE = SMALL | {"stage2_width": 8, "stage2_depth": 2}
BLOCKS = SMALL_VAE | {"resnet_channels": 4, "resnet_scales": 2, "resnet_blocks": 1}
BOUNDED = {"stage2_skip": False, "bounded_sd": True}
# recipe, model, network, image shape, what else
KINDS = {
    "infogan": ("paper", "two_stage", "infogan", (8, 8, 1), SMALL_VAE),
    "resnet": ("paper", "two_stage", "resnet", (8, 12, 3), BLOCKS | BOUNDED),
    "autoencoder": ("paper", "autoencoder", "resnet", (8, 8, 1), BLOCKS),
    "wae_mmd": ("suggested", "wae_mmd", "infogan", (8, 8, 1), SMALL),
    "own": ("paper", "two_stage", "own_networks:dense", (8, 8, 1), SMALL_VAE),
    "gan": ("suggested", "ns_gan", "infogan", (8, 8, 1), SMALL),
    "wae": ("paper", "two_stage", "wae", (64, 64, 3), SMALL_VAE),  # a large network
}
FAST = {"gan", "infogan", "own"}
PARAMS = [kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]


def build(kind):
    """A model with every stage marked as trained."""
    recipe, model, network, shape, values = KINDS[kind]
    setting = recipes.get(recipe, "mnist", 1000, model=model, network=network, **values)
    found = loading.new(setting, shape, seed=0)
    found.trained = set(range(1, found.last_stage + 1))
    rng = np.random.default_rng(0)
    for variable in (v for stage in found.trained for v in found.stage(stage).variables):
        if variable.name in ("kernel", "u"):
            variable.assign(rng.normal(0, 1 / np.sqrt(max(variable.shape[-2:])), variable.shape))
        elif variable.name in ("gamma", "beta", "bias", "moving_mean", "moving_variance"):
            variable.assign(rng.uniform(0.2, 1, variable.shape))
        elif variable.name == "log_sd_x":
            variable.assign(-0.7)
    return found


def latents(model, count=3, seed=1):
    """Draws from N(0, 1), float32 [count, kappa]."""
    shape = count, model.recipe.latent_dim
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def images(model, count=3):
    """Float32 [count, H, W, C] in 0..1."""
    shape = count, *model.image_shape
    return np.random.default_rng(2).uniform(size=shape).astype("float32")
