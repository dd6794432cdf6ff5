"""GANs of points in the plane, which train in no time."""

import keras
import numpy as np

from tf_twostage import recipes
from tf_twostage.data.batches import AdversarialBatches
from tf_twostage.models import gans
from tf_twostage.models.layers import ZeroDebiasedBatchNormalization
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import fit, optimizers
from tf_twostage.training.devices import Devices

OWN = {"wgan": {"weight_clip": 0.1}, "began": {"penalty": 0.1, "equilibrium": 0.75}}
POINTS = np.random.default_rng(0).integers(0, 256, (110, 2), np.uint8)
STEPS = 5  # an epoch of these, two updates of the discriminator each


def recipe(model, **values):
    defaults = {
        "name": "small",
        "stage1_epochs": 2,
        "learning_rate": 1e-3,
        "batch_size": 10,
        "adam_beta_1": 0.5,
        "latent_dim": 3,
        "discriminator_steps": 2,
        "discriminator_norm": False,
        "penalty": 10.0,
        "batch_norm_decay": 0.9,
    }
    return recipes.GANRecipe(model=model, **defaults | OWN.get(model, {}) | values)


def multilayer(units, width, norm, activation, synchronized):
    """Two hidden layers, the first with batch norm where wanted."""
    norms = [ZeroDebiasedBatchNormalization(0.9, 1e-3, synchronized)] if norm else []
    hidden = [keras.layers.Dense(width), *norms, keras.layers.LeakyReLU(0.2)]
    hidden += [keras.layers.Dense(width, "tanh")]
    return keras.Sequential([*hidden, keras.layers.Dense(units, activation)])


def build(setting, width=16, norm=True, synchronized=False, seed=1):
    """The GAN of a recipe with small networks for points [B, 2]."""
    keras.utils.set_random_seed(seed)
    outputs = 2 if setting.model == "began" else 1
    generator = multilayer(2, width, norm, "sigmoid", synchronized)
    discriminator = multilayer(outputs, width, norm, None, synchronized)
    model = gans.MODELS[setting.model](generator, discriminator, setting, synchronized)
    return model.build_for((2,))


def compiled(model):
    """With both optimisers and their state, to be trained step by step."""
    model.compile(**optimizers.of(model.recipe, 1, STEPS), jit_compile=False)
    model.build_optimizers()
    return model


def batches(model, points=POINTS, kind=AdversarialBatches):
    """The batches of a model."""
    setting = model.recipe
    return kind(
        points,
        setting.batch_size,
        setting.latent_dim,
        seed=1,
        discriminator_steps=setting.discriminator_steps,
        extras=model.extras,
    )


def train(model, run, *callbacks, data=None, loop="host", devices=None):
    """Trains a model to the end of its schedule, in a run folder."""
    fit.fit_stage(
        model,
        data or batches(model),
        model.recipe,
        RunFolder(run),
        devices=devices or Devices(),
        callbacks=callbacks,
        loop=loop,
    )
    return model


def weights(model):
    return [variable.numpy() for variable in model.variables]
