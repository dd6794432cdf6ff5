import numpy as np
import pytest

from tf_twostage.evaluation.theory import manifolds
from tf_twostage.evaluation.theory.manifolds import Manifold

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("curved", [False, True])
def test_the_map_has_rank_r_everywhere(curved):
    manifold = Manifold(3, 12, curved, seed=1)
    t, step = RNG.normal(size=(20, 3)), 1e-6
    moved = [(manifold.embed(t + step * e) - manifold.embed(t)) / step for e in np.eye(3)]
    values = np.linalg.svd(np.stack(moved, axis=2), compute_uv=False)  # of Jacobians [20, 12, 3]
    assert values.min() > 0.99  # A^T x = S t, and the least of S is 1


def test_a_linear_manifold_is_flat_and_a_curved_one_is_not():
    flat, curved = (Manifold(2, 12, kind, seed=1).points(500, RNG) for kind in (False, True))
    assert flat.dtype == np.float32
    assert np.linalg.matrix_rank(flat, tol=1e-3) == 2
    assert np.linalg.matrix_rank(curved - curved.mean(axis=0), tol=1) > 2


def test_scales_are_the_standard_deviations_along_a_linear_manifold():
    points = Manifold(2, 12, False, seed=1).points(100_000, RNG)
    variances = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[-2:]
    np.testing.assert_allclose(variances, np.square(manifolds.SCALES[::-1]), rtol=0.02)


def test_a_seed_fixes_the_map_and_another_changes_it():
    t = np.ones((1, 2))
    first, again, other = (Manifold(2, 12, True, seed).embed(t) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_the_mixtures_density_integrates_to_1_and_has_the_moments_of_its_points():
    side, step = np.linspace(-6, 6, 301, retstep=True)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    mass = np.exp(manifolds.mixture_log_density(grid)) * step**2
    assert mass.sum() == pytest.approx(1, abs=1e-6)
    points = manifolds.mixture_points(100_000, RNG)
    np.testing.assert_allclose(mass @ grid, points.mean(axis=0), atol=0.02)
    np.testing.assert_allclose((mass[:, None] * grid).T @ grid, points.T @ points / 1e5, atol=0.03)
