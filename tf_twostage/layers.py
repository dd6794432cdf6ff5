"""Spectral normalisation, zero-debiased batch normalisation, and the residual blocks of Figure 12.

All in `keras.layers` and `keras.ops`. Keras has layers of the first two names; why they cannot
stand in is said at each class.
"""

import math

import keras
from keras import ops

from tf_twostage import recipes


def _unit(vector):
    return vector / (ops.norm(vector) + 1e-12)


class _Spectral:
    """Divides a layer's kernel by its largest singular value, estimated by power iteration.

    W, the kernel reshaped to [kh*kw*cin, cout], and a persistent u [kh*kw*cin, 1] give at every
    forward pass v = W'u/|W'u|, u = Wv/|Wv|, sigma = u'Wv; the layer uses W/sigma. u and v carry no
    gradient, sigma does. (Keras' SpectralNormalization assigns the normalised kernel back, which
    leaves sigma without a gradient, and keeps the other vector.)

    Deviation: the authors store the new u at inference too. Here inference uses it but does not
    store it, so encoding an image twice gives the same answer; the value of one pass is the same.
    """

    def build(self, input_shape):
        super().build(input_shape)
        rows = 1
        for size in self.kernel.shape[:-1]:
            rows *= size
        self.u = self.add_weight(
            name="u",
            shape=(rows, 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            aggregation="only_first_replica",
        )

    # Keras' own Dense and Conv2D save kernel and bias only.
    def save_own_variables(self, store):
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        keras.layers.Layer.load_own_variables(self, store)

    def normalised_kernel(self, training: bool):
        """W / sigma in the kernel's own shape; stores the next u when training."""
        w = ops.reshape(self.kernel, (-1, self.kernel.shape[-1]))  # [kh*kw*cin, cout]
        fixed = ops.stop_gradient(w)
        v = _unit(ops.matmul(ops.transpose(fixed), self.u))  # [cout, 1]
        u = _unit(ops.matmul(fixed, v))  # [kh*kw*cin, 1]
        if training:
            self.u.assign(u)
        sigma = ops.sum(u * ops.matmul(w, v))
        return self.kernel / sigma


class SpectralConv2D(_Spectral, keras.layers.Conv2D):
    """`keras.layers.Conv2D` (channels last) with a spectrally normalised kernel."""

    def call(self, inputs, training=False):
        kernel = self.normalised_kernel(training)
        outputs = ops.conv(inputs, kernel, self.strides, self.padding, "channels_last")
        return self.activation(outputs + self.bias)


class SpectralDense(_Spectral, keras.layers.Dense):
    """`keras.layers.Dense` with a spectrally normalised kernel."""

    def call(self, inputs, training=False):
        outputs = ops.matmul(inputs, self.normalised_kernel(training))
        return self.activation(outputs + self.bias)


class ZeroDebiasedBatchNormalization(keras.layers.Layer):
    """Batch normalisation over the last axis; its moving statistics never hold their initial value.

    With decay d, after t training steps the moving average is sum_i (1-d) d^(t-i) m_i / (1-d^t),
    TF1's `zero_debias_moving_mean` applied to mean and (biased) variance. It is kept as the
    recursion moving += (1-d)/(1-d^t) * (m_t - moving), whose first step replaces the initial value.
    (Keras' BatchNormalization still holds 37 % of its initial variance 1 after 1,000 steps at
    d = 0.999, and short runs then score quite differently at inference.)

    Args:
      decay: d.
      epsilon: added to the variance.
      synchronized: average the batch statistics over all replicas of a `tf.distribute` strategy.
    """

    def __init__(
        self,
        decay: float = 0.999,
        epsilon: float = recipes.BATCH_NORM_EPSILON,
        synchronized: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.decay = decay
        self.epsilon = epsilon
        self.synchronized = synchronized

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        state = {"trainable": False, "aggregation": "only_first_replica"}
        self.moving_mean = self.add_weight(
            name="moving_mean", shape=shape, initializer="zeros", **state
        )
        self.moving_variance = self.add_weight(
            name="moving_variance", shape=shape, initializer="ones", **state
        )
        # Counts steps; float32 stops counting at 2^24, where d^t has long been 0.
        self.steps = self.add_weight(name="steps", shape=(), initializer="zeros", **state)

    def call(self, inputs, training=False):
        mean, variance = self._batch_moments(inputs) if training else self._moving_moments()
        return ops.batch_normalization(
            inputs, mean, variance, -1, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )

    def _moving_moments(self):
        return self.moving_mean, self.moving_variance

    def _batch_moments(self, inputs):
        axes = tuple(range(len(inputs.shape) - 1))
        mean, variance = self._moments(inputs, axes)
        steps = self.steps + 1.0
        # 1 - d^t as -expm1(t log d): exact to float32 where t is small
        rate = (self.decay - 1.0) / ops.expm1(steps * math.log(self.decay))
        self.steps.assign(steps)
        self.moving_mean.assign_add(rate * (ops.stop_gradient(mean) - self.moving_mean))
        self.moving_variance.assign_add(rate * (ops.stop_gradient(variance) - self.moving_variance))
        return mean, variance

    def _moments(self, inputs, axes):
        if not self.synchronized:
            return ops.moments(inputs, axes)
        # Keras takes E[x^2] - E[x]^2 over replicas, which cancels where the mean is large: centre x
        # first, on what all replicas know.
        centre = ops.stop_gradient(ops.convert_to_tensor(self.moving_mean))
        mean, variance = ops.moments(inputs - centre, axes, synchronized=True)
        return mean + centre, variance

    def get_config(self):
        config = {"decay": self.decay, "epsilon": self.epsilon, "synchronized": self.synchronized}
        return super().get_config() | config


class ResidualBlock(keras.layers.Layer):
    """BN -> relu -> conv, twice, plus a convolution of the raw input as the shortcut (Figure 12).

    Args:
      filters: channels out.
      conv: keyword arguments of `keras.layers.Conv2D` for all three (kernel size, regulariser).
      norm: keyword arguments of `ZeroDebiasedBatchNormalization`.
    """

    def __init__(self, filters: int, conv: dict, norm: dict | None = None, **kwargs):
        super().__init__(**kwargs)
        self.norms = [ZeroDebiasedBatchNormalization(**norm or {}) for _ in range(2)]
        self.convs = [keras.layers.Conv2D(filters, padding="same", **conv) for _ in range(2)]
        self.shortcut = keras.layers.Conv2D(filters, padding="same", **conv)

    def build(self, input_shape):
        shape = tuple(input_shape)
        self.shortcut.build(shape)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            norm.build(shape)
            conv.build(shape)
            shape = conv.compute_output_shape(shape)

    def call(self, inputs, training=False):
        y = inputs
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(ops.relu(norm(y, training=training)))
        return y + self.shortcut(inputs)


class DenseResidualBlock(keras.layers.Layer):
    """relu -> dense, twice, plus a dense shortcut, no batch norm (the dense block of Figure 12)."""

    def __init__(self, units: int, dense: dict, **kwargs):
        super().__init__(**kwargs)
        self.layers = [keras.layers.Dense(units, **dense) for _ in range(2)]
        self.shortcut = keras.layers.Dense(units, **dense)

    def build(self, input_shape):
        shape = tuple(input_shape)
        self.shortcut.build(shape)
        for layer in self.layers:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs):
        y = inputs
        for layer in self.layers:
            y = layer(ops.relu(y))
        return y + self.shortcut(inputs)
