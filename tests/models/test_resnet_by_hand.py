"""Figure 12's ResNet and the WAE network against what is written here again, in NumPy."""

import itertools
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate

from tf_twostage import recipes
from tf_twostage.models import networks
from tf_twostage.models.gaussian_vae import GaussianVAE

KAPPA = 5


def build(network, shape, **values):
    recipe = recipes.get("paper", "mnist", 1000, network=network, latent_dim=KAPPA, **values)
    return GaussianVAE(*networks.first_stage(recipe, shape), KAPPA).build_for(shape)


def kernels(model):
    """How many kernels of each shape a model has."""
    return Counter(tuple(w.shape) for w in model.trainable_variables if len(w.shape) > 1)


def block(inputs, filters, blocks):
    """The kernels of a scale block: three convolutions of 3 x 3 in each residual block."""
    found = []
    for _ in range(blocks):
        found += [(3, 3, inputs, filters), (3, 3, filters, filters), (3, 3, inputs, filters)]
        inputs = filters
    return found


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize(
    ("shape", "scales"),
    [
        ((28, 28, 1), 3),
        pytest.param((32, 32, 3), 3, marks=pytest.mark.slow),
        pytest.param((64, 64, 3), 4, marks=pytest.mark.slow),
        pytest.param((128, 128, 1), 4, marks=pytest.mark.slow),
    ],
)
def test_kernels_of_figure_12_one_by_one(shape, scales, blocks):
    side, _, channels = shape
    first = 2  # the paper has 32
    model = build(
        "resnet", shape, resnet_channels=first, resnet_scales=scales, resnet_blocks=blocks
    )
    filters = [first * 2**scale for scale in range(scales)]
    encoder = [(3, 3, channels, first)]
    for inputs, outputs in zip([None, *filters], filters, strict=False):
        encoder += [(3, 3, inputs, outputs)] if inputs else []  # halves the sides
        encoder += block(outputs, outputs, blocks)
    last = -(-side // 2 ** (scales - 1))
    encoder += [(last * last * filters[-1], 512), (512, 512), (last * last * filters[-1], 512)]
    encoder += [(512, 512)] * 3 * (blocks - 1) + [(512, KAPPA)] * 2
    assert kernels(model.encoder) == Counter(encoder)
    doublings = {28: 4, 32: 4, 64: 5, 128: 6}[side]  # from 2 x 2
    widths = [first * 2**power for power in range(doublings, -1, -1)]
    decoder = [(KAPPA, 4 * widths[0])]
    up = [(3, 3, outputs, inputs) for inputs, outputs in itertools.pairwise(widths)]
    for width in widths[1:]:
        decoder += block(width, width, blocks)
    decoder.append((3, 3, first, channels))
    assert kernels(model.decoder) == Counter(decoder + up)
    biases = sum(shape[-1] for shape in encoder + decoder) + sum(shape[2] for shape in up)
    norms = 2 * sum(norm_channels(filters, blocks) + norm_channels(widths[1:], blocks))
    vectors = [w for w in model.trainable_variables if len(w.shape) == 1]
    assert sum(w.shape[0] for w in vectors) == biases + norms


def norm_channels(filters, blocks):
    """Channels of every batch norm: two in a residual block, whose input has as many here."""
    return [count for count in filters for _ in range(2 * blocks)]


@pytest.mark.slow
def test_kernels_of_the_wae_network():
    model = build("wae", (64, 64, 3))
    encoder = [(5, 5, 3, 128), (5, 5, 128, 256), (5, 5, 256, 512), (5, 5, 512, 1024)]
    encoder += [(8 * 8 * 1024, KAPPA)] * 2
    decoder = [(KAPPA, 8 * 8 * 1024), (5, 5, 512, 1024), (5, 5, 256, 512), (5, 5, 128, 256)]
    assert kernels(model.encoder) == Counter(encoder)
    assert kernels(model.decoder) == Counter([*decoder, (5, 5, 3, 128)])


def conv(x, layer, stride=1):
    """SAME padding, 3 x 3. With stride 2 and even sides TensorFlow pads at the far end alone."""
    kernel, bias = (w.numpy().astype(float) for w in (layer.kernel, layer.bias))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = np.stack(
        [
            np.stack([correlate(row, kernel[..., k], "valid")[..., 0] for row in padded])
            for k in range(kernel.shape[-1])
        ],
        axis=-1,
    )
    return (y[:, 1::2, 1::2] if stride == 2 else y) + bias


def doubled(x, layer):
    """The transposed convolution of 3 x 3 and stride 2: patches added, the last row cut off."""
    kernel, bias = (w.numpy().astype(float) for w in (layer.kernel, layer.bias))
    n, h, w, _ = x.shape
    y = np.zeros((n, 2 * h + 1, 2 * w + 1, kernel.shape[2]))
    for i in range(h):
        for j in range(w):
            patch = np.einsum("nc,abkc->nabk", x[:, i, j], kernel)
            y[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += patch
    return y[:, :-1, :-1] + bias


def norm(x, layer):
    gamma, beta, mean, variance = (np.asarray(w, float) for w in norm_weights(layer))
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def norm_weights(layer):
    return layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance


def residual(x, layer):
    y = x
    for norm_layer, conv_layer in zip(layer.norms, layer.convs, strict=True):
        y = conv(np.maximum(norm(y, norm_layer), 0), conv_layer)
    return y + conv(x, layer.shortcut)


def dense(x, layer):
    return x @ np.asarray(layer.kernel, float) + np.asarray(layer.bias, float)


def dense_residual(x, layer):
    y = x
    for inner in layer.layers:
        y = dense(np.maximum(y, 0), inner)
    return y + dense(x, layer.shortcut)


def encoded(x, encoder, blocks, scales):
    first, *layers = encoder.body.layers
    x = conv(x, first)
    for scale in range(scales):
        if scale:
            x = conv(x, layers.pop(0), stride=2)
        for _ in range(blocks):
            x = residual(x, layers.pop(0))
    layers.pop(0)  # flattens
    x = x.reshape(len(x), -1)
    for _ in range(blocks):
        x = dense_residual(x, layers.pop(0))
    assert not layers
    return dense(x, encoder.mean), np.exp(dense(x, encoder.log_stddev))


def decoded(z, decoder, blocks, shape):
    first, _, *layers = decoder.body.layers
    x = dense(z, first).reshape(len(z), 2, 2, -1)
    while len(layers) > 2:
        x = doubled(x, layers.pop(0))
        for _ in range(blocks):
            x = residual(x, layers.pop(0))
    x = conv(x, layers.pop(0))
    top, left = ((x.shape[k] - shape[k - 1]) // 2 for k in (1, 2))
    x = x[:, top : top + shape[0], left : left + shape[1]]
    return 1 / (1 + np.exp(-x))


BLOCKS = pytest.mark.parametrize("blocks", [1, pytest.param(2, marks=pytest.mark.slow)])
SHAPE = (12, 12, 2)


def small(blocks):
    """A ResNet of two scales with random norms and biases."""
    keras.utils.set_random_seed(blocks)
    model = build("resnet", SHAPE, resnet_channels=2, resnet_scales=2, resnet_blocks=blocks)
    rng = np.random.default_rng(blocks)
    for weight in model.weights:
        if weight.name in ("moving_variance", "gamma"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif "moving" in weight.name or len(weight.shape) == 1:
            weight.assign(rng.normal(0, 0.2, weight.shape))
    return model


@pytest.fixture
def in_float64():
    """So little rounding that the steps of differences can be tiny."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(policy)


@BLOCKS
def test_a_forward_pass_by_hand(blocks):
    model, shape = small(blocks), SHAPE
    rng = np.random.default_rng(9)
    x, z = rng.uniform(size=(2, *shape)), rng.normal(size=(2, KAPPA))
    mean, stddev = encoded(x, model.encoder, blocks, scales=2)
    found = model.encoder(x.astype("float32"))
    np.testing.assert_allclose(found.mean, mean, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.stddev, stddev, rtol=1e-3, atol=1e-4)
    images = decoded(z, model.decoder, blocks, shape)
    np.testing.assert_allclose(model.decoder(z.astype("float32")), images, rtol=1e-3, atol=1e-4)


@BLOCKS
def test_gradients_by_finite_differences(blocks, in_float64):
    """Along the gradient of each weight, in training mode."""
    model = small(blocks)
    rng = np.random.default_rng(3)
    x = tf.constant(rng.uniform(size=(4, *SHAPE)))
    noise = tf.constant(rng.normal(size=(4, KAPPA)))

    @tf.function
    def loss():
        output = model({"x": x, "noise": noise}, training=True)
        return tf.reduce_mean(tf.add_n(list(model.loss_terms(x, output))))

    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, [w.value for w in model.trainable_variables])
    norms = [float(np.linalg.norm(gradient)) for gradient in gradients]
    for weight, gradient, slope in zip(model.trainable_variables, gradients, norms, strict=True):
        start, direction = weight.numpy(), np.asarray(gradient) / max(slope, 1e-30)
        step, sides = 1e-8, []  # no ReLU so near to 0 that it changes its side
        for sign in (1, -1):
            weight.assign(start + sign * step * direction)
            sides.append(float(loss()))
        weight.assign(start)
        rounding = 1e-6 * max(norms)
        found = (sides[0] - sides[1]) / (2 * step)
        assert found == pytest.approx(slope, rel=1e-3, abs=rounding), weight.path
