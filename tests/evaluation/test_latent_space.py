"""Numbers of the latent space against closed forms and brute force."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from tf_twostage.data.storage import Storage
from tf_twostage.evaluation import diagnostics, latent_space
from tf_twostage.evaluation.diagnostics import Draws, Latents
from tf_twostage.models.networks import Posterior

RNG = np.random.default_rng(0)


def test_kl_of_each_dimension_by_quadrature(tmp_path):
    mean, stddev = np.float32([[0.7, 0.0], [-1.2, 0.0]]), np.float32([[0.3, 1.0], [1.5, 1.0]])

    def kl(mu, sd):
        def integrand(z):
            log_ratio = stats.norm.logpdf(z, mu, sd) - stats.norm.logpdf(z)
            return stats.norm.pdf(z, mu, sd) * log_ratio

        return integrate.quad(integrand, -12, 12)[0]

    expected = [(kl(0.7, 0.3) + kl(-1.2, 1.5)) / 2, 0]
    found = latent_space.kl_per_dimension(Posterior(mean, stddev))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    in_files = [Storage(0, tmp_path).empty((2, 2), np.float32) for _ in range(2)]
    for rows, values in zip(in_files, (mean, stddev), strict=True):
        rows[:] = values
    np.testing.assert_array_equal(latent_space.kl_per_dimension(Posterior(*in_files)), found)


@pytest.mark.parametrize(
    ("lambda_", "gap"),
    [([0.02, 0.9, 0.08, 0.7], 0.62), ([0.02, 0.03], None), ([0.4, 1.0], None)],
)
def test_gap_between_the_two_groups(lambda_, gap):
    assert latent_space.lambda_gap(np.array(lambda_)) == (gap and pytest.approx(gap))


def test_spectrum_distance_of_matrices_with_known_singular_values():
    def matrix(*values):  # 4 rows, so the spectrum is half the singular values
        left, right = (
            np.linalg.qr(RNG.normal(size=(4, 2)))[0],
            np.linalg.qr(RNG.normal(size=(2, 2)))[0],
        )
        return left @ np.diag(values) @ right

    found = latent_space.spectrum_distance(*map(diagnostics.spectrum, (matrix(6, 2), matrix(4, 2))))
    assert found == pytest.approx(math.sqrt(1 / 2))


def test_numbers_tell_a_fitted_stage_2_from_a_stage_1_that_is_not_normal():
    n = 400
    clusters = RNG.choice((-0.9, 0.9), (n, 2)) + 0.2 * RNG.normal(size=(n, 2))
    draws = Draws(2 * clusters, RNG.normal(size=(n, 2)), RNG.normal(size=(n, 2)))
    stddev = np.full((n, 2), 0.2, np.float32)
    posterior = Posterior(clusters.astype(np.float32), stddev)
    latents = Latents(posterior, diagnostics.eigenvalues(stddev), draws)
    found = latent_space.measure(latents, 0)
    assert found == latent_space.measure(latents, 0)
    assert found.z.p_value == 1 / 200  # the least that 199 permutations give
    assert found.z.mmd2 > 0.02
    assert found.u.p_value > 0.05
    assert found.u.spectrum_distance < 0.1 < found.z.spectrum_distance
    assert found.spectrum_floor < 0.1
    assert (found.active_share, found.lambda_gap) == (1.0, None)
    assert (found.draws, found.mmd_draws) == (n, n)


def test_an_encoder_without_noise_has_neither_kl_nor_active_dimensions():
    zeros = np.zeros((20, 2), np.float32)
    posterior = Posterior(RNG.normal(size=(20, 2)), zeros)
    draws = Draws(posterior.mean, None, RNG.normal(size=(20, 2)))
    found = latent_space.measure(Latents(posterior, diagnostics.eigenvalues(zeros), draws), 0)
    assert found.kl is None
    assert found.active_share is None
    assert found.u is None
