"""Products and sums that TensorFlow does faster when asked in its own words.

Each equals its formula in `keras.ops` up to rounding, which stands beside it.
docs/performance.md says what each one brings.
"""

import tensorflow as tf
from keras import ops

from tf_twostage.models import precision

FUSED = True  # False: everything by its formula, for comparison

precision.allow_tf32(False)  # --tf32 turns it on


def product(x, kernel):
    """x @ kernel, [B, m] by [m, n].

    The gradient by x multiplies by the transposed kernel. oneDNN does that at half its rate for a
    hundred rows, but not if asked for the same as a batch of one product.
    """
    if not FUSED:
        return ops.matmul(x, kernel)
    return _product(tf.convert_to_tensor(x), tf.convert_to_tensor(kernel))


def dense(x, kernel, bias):
    """x @ kernel + bias, [B, m] by [m, n] plus [n]."""
    if not FUSED:
        return ops.matmul(x, kernel) + bias
    return _dense(*(tf.convert_to_tensor(value) for value in (x, kernel, bias)))


def sum_of_squares(x):
    """The sum of all x^2, a scalar, in one pass over x."""
    return 2 * tf.nn.l2_loss(x) if FUSED else ops.sum(ops.square(x))


def batch_norm(x, scale, offset, epsilon: float):
    """x normalised by its own moments over all axes but the last, scaled and shifted.

    Args:
      x: [B, C] or [B, H, W, C].
      scale, offset: [C].
      epsilon: added to the variance.

    Returns:
      The result, as x; mean [C]; biased variance [C]. The moments carry no gradient.
    """
    if FUSED and len(x.shape) in (2, 4) and x.dtype == "float32":
        return _batch_norm(x, scale, offset, epsilon)
    axes = tuple(range(len(x.shape) - 1))
    mean = ops.mean(x, axes)
    # Not of `ops.moments`: it holds the mean constant here, and second derivatives come out wrong.
    variance = ops.mean(ops.square(x - mean), axes)
    y = ops.batch_normalization(x, mean, variance, -1, offset, scale, epsilon)
    return y, ops.stop_gradient(mean), ops.stop_gradient(variance)


def doubling_deconvolution(x, kernel):
    """A 4 x 4 transposed convolution of stride 2 with padding "same", for few output channels.

    Args:
      x: [B, H, W, m].
      kernel: [4, 4, n, m], n a few.

    Returns:
      [B, 2H, 2W, n].
    """
    if not FUSED:
        return ops.conv_transpose(x, kernel, 2, "same", data_format="channels_last")
    return _doubling_deconvolution(tf.convert_to_tensor(x), tf.convert_to_tensor(kernel))


def _scattered(x, kernel):
    """One product gives each pixel its 4 x 4 patch of the output; patches overlap and are added.

    Pixel (i, j)'s row p, column q of the patch lands on row 2i + p - 1, column 2j + q - 1. With
    p = 2s + a and q = 2t + b that is the block (i + s, j + t) of 2 x 2 outputs, place (a, b) in it.
    """
    shape, (*_, n, m) = tf.shape(x), kernel.shape
    batch, height, width = shape[0], x.shape[1], x.shape[2]
    columns = tf.reshape(tf.transpose(kernel, (3, 0, 1, 2)), (m, 16 * n))
    patches = tf.matmul(tf.reshape(x, (-1, m)), columns)
    patches = tf.reshape(patches, (batch, height, width, 2, 2, 2, 2, n))  # ..., s, a, t, b, n
    blocks = 0.0
    for s in (0, 1):
        for t in (0, 1):
            part = tf.reshape(patches[:, :, :, s, :, t], (batch, height, width, 4 * n))
            blocks += tf.pad(part, ((0, 0), (s, 1 - s), (t, 1 - t), (0, 0)))
    return tf.nn.depth_to_space(blocks, 2)[:, 1:-1, 1:-1, :]


def _batch_norm(x, scale, offset, epsilon):
    image = x if len(x.shape) == 4 else x[:, None, None, :]
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=image, scale=scale, offset=offset, mean=[], variance=[], epsilon=epsilon
    )
    count = tf.cast(tf.reduce_prod(tf.shape(image)[:-1]), variance.dtype)
    biased = variance * (count - 1) / count  # the operation gives the unbiased one
    return tf.reshape(y, tf.shape(x)), tf.stop_gradient(mean), tf.stop_gradient(biased)


def _product_gradients(x, kernel, upstream):
    by_x = tf.matmul(upstream[None], kernel[None], transpose_b=True)[0]
    return by_x, tf.matmul(x, upstream, transpose_a=True)


def _with_gradient(function):
    """`tf.custom_gradient`, in a small graph of its own that is traced once for each shape.

    TensorFlow never lets go of a graph that a custom gradient was traced in. Traced in the graph of
    a model, each one would keep that for as long as the process lives.
    """
    eager = tf.custom_gradient(function)
    traced = tf.function(eager, autograph=False)
    return lambda *values: (eager if tf.executing_eagerly() else traced)(*values)


@_with_gradient
def _product(x, kernel):
    return tf.matmul(x, kernel), lambda upstream: _product_gradients(x, kernel, upstream)


@_with_gradient
def _doubling_deconvolution(x, kernel):
    def gradients(upstream):
        by_x = tf.nn.conv2d(upstream, kernel, 2, "SAME")
        by_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=upstream,
            filter_sizes=kernel.shape,
            out_backprop=x,
            strides=[1, 2, 2, 1],
            padding="SAME",
        )
        return by_x, by_kernel

    return _scattered(x, kernel), gradients


@_with_gradient
def _dense(x, kernel, bias):
    def gradients(upstream):
        by_bias = tf.reduce_sum(upstream, axis=0)
        return *_product_gradients(x, kernel, upstream), by_bias

    return tf.nn.bias_add(tf.matmul(x, kernel), bias), gradients
