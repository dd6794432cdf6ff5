"""TF32, TensorFlow's default on recent GPUs: factors of float32 products rounded to 10 bits.

Outputs and gradients are then off by about 1e-3. Importing the models turns it off for the whole
process.
"""

import tensorflow as tf


def allow_tf32(allowed: bool) -> None:
    """Turns TF32 on or off for all products and convolutions of this process."""
    tf.config.experimental.enable_tensor_float_32_execution(allowed)
