"""The built-in manifold: its dimension is what it claims and its factors are not Gaussian."""

import numpy as np
import pytest

from tf_twostage.data import manifold


@pytest.fixture(scope="module")
def factors():
    return manifold.sample_factors(2000, np.random.default_rng(5))


def test_local_dimension_is_five_everywhere(factors):
    """Each factor's direction, in units of its spread, moves the image on its own."""
    step = 1e-4
    columns = []
    for axis, spread in enumerate(factors.std(0)):
        offset = np.zeros(5)
        offset[axis] = step * spread
        difference = manifold.intensities(factors + offset) - manifold.intensities(factors - offset)
        columns.append(difference.reshape(len(factors), -1) / (2 * step))
    singular = np.linalg.svd(np.stack(columns, -1), compute_uv=False)
    assert singular.shape == (2000, manifold.TRUE_DIM)
    # Rounding to 8 bits moves an image by 16 / 255 / sqrt(12) = 0.018.
    assert singular[:, -1].min() > 5 * manifold.SIZE / 255 / np.sqrt(12)


def test_images_are_smooth_in_the_factors(factors):
    """Halving a step quarters the error of the central difference, as for smooth functions."""

    def derivative(step, axis):
        offset = step * np.eye(5)[axis]
        upper, lower = (manifold.intensities(factors[:200] + s * offset) for s in (1, -1))
        return (upper - lower) / (2 * step)

    for axis in range(5):
        exact = derivative(1e-5, axis)
        errors = [np.abs(derivative(step, axis) - exact).max() for step in (2e-2, 1e-2)]
        assert errors[1] < errors[0] / 3.5 or errors[0] < 1e-8


def test_factors_lie_on_a_ring_and_in_clusters(factors):
    x, y, minor, angle, brightness = factors.T
    distance = np.hypot(x, y)
    assert manifold.RING[0] < distance.min() < distance.max() < manifold.RING[2]
    for values, centres in ((minor, (1.1, 1.8)), (angle, np.deg2rad((-45, 0, 45)))):
        nearest = np.abs(values[:, None] - np.array(centres)).argmin(1)
        shares = np.bincount(nearest) / len(values)
        np.testing.assert_allclose(shares, 1 / len(centres), atol=0.05)
        within = (values - np.array(centres)[nearest]).std()
        assert within < 0.35 * np.diff(centres).min() / 2  # gaps between the clusters
    assert np.abs(angle).max() < np.deg2rad(60)
    assert 0.5 <= brightness.min() < 0.51
    assert 0.99 < brightness.max() <= 1.0


def test_no_factor_is_gaussian(factors):
    """A Gaussian's kurtosis is 3; with 2,000 draws its standard error is 0.11."""
    standard = (factors - factors.mean(0)) / factors.std(0)
    assert (np.mean(standard**4, axis=0) < 2.0).all()


def test_render_follows_the_documented_formula():
    x, y, b, angle, brightness = row = (2.5, -3.0, 1.5, 0.7, 0.8)
    image = manifold.intensities(np.array([row]))[0, :, :, 0]
    for i, j in ((0, 0), (4, 10), (5, 9), (3, 11), (15, 3)):
        right, down = j - 7.5 - x, i - 7.5 - y
        u = right * np.cos(angle) + down * np.sin(angle)
        v = -right * np.sin(angle) + down * np.cos(angle)
        rho2 = (u / (2 * b)) ** 2 + (v / b) ** 2
        expected = brightness / (1 + np.exp(-(1 - rho2) * np.sqrt(2 * b * b) / 0.6))
        assert image[i, j] == pytest.approx(expected, abs=1e-12)


def test_render_rounds_and_splits_into_chunks(factors):
    images = manifold.render(factors[:1203])
    assert images.dtype == np.uint8
    assert images.shape == (1203, manifold.SIZE, manifold.SIZE, 1)
    exact = 255 * manifold.intensities(factors[:1203])
    assert np.abs(images - exact).max() <= 0.5 + 1e-9


def test_ellipses_stay_inside_the_image_but_for_the_tips_of_a_few(factors):
    images = manifold.intensities(factors)
    rows, columns = images[:, [0, -1]], images[:, :, [0, -1]]
    border = np.maximum(rows.max(axis=(1, 2, 3)), columns.max(axis=(1, 2, 3)))
    assert np.mean(border > 0.15) < 0.01
    assert images.max() > 0.9


def test_images_are_the_same_every_time():
    first, second = manifold.images(40, 10), manifold.images(40, 10)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert first[0].shape == (40, 16, 16, 1)
    assert first[1].shape == (10, 16, 16, 1)
    assert len(np.unique(np.concatenate(first).reshape(50, -1), axis=0)) == 50
