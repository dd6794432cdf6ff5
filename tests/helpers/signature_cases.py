"""Signatures of a SavedModel, as TensorFlow Serving's documentation has them, and one of ours."""

import numpy as np

from tf_twostage.serving.served_model import Signature, Tensor

FLOAT, INT = np.dtype("float32"), np.dtype("int32")
SIGNATURES = {
    "serving_default": Signature({"x": Tensor(FLOAT, (None,))}, {}),
    "two": Signature({"signal": Tensor(FLOAT, (None, 3)), "tag": Tensor(INT, (None,))}, {}),
    "count": Signature({"count": Tensor(INT, ()), "seed": Tensor(INT, (2,))}, {}),
}
