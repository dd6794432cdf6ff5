"""Hand computations, and decoders whose answer to noise is known."""

import dataclasses

import numpy as np
import pytest

from tf_twostage import recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.models.networks import Posterior
from tf_twostage.models.two_stage import TwoStageVAE


@pytest.fixture(scope="module")
def model():
    """A tiny untrained two-stage model that counts as trained."""
    recipe = recipes.get("quick", "manifold", 1000)
    recipe = dataclasses.replace(recipe, latent_dim=8, stage2_width=16)
    model = TwoStageVAE(recipe, (8, 8, 1))
    model.trained = {1, 2}
    return model


class Linear:
    """Stands for a model: mu_z = 0, and pixel i of the image is 0.5 + scale[i] * z[i]."""

    trained = frozenset({1})

    def __init__(self, scale, stddev):
        self.scale, self.stddev = np.float32(scale), np.float32(stddev)

    def encode(self, images):
        shape = (len(images), len(self.scale))
        return Posterior(np.zeros(shape, np.float32), np.broadcast_to(self.stddev, shape))

    def decode(self, z):
        return (0.5 + self.scale * z)[:, None, :, None]  # [N, 1, kappa, 1]


def test_eigenvalues_are_mean_squares():
    stddev = np.array([[1.0, 0.1, 0.5], [1.0, 0.3, 1.5]], np.float32)
    lambda_ = diagnostics.eigenvalues(stddev)
    np.testing.assert_allclose(lambda_, [1.0, (0.01 + 0.09) / 2, (0.25 + 2.25) / 2], rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (3,)])
def test_eigenvalues_need_examples_by_dimensions(shape):
    with pytest.raises(ValueError, match="stddev"):
        diagnostics.eigenvalues(np.ones(shape))


def test_active_dimensions_lie_below_the_threshold():
    assert diagnostics.active_dimensions(np.array([0.0, 0.099, 0.1, 1.0, 1.2])) == 2


def test_all_dimensions_are_chosen_by_rising_lambda_where_they_fit():
    assert diagnostics.choose_dimensions(np.array([1.0, 0.1, 0.9, 0.2])).tolist() == [1, 3, 2, 0]


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        (0, [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]),
        (3, [0, 1, 2, 3, 13, 23, 33, 43, 53, 63]),
        (50, [0, 7, 14, 21, 28, 35, 42, 49, 50, 63]),
        (63, [0, 8, 16, 23, 31, 39, 46, 54, 62, 63]),
        (64, [0, 7, 14, 21, 28, 35, 42, 49, 56, 63]),
    ],
)
def test_choice_among_many_dimensions_shows_both_kinds(active, expected):
    lambda_ = np.concatenate([np.linspace(0, 0.09, active), np.linspace(0.9, 1, 64 - active)])
    assert diagnostics.choose_dimensions(lambda_).tolist() == expected


def test_noise_moves_only_what_the_direction_carries():
    model = Linear(scale=[0.0, 0.2, 0.1], stddev=[1.0, 0.1, 0.3])
    image = np.zeros((1, 3, 1), np.uint8)
    rows = diagnostics.noise_along_directions(model, image, count=500, seed=3)
    assert [row.dimension for row in rows] == [1, 2, 0]
    np.testing.assert_allclose([row.lambda_ for row in rows], [0.01, 0.09, 1.0], rtol=1e-5)
    assert rows[2].variance == 0  # the decoder ignores it
    assert (rows[2].images == 0.5).all()
    # One pixel of three moves by scale * N(0, 1).
    np.testing.assert_allclose(rows[0].variance, 0.2**2 / 3, rtol=0.2)
    np.testing.assert_allclose(rows[1].variance, rows[0].variance / 4, rtol=1e-4)
    noise = (rows[0].images[:, 0, 1, 0] - 0.5) / 0.2
    assert (np.diff(noise) >= 0).all()
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 1], atol=0.15)


def test_given_eigenvalues_order_the_given_directions():
    model = Linear(scale=[0.1, 0.2, 0.3], stddev=[1.0, 1.0, 1.0])
    rows = diagnostics.noise_along_directions(
        model, np.zeros((1, 3, 1)), 4, lambda_=np.array([0.7, 0.1, 0.2]), dimensions=[0, 2]
    )
    assert [(row.dimension, row.lambda_) for row in rows] == [(2, 0.2), (0, 0.7)]


def test_noise_rows_of_a_real_model(model):
    image = np.full((8, 8, 1), 128, np.uint8)
    first = diagnostics.noise_along_directions(model, image, count=3, seed=1)
    again = diagnostics.noise_along_directions(model, image, count=3, seed=1)
    other = diagnostics.noise_along_directions(model, image, count=3, seed=2)
    assert len(first) == 8
    assert first[0].images.shape == (3, 8, 8, 1)
    assert first[0].variance > 0
    np.testing.assert_array_equal(first[0].images, again[0].images)
    assert np.abs(first[0].images - other[0].images).max() > 0


def spectra(*arguments):
    return diagnostics.singular_values(diagnostics.draws(*arguments))


def test_spectrum_of_a_known_matrix():
    # No posterior noise: z is the matrix of means, of orthogonal columns 3 and 1 long.
    mean = np.zeros((4, 2), np.float32)
    mean[0, 0], mean[1, 1] = 3.0, 1.0
    values = spectra(Linear([1, 1], [1, 1]), mean, np.zeros_like(mean), 4)
    np.testing.assert_allclose(values.z, [3 / 2, 1 / 2], rtol=1e-6)
    assert values.u is None
    assert values.normal.shape == (2,)


def test_spectra_of_standard_normals_lie_near_one(model):
    count = 4000
    mean, stddev = np.zeros((count, 8), np.float32), np.ones((count, 8), np.float32)
    values = spectra(model, mean, stddev, count)
    np.testing.assert_allclose(values.z, 1, atol=0.1)
    np.testing.assert_allclose(values.normal, 1, atol=0.1)
    assert np.abs(values.z - values.normal).max() > 0  # other draws


def test_u_is_drawn_from_the_second_encoder(model):
    count = 1500  # more than one batch of inference
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((count, 8)).astype(np.float32)
    encoder = model.stage2.encoder
    weights = encoder.get_weights()
    encoder.set_weights([np.zeros_like(w) for w in weights])  # mu_u = 0, log sd_u = 0
    bias = encoder.mean.bias
    bias.assign(np.full(8, 3.0))  # mu_u = 3
    try:
        values = spectra(model, mean, np.zeros_like(mean), count)
    finally:
        encoder.set_weights(weights)
    # u = 3 + N(0, 1): the second moment is 9 * ones + I, of eigenvalues 73 and 1.
    np.testing.assert_allclose(values.u[0], np.sqrt(73), rtol=0.02)
    np.testing.assert_allclose(values.u[1:], 1, atol=0.1)


def test_no_more_samples_than_images(model):
    mean = np.ones((5, 8), np.float32)
    values = spectra(model, mean, np.zeros_like(mean), 100)
    assert values.z.shape == values.u.shape == values.normal.shape == (5,)
    np.testing.assert_allclose(values.z[0], np.sqrt(8), rtol=1e-6)
