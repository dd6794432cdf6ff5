import math

import numpy as np
import pytest

from tf_twostage import recipes
from tf_twostage.errors import InputError
from tf_twostage.models import latent_networks, networks
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.two_stage import TwoStageVAE


def build(network, shape, name="paper", dataset="mnist", **values):
    recipe = recipes.get(name, dataset, 1000, network=network, latent_dim=8, **values)
    return GaussianVAE(*networks.first_stage(recipe, shape), 8).build_for(shape)


def dense(inputs, outputs):
    return (inputs + 1) * outputs


def conv(size, inputs, outputs):
    return (size * size * inputs + 1) * outputs


@pytest.mark.parametrize(
    "shape",
    [(28, 28, 1), (32, 32, 3), (64, 64, 3), (12, 20, 1)],
    ids=lambda s: "x".join(map(str, s)),
)
def test_infogan_has_the_layers_of_the_paper(shape):
    height, width, channels = shape
    model = build("infogan", shape)
    flat = height * width // 16 * 128
    batch_norms = 2 * (128 + 1024) + 2 * (1024 + flat + 64)
    expected = (
        conv(4, channels, 64) + conv(4, 64, 128) + dense(flat, 1024) + dense(1024, 16)
        + dense(8, 1024) + dense(1024, flat)
        + (4 * 4 * 128 * 64 + 64) + (4 * 4 * 64 * channels + channels)
        + batch_norms + 1
    )  # fmt: skip
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == expected
    check_passes(model, shape)


def check_passes(model, shape):
    x = np.random.default_rng(0).uniform(size=(3, *shape)).astype("float32")
    output = model(x, training=True)
    assert output.x_hat.shape == x.shape
    assert output.mu_z.shape == output.sd_z.shape == (3, 8)
    assert np.min(output.sd_z) > 0
    assert 0 <= np.min(output.x_hat) <= np.max(output.x_hat) <= 1


@pytest.mark.parametrize(
    ("name", "shape"), [("paper", (28, 28, 1)), ("official_code", (32, 32, 3))]
)
def test_resnet(name, shape):
    model = build("resnet", shape, name, resnet_channels=4)
    check_passes(model, shape)
    scales, blocks = (3, 2) if name == "paper" else (4, 1)
    side, channels = math.ceil(shape[0] / 2 ** (scales - 1)), 4 * 2 ** (scales - 1)
    expected = side * side * channels if name == "paper" else channels
    hidden = model.encoder.body.layers[-1 - blocks]  # the pooling or flattening layer
    assert hidden.output.shape[-1] == expected
    kinds = [type(layer).__name__ for layer in model.encoder.body.layers]
    assert kinds.count("ResidualBlock") == blocks * scales
    assert kinds.count("DenseResidualBlock") == blocks
    kinds = [type(layer).__name__ for layer in model.decoder.body.layers]
    assert kinds.count("ResidualBlock") == blocks * 4  # from 2 x 2 to 32 x 32


def test_resnet_decoder_starts_from_the_sizes_of_figure_12():
    celeba = recipes.get("paper", "celeba", 1000, network="resnet")
    decoder = networks.first_stage(celeba, (64, 64, 3)).decoder
    assert decoder.body.layers[0].units == 4096
    mnist = recipes.get("paper", "mnist", 1000, network="resnet")
    assert networks.first_stage(mnist, (28, 28, 1)).decoder.body.layers[0].units == 2048


@pytest.mark.parametrize(("name", "first"), [("paper", 2048), ("official_code", 1024)])
def test_resnet_decoder_of_large_images_has_at_most_1024_channels_in_the_code(name, first):
    recipe = recipes.get(name, "faces", 1000, network="resnet", resnet_channels=32)
    layers = networks.first_stage(recipe, (128, 128, 3)).decoder.body.layers
    assert layers[0].units == 4 * first
    filters = [layer.filters for layer in layers if hasattr(layer, "filters")]
    assert filters == [1024, 512, 256, 128, 64, 32, 3]


