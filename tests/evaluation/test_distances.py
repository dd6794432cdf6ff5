import numpy as np
import pytest

from tf_twostage.evaluation.distances import sliced_wasserstein

RNG = np.random.default_rng(0)


def test_equal_sets_have_distance_0_whatever_their_order():
    images = RNG.uniform(size=(50, 4, 4, 1))
    assert sliced_wasserstein(images, images[::-1]) == pytest.approx(0, abs=1e-6)


def test_a_shift_projects_to_its_length_over_root_d():
    """A shift by s moves the projection on a unit theta by <theta, s>: |s|^2 / d in the mean."""
    images = RNG.normal(size=(200, 6))
    shift = np.array([3.0, 0, 0, 0, 0, 4.0])
    distance = sliced_wasserstein(images, images + shift, projections=20_000)
    assert distance == pytest.approx(5 / np.sqrt(6), rel=0.02)


def test_gaussians_of_two_widths():
    """In one dimension W2 of N(0, a^2) and N(0, b^2) is |a - b|."""
    first, second = RNG.normal(size=(2, 50_000, 1)) * np.array([1.0, 1.5])[:, None, None]
    assert sliced_wasserstein(first, second) == pytest.approx(0.5, rel=0.03)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="one shape"):
        sliced_wasserstein(np.zeros((3, 2)), np.zeros((4, 2)))
