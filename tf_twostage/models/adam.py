"""Adam in one pass over each variable, weight decay and clipping included."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from tf_twostage.models.layers import WeightDecay

LARGE = 2**16  # elements of a variable from which compiling its update pays


class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` with each variable updated by one operation.

    The same formula and the same state as Keras' and TF1's:
    variable -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon).

    Args:
      weight_clip: c, where every variable is cut off at -c and c after each update (WGAN); None
        or 0: none is.
    """

    _decays = None  # weight decay of every variable, while `decaying`

    def __init__(self, *args, weight_clip: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.weight_clip = weight_clip

    @contextlib.contextmanager
    def decaying(self) -> Iterator[None]:
        """While in it, the update adds the gradient of `WeightDecay`s; the tape leaves it out.

        So decay costs no pass of its own over the weights. The loss still holds it. Not for use
        under a distribution strategy, where gradients are summed over replicas first.
        """
        regularizers = [variable.regularizer for variable in self._trainable_variables]
        decays = [r if isinstance(r, WeightDecay) else None for r in regularizers]
        self._decays = [decay.rate if decay else 0.0 for decay in decays]
        _set_by_optimizer(decays, True)
        try:
            yield
        finally:
            self._decays = None
            _set_by_optimizer(decays, False)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Keras' sum over replicas, where there are several.

        For one it would give the gradients as they are, but through a custom gradient, for which
        TensorFlow keeps the graph of the step until the process ends.
        """
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return grads_and_vars
        return super()._all_reduce_sum_gradients(grads_and_vars)

    def update_step(self, gradient, variable, learning_rate):
        self._descend(gradient, variable, learning_rate)
        if self.weight_clip:
            variable.assign(tf.clip_by_value(variable, -self.weight_clip, self.weight_clip))

    def _descend(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        m, v = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        power_1, power_2 = self.beta_1**step, self.beta_2**step
        rate = tf.cast(learning_rate, variable.dtype)
        betas = {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
        decay = self._decays[index] if self._decays else 0.0
        if decay and variable.shape.num_elements() >= LARGE:
            alpha = rate * tf.sqrt(1 - power_2) / (1 - power_1)
            _decayed_step(variable, m, v, gradient, alpha, decay, **betas)
            return
        gradient = gradient + decay * variable if decay else gradient
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=power_1,
            beta2_power=power_2,
            lr=rate,
            grad=gradient,
            **betas,
        )


def _set_by_optimizer(decays, value: bool) -> None:
    for decay in filter(None, decays):
        decay.by_optimizer = value


@tf.function(jit_compile=True)  # a few lines of element-wise code: compiled in no time
def _decayed_step(variable, m, v, gradient, alpha, decay, beta1, beta2, epsilon):
    """TF1's Adam on gradient + decay * variable."""
    gradient += decay * variable
    m.assign_add((gradient - m) * (1 - beta1))
    v.assign_add((tf.square(gradient) - v) * (1 - beta2))
    variable.assign_sub(m * alpha / (tf.sqrt(v) + epsilon))
