"""Trains a small first stage on several logical CPUs; a process of its own for test_devices.py.

  python tests/helpers/replicas.py OUT FLOATX COUNT [RUN]

with COUNT mirrored replicas (0: no strategy), and then once more from the half of RUN.

Logical devices have to be made before TensorFlow starts, and other tests want one device.
"""

import dataclasses
import os
import pathlib
import shutil
import sys
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import keras
import numpy as np
import tensorflow as tf

from tf_twostage import keras_settings, recipes
from tf_twostage.data import batches, manifold
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import checkpoint, fit, loop
from tf_twostage.training.devices import Devices

RECIPE = dataclasses.replace(
    recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=16, batch_size=20),
    stage1_epochs=4,
    stage1_halve_every=2,
)
STEPS = 5  # an epoch; 20 in all
SHAPE = (8, 8, 1)
SEED = 1


NAMES = ("kl", "reconstruction", "loss", "gamma", "active_dimensions", "mse")


class StepLosses(keras.callbacks.Callback):
    """The logs of each step alone, over the global batch.

    Args:
      names: of the logs, in this order; None: all, by name.
    """

    def __init__(self, names=None):
        super().__init__()
        self.names = names
        self.rows = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        results = self.model.get_metrics_result()
        self.rows.append([float(results[name]) for name in self.names or sorted(results)])


class InFloatx:
    """Batches in Keras' float type."""

    def stream(self, first_epoch=0, part=batches.WHOLE):
        dtype = keras.config.floatx()
        return (
            super()
            .stream(first_epoch, part)
            .map(lambda batch: {k: tf.cast(v, dtype) for k, v in batch.items()})
        )


class Batches(InFloatx, batches.ImageBatches):
    """Those of stage 1."""


def make_devices(count: int) -> Devices:
    """The first `count` logical CPUs, mirrored; 0: no strategy."""
    if not count:
        return Devices()
    return Devices(tf.distribute.MirroredStrategy([f"/cpu:{index}" for index in range(count)]))


def make_model(devices: Devices) -> TwoStageVAE:
    with devices.strategy.scope():
        return TwoStageVAE(RECIPE, SHAPE, SEED, devices.replicas > 1, devices.predict)


def images() -> np.ndarray:
    return manifold.images(STEPS * RECIPE.batch_size, 2)[0][:, ::2, ::2]


def train(devices, run, *callbacks) -> tuple[TwoStageVAE, StepLosses]:
    """Trains stage 1 to its end, from what `run` holds already."""
    model, losses = make_model(devices), StepLosses(NAMES)
    data = Batches(images(), RECIPE.batch_size, RECIPE.latent_dim, SEED)
    chosen, folder = [losses, *callbacks], RunFolder(run)
    with mock.patch.object(loop, "STEPS", (1, 1)):  # log every step
        fit.fit_stage(
            model.stage1,
            data,
            RECIPE,
            folder,
            devices=devices,
            callbacks=chosen,
            jit_compile=False,
        )
    return model, losses


def weights(model: TwoStageVAE) -> dict[str, np.ndarray]:
    return {variable.path: variable.numpy() for variable in model.stage1.weights}


def spread(devices: Devices, model: TwoStageVAE) -> float:
    """The largest difference between two replicas' copies of a variable."""
    gaps = [0.0]
    for variable in model.stage1.variables:
        local = devices.strategy.experimental_local_results(variable.value)
        copies = [copy.numpy() for copy in local]
        if copies[0].dtype.kind == "f":
            gaps += [float(np.max(np.abs(copy - copies[0]), initial=0)) for copy in copies]
    return max(gaps)


class KeepHalf(keras.callbacks.Callback):
    """Copies a run as it is after two epochs, for another number of replicas to go on with."""

    def __init__(self, run, copy):
        super().__init__()
        self.run, self.copy = run, copy

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            shutil.copytree(self.run, self.copy)


def record(out: pathlib.Path, name: str, devices, going_on: str | None = None) -> TwoStageVAE:
    """Trains, from `going_on`'s half where given, and writes what came of it to OUT/name.npz."""
    run = out / (f"{going_on}-half" if going_on else name)
    with mock.patch.object(checkpoint, "SMALL", sys.maxsize):  # one after every epoch
        model, losses = train(devices, run, KeepHalf(run, out / f"{name}-half"))
    if not going_on:
        model.save_stage(RunFolder(run), 1)
    posterior = model.encode(images()[:7])
    np.savez(
        out / f"{name}.npz",
        losses=losses.rows,
        spread=spread(devices, model),
        mean=posterior.mean,
        decoded=model.decode(posterior.mean),
        **weights(model),
    )
    return model


def main(out: str, floatx: str, count: str, going_on: str | None = None) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
    keras.config.set_floatx(floatx)
    keras_settings.FLOATX = floatx
    devices = make_devices(int(count))
    record(pathlib.Path(out), f"{floatx}-{count}", devices)
    if going_on:
        keras.utils.clear_session()  # so that layers get the same names again
        record(pathlib.Path(out), f"{going_on}-then-{count}", devices, going_on)


if __name__ == "__main__":
    main(*sys.argv[1:])