@pytest.mark.slow
def test_wae():
    check_passes(build("wae", (64, 64, 3)), (64, 64, 3))


def test_stage2_skip_concatenates_the_input():
    for skip, rows in ((False, 1024), (True, 1032)):
        recipe = recipes.get("paper", "mnist", 1000, latent_dim=8, stage2_skip=skip)
        model = GaussianVAE(*latent_networks.second_stage(recipe), 8).build_for((8,))
        assert model.encoder.mean.kernel.shape == (rows, 8)
        assert model.decoder.mean.kernel.shape == (rows, 8)


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        ("infogan", (30, 30, 1), "multiples of 4, not 30 x 30 x 1"),
        ("wae", (32, 32, 3), "64 x 64 x 3 images only"),
        ("resnet", (4, 4, 1), "at least 8 x 8"),
        ("infogan", (28, 28), r"\(height, width, channels\), not \(28, 28\)"),
    ],
)
def test_sides_a_network_does_not_take(network, shape, message):
    with pytest.raises(InputError, match=message):
        build(network, shape)


@pytest.mark.parametrize("network", ["infogan", "resnet", "wae"])
def test_no_two_layers_start_with_the_same_numbers(network):
    recipe = recipes.get("quick", "mnist", 1000, network=network, resnet_channels=2)
    shape = (64, 64, 3) if network == "wae" else (8, 8, 1)
    halves = networks.first_stage(recipe, shape)
    model = GaussianVAE(*halves, recipe.latent_dim).build_for(shape)
    starts = [
        tuple(np.ravel(variable)[:3] / np.std(variable))
        for variable in model.trainable_variables
        if variable.name == "kernel"
    ]
    assert len(starts) >= 8
    assert len({tuple(np.round(start, 2)) for start in starts}) == len(starts)


def test_a_seed_fixes_the_first_weights():
    recipe = recipes.get("quick", "mnist", 1000)
    first, again, other = (
        TwoStageVAE(recipe, (8, 8, 1), seed).stage1.weights for seed in (1, 1, 2)
    )
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        if a.name == "kernel":
            assert not np.array_equal(a, c)


@pytest.mark.parametrize("network", ["resnet", "wae"])
def test_a_bounded_sd_is_finite_where_the_other_overflows(network):
    """sd = exp(10 tanh(raw / 10)): nearly exp(raw) where that is small, never above exp(10)."""
    shape, x = (64, 64, 3), np.ones((2, 64, 64, 3), "float32")
    for bounded in (False, True):
        encoder = build(network, shape, resnet_channels=2, bounded_sd=bounded).encoder
        weight, bias = encoder.log_stddev.weights
        weight.assign(0 * weight)
        for raw, expected in (
            (0.5, math.exp(10 * math.tanh(0.05) if bounded else 0.5)),
            (100, None),
        ):
            bias.assign(np.full(bias.shape, raw))
            sd = np.array(encoder(x)[1])
            if expected:
                np.testing.assert_allclose(sd, expected, rtol=1e-5)
            else:
                assert np.isfinite(sd).all() == bounded
                assert not bounded or sd.max() <= math.exp(10) * 1.001


@pytest.mark.parametrize("bounded", [False, True])
def test_the_bound_holds_in_the_second_stage_too(bounded):
    recipe = recipes.get("paper", "mnist", 1000, stage2_width=8, bounded_sd=bounded)
    encoder, _ = latent_networks.second_stage(recipe)
    sd = np.array(encoder(1e4 * np.ones((2, recipe.latent_dim), "float32")).stddev)
    assert np.isfinite(sd).all() == bounded


def test_the_bound_is_on_in_quick_alone():
    for name, network, expected in (
        ("paper", "resnet", False),
        ("official_code", "wae", False),
        ("quick", "resnet", True),
        ("quick", "infogan", True),  # of its second stage
    ):
        assert recipes.get(name, "celeba", 1000, network=network).bounded_sd is expected
