import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_twostage import network_values
from tf_twostage.models.layers import SpectralConv2D, SpectralDense, ZeroDebiasedBatchNormalization

RNG = np.random.default_rng(0)


def dense(rows=12, columns=7):
    layer = SpectralDense(columns)
    layer.build((None, rows))
    layer.kernel.assign(RNG.normal(size=(rows, columns)))
    return layer


def test_spectral_dense_divides_by_the_largest_singular_value():
    layer = dense()
    x = RNG.normal(size=(3, 12)).astype("float32")
    for _ in range(300):  # power iteration to convergence
        layer(x, training=True)
    sigma = np.linalg.svd(layer.kernel.numpy(), compute_uv=False)[0]
    np.testing.assert_allclose(layer(x), x @ layer.kernel.numpy() / sigma, rtol=1e-4, atol=1e-5)


def test_spectral_conv_divides_by_the_largest_singular_value_of_the_flat_kernel():
    layer = SpectralConv2D(5, 3, strides=2, padding="same")
    x = RNG.normal(size=(2, 8, 8, 3)).astype("float32")
    for _ in range(300):
        y = layer(x, training=True)
    kernel = layer.kernel.numpy()
    sigma = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
    np.testing.assert_allclose(y, tf.nn.conv2d(x, kernel / sigma, 2, "SAME"), rtol=1e-4, atol=1e-5)


def test_one_power_iteration_by_hand():
    layer = dense()
    w, u = layer.kernel.numpy(), layer.u.numpy()
    v = w.T @ u / np.linalg.norm(w.T @ u)
    u = w @ v / np.linalg.norm(w @ v)
    x = RNG.normal(size=(3, 12)).astype("float32")
    y = layer(x, training=True)
    np.testing.assert_allclose(y, x @ w / (u.T @ w @ v), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.u, u, rtol=1e-5, atol=1e-6)


def test_inference_gives_the_same_answer_twice():
    layer = dense()
    u = layer.u.numpy()
    x = np.ones((1, 12), "float32")
    np.testing.assert_array_equal(layer(x), layer(x))
    np.testing.assert_array_equal(layer.u, u)


def test_gradient_flows_through_sigma():
    """Against finite differences with u and v held fixed, as the authors' stop_gradient does."""
    layer = dense(5, 4)
    x = RNG.normal(size=(3, 5))
    weight = RNG.normal(size=(3, 4))
    w, u0 = layer.kernel.numpy().astype("float64"), layer.u.numpy().astype("float64")
    v = w.T @ u0 / np.linalg.norm(w.T @ u0)
    u = w @ v / np.linalg.norm(w @ v)

    def value(kernel):
        return np.sum(weight * (x @ kernel / (u.T @ kernel @ v)))

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(weight.astype("float32") * layer(x.astype("float32"), training=True))
    gradient = tape.gradient(loss, layer.kernel.value)
    expected = np.zeros_like(w)
    for index in np.ndindex(*w.shape):
        step = np.zeros_like(w)
        step[index] = 1e-6
        expected[index] = (value(w + step) - value(w - step)) / 2e-6
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)
    # Without the gradient through sigma the component along W would not vanish.
    assert abs(np.sum(gradient * w)) < 1e-3 * np.linalg.norm(gradient) * np.linalg.norm(w)


def test_spectral_layers_save_their_u(tmp_path):
    def model():
        return keras.Sequential([keras.Input((6,)), SpectralDense(3)])

    first, second = model(), model()
    first(np.ones((1, 6), "float32"), training=True)
    first.save_weights(tmp_path / "a.weights.h5")
    second.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(first.layers[0].u, second.layers[0].u)


def test_batch_norm_first_step_replaces_the_initial_statistics():
    layer = ZeroDebiasedBatchNormalization()
    x = RNG.normal(3.0, 2.0, size=(50, 4)).astype("float32")
    layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, x.var(0), rtol=1e-4)  # biased variance


def test_batch_norm_zero_debiasing_matches_its_closed_form():
    decay = 0.9
    layer = ZeroDebiasedBatchNormalization(decay=decay)
    batches = RNG.normal(size=(20, 30, 3)).astype("float32")
    for batch in batches:
        layer(batch, training=True)
    weights = (1 - decay) * decay ** np.arange(19, -1, -1) / (1 - decay**20)
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        layer.moving_mean, weights @ batches.mean(axis=1), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(layer.moving_variance, weights @ batches.var(axis=1), rtol=1e-4)


def test_batch_norm_normalises_with_batch_then_with_moving_statistics():
    layer = ZeroDebiasedBatchNormalization()
    x = RNG.normal(1.0, 3.0, size=(8, 5, 5, 2)).astype("float32")
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    expected = (x - mean) / np.sqrt(variance + network_values.BATCH_NORM_EPSILON)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer(x[:1]), expected[:1], rtol=1e-4, atol=1e-4)


def test_batch_norm_before_any_step_uses_mean_0_and_variance_1():
    x = RNG.normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(ZeroDebiasedBatchNormalization()(x), x, rtol=1e-4)
