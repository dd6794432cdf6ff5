"""What an FID has to be, whatever the features are."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fid

FEW = settings(max_examples=25, derandomize=True, database=None, deadline=None)
SCALES = st.sampled_from([1e-30, 1e-3, 1.0, 1e3, 1e30, 1e150])
SEEDS = st.integers(0, 2**32 - 1)
DIMS = 5


def features(seed, count, rank=DIMS, scale=1.0):
    """float64 [count, DIMS] around a mean of their own, in `rank` directions."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(count, rank)) @ rng.normal(size=(rank, DIMS))
    return scale * (spread + rng.normal(size=DIMS))


def statistics(values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer images than dims
        return fid.Statistics.from_features(values)


def distance(first, second):
    return float(fid.compare(first, second, DIMS))


PAIRS = st.tuples(SEEDS, SEEDS, st.integers(2, 40), st.integers(1, DIMS), SCALES)


@FEW
@given(PAIRS)
def test_never_negative_and_symmetric(pair):
    one, two, count, rank, scale = pair
    first = statistics(features(one, count, rank, scale))
    second = statistics(features(two, 20, DIMS, scale))
    there, back = distance(first, second), distance(second, first)
    tolerance = 1e-6 * (np.trace(first.sigma) + np.trace(second.sigma))  # roots of rounding
    assert 0 <= there == pytest.approx(back, abs=tolerance)


@FEW
@given(PAIRS)
def test_zero_for_equal_and_nearly_zero_for_nearly_equal(pair):
    seed, _, count, rank, scale = pair
    values = features(seed, count, rank, scale)
    first, close = statistics(values), statistics(values * (1 + 1e-12))
    bound = 1e-6 * (np.trace(first.sigma) + np.sum(first.mu**2))
    assert 0 <= distance(first, first) <= bound
    assert 0 <= distance(first, close) <= bound


@FEW
@given(PAIRS, st.permutations(range(12)), st.integers(1, 7))
def test_order_and_batch_size_do_not_count(pair, order, size):
    one, two, _, rank, scale = pair
    values, other = features(one, 12, rank, scale), statistics(features(two, 12, DIMS, scale))
    shuffled = values[list(order)]
    pieces = [shuffled[start : start + size] for start in range(0, 12, size)]
    expected = distance(statistics(values), other)
    found = distance(statistics(iter(pieces)), other)
    assert found == pytest.approx(expected, abs=1e-6 * (np.trace(other.sigma) + expected))


@FEW
@given(SEEDS, SCALES)
def test_a_step_of_the_mean_counts_squared(seed, scale):
    first = statistics(features(seed, 30, DIMS, scale))
    step = scale * np.random.default_rng(seed + 1).normal(size=DIMS)
    moved = fid.Statistics(first.mu + step, first.sigma)
    assert distance(first, moved) == pytest.approx(np.sum(step**2), rel=1e-6)


@FEW
@given(PAIRS, st.sampled_from([2.0**-400, 0.5, 8.0, 2.0**80]))
def test_grows_with_the_square_of_the_features(pair, factor):
    one, two, count, _, _ = pair
    first, second = features(one, count), features(two, count)
    expected = factor**2 * distance(statistics(first), statistics(second))
    found = distance(statistics(factor * first), statistics(factor * second))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("variance", [1e-300, 1e-160, 1e30, 1e154, 1e300])
def test_statistics_of_any_size_have_their_closed_form(variance):
    zero, sigma = np.zeros(3), variance * np.eye(3)
    assert fid.frechet_distance(zero, sigma, zero, 4 * sigma) == pytest.approx(
        3 * variance, rel=1e-12
    )


@pytest.mark.parametrize(
    ("mu", "sigma", "reason"),
    [
        (np.full(3, 1e200), np.eye(3), "cannot hold the distance"),
        (np.full(3, np.nan), np.eye(3), "infinite or NaN"),
        (np.zeros(3), np.diag([1, 1, np.inf]), "infinite or NaN"),
        (np.zeros(3), np.diag([1.0, 1.0, -1.0]), "variances below 0"),
    ],
)
def test_statistics_that_have_no_distance_are_named(mu, sigma, reason):
    with pytest.raises(fid.Error, match=reason):
        fid.frechet_distance(mu, sigma, np.zeros(3), np.eye(3))
