"""Features on one and on three logical CPUs; a process of its own for test_fid_inception.py.

python tests/helpers/inception_devices.py GRAPH OUT
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import numpy as np
import tensorflow as tf

import fid


def main(graph: str, out: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 3)
    images = np.random.default_rng(0).integers(0, 256, (23, 12, 10, 3), dtype=np.uint8)
    names = {"one": ["CPU:0"], "three": ["CPU:0", "CPU:1", "CPU:2"]}
    found = {}
    for name, devices in names.items():
        inception = fid.Inception(graph, batch_size=4, devices=devices)
        found[f"{name}_places"] = places = []
        run = inception._runner.features

        def watched(*arguments, run=run, places=places):
            places.append(tf.constant(0).device[-5:])
            return run(*arguments)

        inception._runner.features = watched
        found[name] = inception.features(images, 768)
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
