"""A linear VAE whose density is known: networks, cost, likelihood, effect of noise."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tf_twostage.evaluation.theory import likelihood, measures, networks

D, KAPPA, GAMMA = 4, 2, 0.3
RNG = np.random.default_rng(0)
WEIGHTS = np.array([[1.0, 0, 1, 0], [0, 0.5, 0, 0.5]])  # z to x, orthogonal rows: [KAPPA, D]
OFFSET = np.array([0.1, -0.2, 0.3, 0.0])
POSTERIOR = np.linalg.inv(np.eye(KAPPA) + WEIGHTS @ WEIGHTS.T / GAMMA)  # diagonal
DENSITY = multivariate_normal(OFFSET, WEIGHTS.T @ WEIGHTS + GAMMA * np.eye(D))
X = DENSITY.rvs(400, random_state=1).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """p(z|x) = N((x - b) W^T P / gamma, P) is its encoder."""
    vae = networks.vae(D, KAPPA, 8, 0, seed=0, log_sd_x=np.log(GAMMA) / 2)
    kernel = WEIGHTS.T @ POSTERIOR / GAMMA
    vae.encoder.mean.set_weights([kernel, -OFFSET @ kernel])
    vae.encoder.log_stddev.set_weights([np.zeros((D, KAPPA)), np.log(np.diag(POSTERIOR)) / 2])
    vae.decoder.mean.set_weights([WEIGHTS, OFFSET])
    return vae


@pytest.fixture
def wide(model):
    """The same with an encoder 1.5 times too wide."""
    kernel, bias = model.encoder.log_stddev.get_weights()
    model.encoder.log_stddev.set_weights([kernel, bias + np.log(1.5)])
    yield model
    model.encoder.log_stddev.set_weights([kernel, bias])


def test_one_draw_from_the_posterior_gives_the_likelihood(model):
    found = likelihood.log_likelihood(model, X, 1, RNG)
    np.testing.assert_allclose(found, DENSITY.logpdf(X), atol=1e-4)


def test_many_draws_from_a_wider_encoder_do_as_well(wide):
    found = likelihood.log_likelihood(wide, X, 1000, RNG)
    np.testing.assert_allclose(found, DENSITY.logpdf(X), atol=0.2)
    assert np.mean(found) == pytest.approx(DENSITY.logpdf(X).mean(), abs=0.01)


def test_cost_is_tight_at_the_posterior(model):
    cost = measures.cost(model, X, RNG, draws=100)
    assert cost == pytest.approx(-DENSITY.logpdf(X).mean(), abs=0.02)


def test_cost_of_a_wider_encoder_has_its_kl_divergence_more(wide):
    cost = measures.cost(wide, X, RNG, draws=100)
    kl = KAPPA * (1.5**2 - 1 - 2 * np.log(1.5)) / 2
    assert cost == pytest.approx(kl - DENSITY.logpdf(X).mean(), abs=0.02)


def test_noise_moves_x_hat_by_the_weights_of_its_dimensions(model):
    effect = measures.effect_of_noise(model, np.repeat(X, 20, axis=0), np.array([True, False]), RNG)
    squares = np.square(WEIGHTS).sum(axis=1) / D
    np.testing.assert_allclose(effect, squares, rtol=0.05)


def test_passes_in_chunks_are_one_pass(model, monkeypatch):
    noise = measures.normal((len(X), KAPPA), RNG)
    whole = measures.outputs(model, X, noise)
    monkeypatch.setattr(measures, "CHUNK", 150)
    for parts, together in zip(measures.outputs(model, X, noise), whole, strict=True):
        np.testing.assert_allclose(parts, together, atol=1e-6)
    np.testing.assert_allclose(measures.decode(model, whole.z), whole.x_hat, atol=1e-6)


def test_hidden_layers_keep_the_input_beside_them():
    hidden = networks.Hidden(8, 2)(X)
    assert hidden.shape == (len(X), D + 8)
    np.testing.assert_array_equal(hidden[:, :D], X)


def test_weights_depend_on_the_seed_alone():
    first, again, other = (networks.vae(D, KAPPA, 8, 1, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_an_autoencoder_has_no_noise():
    posterior = measures.encode(networks.autoencoder(D, KAPPA, 8, 1, seed=0), X)
    assert (posterior.stddev == 0).all()
    assert posterior.mean.std() > 0
