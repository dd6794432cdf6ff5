"""The closed forms against a Gaussian's log density and the posterior of a linear model."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tf_twostage.evaluation.theory import ppca

D, KAPPA, GAMMA = 5, 3, 0.2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4000, D)) * [3.0, 1.5, 0.3, 0.2, 0.1] + RNG.normal(size=D)
COVARIANCE = np.cov(X.T, bias=True)


def cost_of(weights, gamma):
    """-E log N(x; mean, W W^T + gamma I), by the density itself."""
    model = weights @ weights.T + gamma * np.eye(D)
    return -multivariate_normal(X.mean(axis=0), model).logpdf(X).mean()


def best_weights(gamma):
    """U (S - gamma)^(1/2), the optimum of Tipping and Bishop."""
    values, vectors = np.linalg.eigh(COVARIANCE)
    lengths = np.sqrt(np.maximum(values[::-1][:KAPPA] - gamma, 0))
    return vectors[:, ::-1][:, :KAPPA] * lengths


def test_spectrum_is_that_of_the_covariance():
    np.testing.assert_allclose(ppca.spectrum(X), np.linalg.eigvalsh(COVARIANCE)[::-1])


def test_spectrum_of_a_plane_ends_in_zeros():
    plane = np.outer(RNG.normal(size=50), [1.0, 2.0, 3.0])
    spectrum = ppca.spectrum(plane)
    assert (spectrum >= 0).all()
    assert spectrum[1:].max() < 1e-12


@pytest.mark.parametrize("gamma", [GAMMA, 0.01])  # two and three active dimensions
def test_cost_is_that_of_the_best_weights_and_no_others_have_less(gamma):
    cost = ppca.cost(ppca.spectrum(X), KAPPA, gamma)
    weights = best_weights(gamma)
    assert cost == pytest.approx(cost_of(weights, gamma), rel=1e-9)
    others = [weights + 0.1 * RNG.normal(size=weights.shape) for _ in range(20)]
    assert min(cost_of(other, gamma) for other in others) > cost


def test_encoder_variances_are_those_of_the_posterior():
    weights = best_weights(GAMMA)
    posterior = np.linalg.inv(np.eye(KAPPA) + weights.T @ weights / GAMMA)
    variances = ppca.encoder_variances(ppca.spectrum(X), KAPPA, GAMMA)
    np.testing.assert_allclose(variances, np.diag(posterior), rtol=1e-9)
    assert variances[-1] == 1  # 0.3^2 < gamma: superfluous


def test_best_gamma_has_the_least_cost():
    spectrum = ppca.spectrum(X)
    best = ppca.best_gamma(spectrum, KAPPA)
    costs = [ppca.cost(spectrum, KAPPA, factor * best) for factor in (0.98, 1, 1.02)]
    assert costs[1] < min(costs[0], costs[2])
