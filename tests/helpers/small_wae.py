"""Wasserstein autoencoders and a joint VAE of a few dense layers, on 4 x 4 images."""

import types

import keras
import numpy as np

from tf_twostage.data.batches import ImageBatches
from tf_twostage.models import wae
from tf_twostage.models.ablations import Autoencoder, JointVAE
from tf_twostage.models.adam import Adam
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.layers import Dense
from tf_twostage.models.networks import Context, HeadedEncoder, ImageDecoder

SHAPE = (4, 4, 1)
KAPPA = 3
BATCH = 8
STEPS = 3  # an epoch
IMAGES = np.random.default_rng(0).integers(0, 256, (STEPS * BATCH, *SHAPE), np.uint8)


def recipe(**values):
    defaults = {
        "model": "wae_mmd",
        "network": "infogan",
        "learning_rate": 1e-2,
        "latent_dim": KAPPA,
        "adam_beta_1": 0.5,
        "adam_beta_2": 0.999,
        "adam_epsilon": 1e-8,
        "penalty": 10.0,
        "reconstruction_weight": 0.05,
        "adversary_depth": 2,
        "adversary_width": 6,
        "pretrain_steps": 200,
        "batch_norm_decay": 0.9,
        "weight_decay": 0.0,
    }
    return types.SimpleNamespace(**defaults | values)


def encoder(deterministic=True, synchronized=None):
    """With batch norm where `synchronized` says of which kind."""
    context = Context(0.02, deterministic=deterministic, synchronized=bool(synchronized))
    hidden = Dense(8, activation="relu", **context.kernel())
    norms = [] if synchronized is None else [context.norm()]
    body = keras.Sequential([keras.layers.Flatten(), hidden, *norms])
    return HeadedEncoder(body, KAPPA, context)


def decoder():
    return ImageDecoder(keras.Sequential([Dense(16), keras.layers.Reshape(SHAPE)]))


def latent_decoder():
    return keras.Sequential([Dense(8, activation="relu"), Dense(KAPPA)])


def joint(synchronized=None):
    first, second = (encoder(deterministic=False, synchronized=synchronized) for _ in range(2))
    stage1 = GaussianVAE(first, decoder(), KAPPA).build_for(SHAPE)
    return JointVAE(stage1, GaussianVAE(second, latent_decoder(), KAPPA).build_for((KAPPA,)))


def make(kind, seed=0, synchronized=None, **values):
    """wae_mmd, wae_gan, autoencoder or joint; `values` are a WAE recipe's."""
    keras.utils.set_random_seed(seed)
    if kind == "joint":
        return joint(synchronized)
    halves = encoder(synchronized=synchronized), decoder()
    if kind == "autoencoder":
        return Autoencoder(*halves, KAPPA).build_for(SHAPE)
    model = {"wae_mmd": wae.WAEMMD, "wae_gan": wae.WAEGAN}[kind](*halves, recipe(**values))
    model(keras.ops.zeros((1, *SHAPE)))
    return model


def batches(kind):
    return ImageBatches(IMAGES, BATCH, 2 * KAPPA if kind == "joint" else KAPPA, seed=1)


def compiled(model, **values):
    """The model with all its optimisers."""
    if isinstance(model, wae.WAE):
        values["adversary_optimizer"] = Adam(1e-3, 0.5, 0.999, 1e-8)
    model.compile(Adam(1e-2, 0.5, 0.999, 1e-8), jit_compile=False, **values)
    model.build_optimizers()
    return model


def train(model, data, epochs=1, first=0, **values):
    """The logs of `epochs` epochs from the `first` on."""
    values |= {"epochs": epochs, "steps_per_epoch": STEPS, "shuffle": False, "verbose": 0}
    return model.fit(data.stream(first), **values).history


def state(model):
    """All weights, and the state of the optimisers."""
    optimizers = [model.optimizer, getattr(model, "adversary_optimizer", None)]
    holders = [model, *filter(None, optimizers)]
    return [v.numpy() for holder in holders for v in getattr(holder, "weights", holder.variables)]
