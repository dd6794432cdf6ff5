"""Spectral normalisation, zero-debiased batch normalisation, and the residual blocks of Figure 12.

All in `keras.layers`, `keras.ops` and `fused`. Keras has layers of the first two names; why they
cannot stand in is said at each class.
"""

import math

import keras
from keras import ops

from tf_twostage import network_values, recipes
from tf_twostage.models import fused


def _unit(vector):
    return vector / (ops.norm(vector) + 1e-12)


class Dense(keras.layers.Dense):
    """`keras.layers.Dense` on [B, m], faster."""

    def call(self, inputs, training=False):
        return self.activation(fused.dense(inputs, self.kernel, self.bias))


class DoublingDeconvolution(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` of 4 x 4 and stride 2 with padding "same", faster.

    For few filters, such as an image's channels.
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, 4, 2, "same", **kwargs)

    def call(self, inputs):
        return self.activation(fused.doubling_deconvolution(inputs, self.kernel) + self.bias)


class WeightDecay(keras.regularizers.Regularizer):
    """TF1's `l2_regularizer(rate)`: rate/2 * sum(w^2). (Keras' L2 has no half.)

    While `by_optimizer` is set it has no gradient: the optimiser adds rate * w itself.
    """

    def __init__(self, rate: float):
        self.rate = rate
        self.by_optimizer = False

    def __call__(self, x):
        x = ops.stop_gradient(x) if self.by_optimizer else x
        return self.rate / 2 * fused.sum_of_squares(x)

    def get_config(self):
        return {"rate": self.rate}


class Spectral:
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

    def singular_vectors(self, w, training: bool):
        """u [kh*kw*cin, 1] and v [cout, 1] of W; stores u when training."""
        fixed = ops.stop_gradient(w)
        v = _unit(ops.matmul(ops.transpose(fixed), self.u))
        u = _unit(ops.matmul(fixed, v))
        if training:
            self.u.assign(u)
        return u, v

    def normalised_kernel(self, training: bool = False):
        """The kernel over its largest singular value; stores u when training."""
        w = ops.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        u, v = self.singular_vectors(w, training)
        return self.kernel / ops.sum(u * ops.matmul(w, v))


class SpectralConv2D(Spectral, keras.layers.Conv2D):
    """`keras.layers.Conv2D` (channels last) with a spectrally normalised kernel."""

    def call(self, inputs, training=False):
        kernel = self.normalised_kernel(training)
        outputs = ops.conv(inputs, kernel, self.strides, self.padding, "channels_last")
        return self.activation(outputs + self.bias)


class SpectralDense(Spectral, keras.layers.Dense):
    """`keras.layers.Dense` with a spectrally normalised kernel.

    x (W/sigma) is computed as (xW)/sigma, and u'W of sigma = u'Wv as one more row of xW: so no
    pass over W is spent on dividing it, nor on sigma's gradient, which is of W's size as well.
    """

    def call(self, inputs, training=False):
        u, v = self.singular_vectors(self.kernel, training)
        products = fused.product(ops.concatenate([inputs, ops.transpose(u)]), self.kernel)
        sigma = ops.sum(products[-1] * v[:, 0])
        return self.activation(products[:-1] / sigma + self.bias)


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
        decay: float = recipes.BATCH_NORM_DECAY,
        epsilon: float = network_values.BATCH_NORM_EPSILON,
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
        if not training:
            return self._normalise(inputs, self.moving_mean, self.moving_variance)
        if self.synchronized:
            mean, variance = self._synchronized_moments(inputs)
            outputs = self._normalise(inputs, mean, variance)
        else:
            outputs, mean, variance = fused.batch_norm(inputs, self.gamma, self.beta, self.epsilon)
        self._move(mean, variance)
        return outputs

    def _normalise(self, inputs, mean, variance):
        return ops.batch_normalization(
            inputs, mean, variance, -1, offset=self.beta, scale=self.gamma, epsilon=self.epsilon
        )

    def _move(self, mean, variance):
        steps = self.steps + 1.0
        # 1 - d^t as -expm1(t log d): exact to float32 where t is small
        rate = (self.decay - 1.0) / ops.expm1(steps * math.log(self.decay))
        self.steps.assign(steps)
        self.moving_mean.assign_add(rate * (ops.stop_gradient(mean) - self.moving_mean))
        self.moving_variance.assign_add(rate * (ops.stop_gradient(variance) - self.moving_variance))

    def _synchronized_moments(self, inputs):
        # Keras takes E[x^2] - E[x]^2 over replicas, which cancels where the mean is large: centre x
        # first, on what all replicas know.
        axes = tuple(range(len(inputs.shape) - 1))
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
        self.layers = [Dense(units, **dense) for _ in range(2)]
        self.shortcut = Dense(units, **dense)

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
