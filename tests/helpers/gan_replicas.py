"""Trains small GANs on one device and on two replicas.

  python tests/helpers/gan_replicas.py OUT MODEL...

writes OUT/MODEL-COUNT.npz with the final weights and the logs of each epoch, in float64. A process
of its own for test_gan_training.py: logical devices have to be made before TensorFlow starts.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import keras
import numpy as np
import replicas
import small_gan
import tensorflow as tf

from tf_twostage import epoch_log, keras_settings
from tf_twostage.data.batches import AdversarialBatches


class Batches(replicas.InFloatx, AdversarialBatches):
    """In Keras' float type."""


def record(out, name, count, devices):
    keras.utils.clear_session()  # so that layers get the same names again
    with devices.strategy.scope():
        model = small_gan.build(
            small_gan.recipe(name, stage1_epochs=1), synchronized=devices.distributed
        )
    run = out / f"run-{name}-{count}"
    small_gan.train(model, run, data=small_gan.batches(model, kind=Batches), devices=devices)
    log = epoch_log.read_log(run / "stage1.csv")
    del log["seconds"]
    weights = {variable.path: variable.numpy() for variable in model.weights}
    np.savez(out / f"{name}-{count}.npz", log=list(log.values()), **weights)


def main(out, *names):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    keras.config.set_floatx("float64")
    keras_settings.FLOATX = "float64"
    for count in (0, 2):
        devices = replicas.make_devices(count)  # once: TensorFlow numbers what they exchange
        for name in names:
            record(pathlib.Path(out), name, count, devices)


if __name__ == "__main__":
    main(*sys.argv[1:])
