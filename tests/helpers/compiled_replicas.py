"""The least that shows why a replica's gradients are not compiled under MirroredStrategy.

  python tests/helpers/compiled_replicas.py alone|averaging

Two logical CPUs, one weight; a replica's gradient is compiled by XLA inside `strategy.run`. That
works, but not where the forward pass averages over the replicas (`averaging`), as synchronised
batch normalisation does in every network of the first stage.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

averaging = sys.argv[1] == "averaging"
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
with strategy.scope():
    weight = tf.Variable(2.0)


@tf.function(jit_compile=True)
def gradient(w, x):
    with tf.GradientTape() as tape:
        tape.watch(w)
        y = w * x
        if averaging:
            y -= tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, y)
        loss = tf.reduce_sum(y**2)
    return tape.gradient(loss, w)


def step():
    return gradient(weight.read_value(), tf.constant(3.0))


try:
    results = tf.function(lambda: strategy.run(step))()
    print("works:", [float(one) for one in strategy.experimental_local_results(results)])
except Exception as error:
    text = " ".join(str(error).split())
    print(f"fails: {type(error).__name__}: {text[text.find('`merge_call`') :][:120]}")
