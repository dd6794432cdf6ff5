"""The least that shows what Keras 3.15's `fit` cannot do under MultiWorkerMirroredStrategy.

  python tests/helpers/keras_multiworker.py INDEX PORT0 PORT1 plain|dict

One dense layer, two workers. `plain` is any compiled model: fit averages the logs of a step with
`strategy.reduce("MEAN", scalar, axis=0)`, which fails. `dict` is a model without loss and metrics
of `compile`'s own, fed dicts: fit averages a first batch over the replicas, which fails unless it
is one tensor. `GaussianVAE` avoids both (`compute_metrics`, `_maybe_symbolic_build`), and then fit
trains: see test_multiworker.py.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
index, port0, port1, case = sys.argv[1:]
os.environ["TF_CONFIG"] = json.dumps(
    {
        "cluster": {"worker": [f"127.0.0.1:{port0}", f"127.0.0.1:{port1}"]},
        "task": {"type": "worker", "index": int(index)},
    }
)

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


class Squares(keras.Model):
    """Minimises the square of a dense layer."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs, training=False):
        return self.dense(inputs["x"] if isinstance(inputs, dict) else inputs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y_pred))


strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    model = Squares()
    model(np.zeros((1, 3), "float32"))
    model.compile("sgd")
    model.optimizer.build(model.trainable_variables)
x = np.ones((8, 3), "float32")
data = tf.data.Dataset.from_tensor_slices({"x": x} if case == "dict" else x).batch(4).repeat()
try:
    model.fit(data, epochs=1, steps_per_epoch=2, shuffle=False, verbose=0)
    print("fit works")
except Exception as error:
    print(f"fit fails: {type(error).__name__}: {str(error).splitlines()[0][:90]}")
