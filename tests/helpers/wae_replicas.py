"""Trains small WAEs and a joint VAE on one device and on two replicas.

  python tests/helpers/wae_replicas.py OUT

writes OUT/KIND-COUNT.npz with the logs of every step and the final weights, in float64. A process
of its own for test_wae_and_ablations.py: logical devices have to be made before TensorFlow starts.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import keras
import numpy as np
import replicas
import small_wae
import tensorflow as tf


def record(path, kind, devices):
    keras.utils.clear_session()  # so that layers get the same names again
    shared, logs = small_wae.batches(kind), replicas.StepLosses()
    batches = replicas.Batches(shared.images, shared.batch_size, shared.latent_dim, shared.seed)
    with devices.strategy.scope():
        model = small_wae.make(kind, synchronized=devices.distributed, pretrain_steps=3)
        if kind != "joint":
            model.encoder.mean.kernel.assign(10 * model.encoder.mean.kernel)
            model.pretrain(batches)
        small_wae.compiled(model)
    stream = devices.share(batches.stream())
    model.fit(stream, steps_per_epoch=3, shuffle=False, verbose=0, callbacks=[logs])
    weights = {variable.path: variable.numpy() for variable in model.weights}
    np.savez(path, logs=logs.rows, **weights)


def main(out):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    keras.config.set_floatx("float64")
    for count in (0, 2):
        devices = replicas.make_devices(count)  # once: TensorFlow numbers what they exchange
        for kind in ("wae_mmd", "wae_gan", "joint"):
            record(pathlib.Path(out) / f"{kind}-{count}.npz", kind, devices)


if __name__ == "__main__":
    main(sys.argv[1])
