import numpy as np
import pytest
import scipy.linalg

import fid

RNG = np.random.default_rng(1)


def gaussian_features(n, d, scale=1.0):
    basis = np.linalg.qr(RNG.normal(size=(d, d)))[0]
    spread = np.exp(-6 * np.arange(d) / d)  # as uneven as the network's
    return scale * (RNG.normal(size=(n, d)) * spread) @ basis + RNG.uniform(0, 0.5, d)


def moments(features):
    return features.mean(axis=0), np.cov(features, rowvar=False)


def with_sqrtm(mu1, sigma1, mu2, sigma2):
    root = scipy.linalg.sqrtm(sigma1 @ sigma2).real
    return np.sum((mu1 - mu2) ** 2) + np.trace(sigma1 + sigma2 - 2 * root)


def test_closed_form_of_diagonal_covariances():
    mu1, mu2 = RNG.normal(size=(2, 12))
    a, b = RNG.uniform(0, 3, (2, 12))
    expected = np.sum((mu1 - mu2) ** 2) + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)
    distance = fid.frechet_distance(mu1, np.diag(a), mu2, np.diag(b))
    assert distance == pytest.approx(expected, rel=1e-12)


def test_closed_form_in_one_dimension():
    assert fid.frechet_distance([1.0], [[4.0]], [3.0], [[9.0]]) == pytest.approx(4 + 1)


def test_closed_form_of_a_scaled_covariance():
    mu, sigma = moments(gaussian_features(500, 40))
    expected = (np.sqrt(2.5) - 1) ** 2 * np.trace(sigma)
    assert fid.frechet_distance(mu, sigma, mu, 2.5 * sigma) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(2000, 128), (300, 128)])
def test_full_rank_equals_sqrtm(n, d):
    sides = *moments(gaussian_features(n, d)), *moments(gaussian_features(n, d, 1.2))
    assert fid.frechet_distance(*sides) == pytest.approx(with_sqrtm(*sides), rel=1e-9)


@pytest.mark.parametrize("n", [20, 60, 129])
def test_rank_deficient_equals_sqrtm_and_the_singular_values(n):
    d = 128
    first, second = gaussian_features(n, d), gaussian_features(n, d, 1.2)
    sides = *moments(first), *moments(second)
    distance = fid.frechet_distance(*sides)
    assert distance == pytest.approx(with_sqrtm(*sides), rel=1e-3)
    # tr (Σ₁ Σ₂)^½ is also the sum of the singular values of the product of the centred features.
    product = (first - sides[0]) @ (second - sides[2]).T / (n - 1)
    nuclear = np.linalg.svd(product, compute_uv=False).sum()
    exact = np.sum((sides[0] - sides[2]) ** 2) + np.trace(sides[1] + sides[3]) - 2 * nuclear
    assert distance == pytest.approx(exact, rel=1e-6)


def test_one_side_singular_either_way_round():
    mu1, sigma1 = moments(gaussian_features(500, 40))
    mu2, sigma2 = moments(gaussian_features(8, 40))
    forward = fid.frechet_distance(mu1, sigma1, mu2, sigma2)
    assert fid.frechet_distance(mu2, sigma2, mu1, sigma1) == pytest.approx(forward, rel=1e-6)


def test_symmetric_and_invariant_to_permutation_and_rotation():
    mu1, sigma1 = moments(gaussian_features(500, 40))
    mu2, sigma2 = moments(gaussian_features(500, 40, 1.3))
    distance = fid.frechet_distance(mu1, sigma1, mu2, sigma2)
    assert fid.frechet_distance(mu2, sigma2, mu1, sigma1) == pytest.approx(distance, rel=1e-10)
    for turn in (np.eye(40)[RNG.permutation(40)], np.linalg.qr(RNG.normal(size=(40, 40)))[0]):
        turned = (turn @ mu1, turn @ sigma1 @ turn.T, turn @ mu2, turn @ sigma2 @ turn.T)
        assert fid.frechet_distance(*turned) == pytest.approx(distance, rel=1e-10)


def test_grows_with_the_square_of_the_scale():
    mu1, sigma1 = moments(gaussian_features(500, 40))
    mu2, sigma2 = moments(gaussian_features(500, 40, 1.3))
    distance = fid.frechet_distance(mu1, sigma1, mu2, sigma2)
    for scale in (1e-4, 1e4):
        squared = scale**2
        scaled = (scale * mu1, squared * sigma1, scale * mu2, squared * sigma2)
        assert fid.frechet_distance(*scaled) == pytest.approx(squared * distance, rel=1e-9)


@pytest.mark.parametrize("n", [10, 200])
def test_same_statistics_are_at_distance_zero(n):
    mu, sigma = moments(gaussian_features(n, 40))
    distance = fid.frechet_distance(mu, sigma, mu, sigma)
    assert 0 <= distance < 1e-6 * np.trace(sigma)


def test_zero_covariances_leave_the_means():
    zero = np.zeros((3, 3))
    assert fid.frechet_distance([1, 2, 3], zero, [1, 2, 5], zero) == 4
    assert fid.frechet_distance(np.zeros(3), zero, np.zeros(3), np.eye(3)) == pytest.approx(3)


def test_slightly_indefinite_covariances_stay_real():
    mu, sigma = moments(gaussian_features(10, 40))
    noise = RNG.normal(size=sigma.shape) * 1e-15
    distance = fid.frechet_distance(mu, sigma - (noise + noise.T), mu, sigma)
    assert np.isfinite(distance)
    assert 0 <= distance < 1e-5


@pytest.mark.parametrize(
    "sides",
    [
        (np.zeros(3), np.eye(3), np.zeros(4), np.eye(4)),
        (np.zeros(3), np.eye(2), np.zeros(3), np.eye(3)),
        (np.zeros(3), np.eye(3), np.array([0, 0, np.nan]), np.eye(3)),
        (np.zeros(3), np.eye(3), np.zeros(3), np.full((3, 3), np.inf)),
    ],
)
def test_what_cannot_be_compared_is_named(sides):
    with pytest.raises(fid.Error, match=r"shapes|infinite or NaN"):
        fid.frechet_distance(*sides)
