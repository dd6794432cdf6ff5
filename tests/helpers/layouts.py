"""Layouts of images to test on this machine's CPU."""

import functools

import pytest


@functools.cache
def _channels_first() -> bool:
    """Whether the CPU pools channels first: oneDNN does, TensorFlow's own kernels do not."""
    import tensorflow as tf

    try:
        tf.nn.max_pool2d(tf.zeros((1, 3, 4, 4)), 2, 2, "VALID", data_format="NCHW")
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
        return False
    return True


def need(layout: str | None) -> None:
    """Skips the test where this machine does not compute in the layout."""
    if layout == "NCHW" and not _channels_first():
        pytest.skip("a CPU without oneDNN does not pool channels first")
