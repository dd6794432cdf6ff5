"""GANs of points in the plane, which train in no time."""

import types

import keras
import numpy as np

from tf_twostage.data.batches import AdversarialBatches
from tf_twostage.models import gans
from tf_twostage.models.layers import ZeroDebiasedBatchNormalization
from tf_twostage.training import device_loop
from tf_twostage.training.adam import Adam

VALUES = {
    "learning_rate": 1e-3,
    "batch_size": 10,
    "adam_beta_1": 0.5,
    "adam_beta_2": 0.999,
    "adam_epsilon": 1e-8,
    "network": "infogan",
    "latent_dim": 3,
    "discriminator_steps": 2,
    "discriminator_norm": False,
    "penalty": 10.0,
    "weight_clip": None,
    "equilibrium": 0.75,
    "batch_norm_decay": 0.9,
    "weight_decay": 0.0,
}
OWN = {"wgan": {"weight_clip": 0.1}, "began": {"penalty": 0.1}}
POINTS = np.random.default_rng(0).integers(0, 256, (110, 2), np.uint8)  # 5 steps of two tens


def recipe(model, **values):
    return types.SimpleNamespace(model=model, **VALUES | OWN.get(model, {}) | values)


def multilayer(units, width=16, norm=False, activation="sigmoid", synchronized=False):
    """Two hidden layers, with batch norm where wanted."""
    norms = [ZeroDebiasedBatchNormalization(0.9, 1e-3, synchronized)] if norm else []
    hidden = [keras.layers.Dense(width), *norms, keras.layers.LeakyReLU(0.2)]
    hidden += [keras.layers.Dense(width, "tanh")]
    return keras.Sequential([*hidden, keras.layers.Dense(units, activation)])


def build(setting, width=16, norm=True, synchronized=False, seed=1):
    """The GAN of a recipe with small networks for points [B, 2]."""
    keras.utils.set_random_seed(seed)
    began = setting.model == "began"
    generator = multilayer(2, width, norm, "sigmoid", synchronized)
    discriminator = multilayer(2 if began else 1, width, norm, None, synchronized)
    model = gans.MODELS[setting.model](generator, discriminator, setting, synchronized)
    return model.build_for((2,))


def compiled(model, steps=1):
    """With both optimisers and their state."""
    setting = model.recipe
    rate = setting.learning_rate
    betas = setting.adam_beta_1, setting.adam_beta_2, setting.adam_epsilon
    adversary = Adam(rate, *betas, weight_clip=setting.weight_clip)
    model.compile(Adam(rate, *betas), adversary, steps_per_execution=steps, jit_compile=False)
    model.build_optimizers()
    return model


def batches(model, points=POINTS, seed=1):
    """The batches of a model."""
    setting = model.recipe
    sizes = setting.batch_size, setting.latent_dim, seed, setting.discriminator_steps
    return AdversarialBatches(points, *sizes, model.extras)


def fit(model, data, epochs=1, on_device=False, first_epoch=0, callbacks=()):
    """Trains with the loop on the host, or with the one on the device, an epoch a call."""
    stream = data.stream(first_epoch)
    if on_device:
        model.train_function = device_loop.train_function(model, data)
        stream = device_loop.calls(data, data.steps, first_epoch)
    return model.fit(
        stream,
        epochs=epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=data.steps,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )


def weights(model):
    return [variable.numpy() for variable in model.variables]
