"""Every fused step against its formula in keras.ops, values and gradients."""

import contextlib
import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tf_twostage import recipes
from tf_twostage.models import fused
from tf_twostage.models.adam import Adam
from tf_twostage.models.two_stage import TwoStageVAE

RNG = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(RNG.normal(size=shape).astype("float32"))


def value_and_gradients(function, *arguments):
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = function(*arguments)
        weights = tf.cos(tf.range(tf.size(value), dtype=tf.float32))
        total = tf.reduce_sum(value * tf.reshape(weights, value.shape))
    return [value, *tape.gradient(total, arguments)]


def check_same(function, formula, *arguments):
    pairs = zip(
        value_and_gradients(function, *arguments),
        value_and_gradients(formula, *arguments),
        strict=True,
    )
    for actual, expected in pairs:
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_product():
    check_same(fused.product, ops.matmul, normal(7, 5), normal(5, 3))


def test_dense():
    formula = lambda x, kernel, bias: ops.matmul(x, kernel) + bias  # noqa: E731
    check_same(fused.dense, formula, normal(7, 5), normal(5, 3), normal(3))


@pytest.mark.parametrize(("side", "filters"), [((3, 5), 1), ((4, 4), 3), ((1, 1), 2)])
def test_doubling_deconvolution(side, filters):
    def formula(x, kernel):
        return ops.conv_transpose(x, kernel, 2, "same", data_format="channels_last")

    check_same(fused.doubling_deconvolution, formula, normal(6, *side, 7), normal(4, 4, filters, 7))


def test_sum_of_squares():
    check_same(fused.sum_of_squares, lambda x: ops.sum(ops.square(x)), normal(4, 6))


@pytest.mark.parametrize("shape", [(9, 3), (4, 5, 6, 3)])
def test_batch_norm(shape):
    def formula(x, scale, offset):
        mean, variance = ops.moments(x, tuple(range(len(shape) - 1)))
        return ops.batch_normalization(x, mean, variance, -1, offset, scale, 1e-5)

    x, scale, offset = 2 * normal(*shape) + 1, normal(3), normal(3)
    check_same(lambda *args: fused.batch_norm(*args, 1e-5)[0], formula, x, scale, offset)
    _, mean, variance = fused.batch_norm(x, scale, offset, 1e-5)
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(mean, np.mean(x, axes), rtol=1e-5)
    np.testing.assert_allclose(variance, np.var(x, axes), rtol=1e-5)


def assert_let_go(function, *arguments):
    """A graph that the function was called in ends with its last user."""
    outer = tf.function(lambda *values: function(*values), autograph=False)
    graph = weakref.ref(outer.get_concrete_function(*arguments).graph)
    del outer
    gc.collect()
    assert graph() is None


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (fused.product, [normal(7, 5), normal(5, 3)]),
        (fused.dense, [normal(7, 5), normal(5, 3), normal(3)]),
        (fused.doubling_deconvolution, [normal(6, 4, 4, 7), normal(4, 4, 3, 7)]),
    ],
)
def test_its_graph_is_let_go(function, arguments):
    assert_let_go(function, *arguments)
    assert_let_go(lambda *values: value_and_gradients(function, *values), *arguments)


def test_the_graph_of_a_step_is_let_go():
    variable = keras.Variable(normal(6, 4))
    optimizer = Adam(1e-3)
    optimizer.build([variable])
    assert_let_go(lambda gradient: optimizer.apply([gradient], [variable]), normal(6, 4))


def test_adam_takes_the_steps_of_keras_adam():
    start = RNG.normal(size=(6, 4)).astype("float32")
    rate = keras.optimizers.schedules.ExponentialDecay(1e-2, 3, 0.5, staircase=True)
    variables = [keras.Variable(start), keras.Variable(start)]
    kinds = (Adam, keras.optimizers.Adam)
    ours, theirs = (kind(rate, epsilon=1e-8) for kind in kinds)
    for _ in range(8):
        gradient = normal(6, 4)
        ours.apply([gradient], variables[:1])
        theirs.apply([gradient], variables[1:])
    np.testing.assert_allclose(variables[0], variables[1], rtol=1e-5, atol=1e-6)
    for mine, keras_own in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(mine, keras_own, rtol=1e-5, atol=1e-6)


class Losses(keras.callbacks.Callback):
    """The loss after every step."""

    def on_train_begin(self, logs=None):
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(float(logs["loss"]))


def trained(optimizer, stage):
    """Losses of ten steps and the weights after them."""
    recipe = recipes.get("paper", "mnist", 100, latent_dim=4, stage2_width=16)
    model = TwoStageVAE(recipe, (8, 8, 1), seed=3).stage(stage)
    rng = np.random.default_rng(1)
    shape = (8, 8, 1) if stage == 1 else (4,)
    data = {"x": rng.uniform(size=(160, *shape)), "noise": rng.normal(size=(160, 4))}
    data = {name: values.astype("float32") for name, values in data.items()}
    model.compile(optimizer(1e-3, epsilon=1e-8), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    losses = Losses()
    decaying = getattr(model.optimizer, "decaying", contextlib.nullcontext)
    with decaying():
        model.fit(data, batch_size=16, shuffle=False, verbose=0, callbacks=[losses])
    # A bias before a batch norm has no gradient but rounding, which Adam turns into whole steps.
    kept = [v for v in model.trainable_variables if v.name != "bias"]
    return losses.values, [variable.numpy() for variable in kept]


@pytest.mark.parametrize("stage", [1, 2])
def test_training_is_that_of_plain_keras(stage, monkeypatch):
    losses, weights = trained(Adam, stage)
    monkeypatch.setattr(fused, "FUSED", False)
    expected_losses, expected_weights = trained(keras.optimizers.Adam, stage)
    assert len(losses) == 10
    rtol = 1e-5 if tf.config.list_physical_devices("GPU") else 2e-6
    np.testing.assert_allclose(losses, expected_losses, rtol=rtol)
    for actual, expected in zip(weights, expected_weights, strict=True):
        # Adam takes a gradient near zero, rounding included, to a step of full length: 1e-3.
        assert np.mean(np.abs(actual - expected)) < 3e-5
        assert np.max(np.abs(actual - expected)) < 5e-3  # of ten steps' 1e-2


def test_weight_decay_is_the_tapes_again_after_training():
    recipe = recipes.get("paper", "mnist", 100, latent_dim=4, stage2_width=16)
    model = TwoStageVAE(recipe, (8, 8, 1)).stage2
    optimizer = Adam(1e-3)
    optimizer.build(model.trainable_variables)
    kernel = next(v for v in model.trainable_variables if v.name == "kernel")
    with optimizer.decaying():
        assert kernel.regularizer.by_optimizer
    assert not kernel.regularizer.by_optimizer
