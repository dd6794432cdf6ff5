import importlib
import itertools

import numpy as np
import pytest

import fid

RNG = np.random.default_rng(6)


def squared_mmd(x, y):
    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    n = len(x)
    pairs = list(itertools.permutations(range(n), 2))
    within = sum(kernel(x[i], x[j]) + kernel(y[i], y[j]) for i, j in pairs) / len(pairs)
    across = sum(kernel(a, b) for a in x for b in y) / n**2
    return within - 2 * across


def test_kid_of_whole_sets_is_the_unbiased_estimate():
    x, y = RNG.normal(size=(2, 12, 5))
    y = y + 0.5
    result = fid.kid(x, y, subsets=3)
    assert float(result) == pytest.approx(squared_mmd(x, y), rel=1e-9)
    assert result.std == pytest.approx(0, abs=1e-12)
    assert (result.subsets, result.subset_size) == (3, 12)


def test_kid_of_one_distribution_is_unbiased():
    x, y = RNG.normal(size=(2, 4000, 6))
    result = fid.kid(x, y, subsets=200, subset_size=50)
    assert abs(result.mean) < 4 * result.std / np.sqrt(200) + 0.01
    assert result.std > 0
    assert fid.kid(x, y + 1, subsets=20, subset_size=50).mean > 20 * abs(result.mean)


def test_kid_is_repeatable_by_its_seed():
    x, y = RNG.normal(size=(2, 60, 6))
    first = fid.kid(x, y, subsets=5, subset_size=20)
    assert fid.kid(x, y, subsets=5, subset_size=20) == first
    assert fid.kid(x, y, subsets=5, subset_size=20, seed=1) != first
    with pytest.raises(fid.Error, match="seed is -1"):
        fid.kid(x, y, seed=-1)


@pytest.mark.parametrize("offset", [0, 1000])
def test_precision_and_recall_equal_the_definition(monkeypatch, offset):
    module = importlib.import_module("fid.precision_recall")  # fid's name is the function
    monkeypatch.setattr(module, "_BLOCK", 16)  # several blocks, the last one partial
    real, generated = RNG.normal(size=(50, 4)) + offset, RNG.normal(size=(41, 4)) * 0.7 + offset

    def share(points, centres):
        inside = 0
        for point in points:
            for centre in centres:
                others = np.sort(np.linalg.norm(centres - centre, axis=1))
                if np.linalg.norm(point - centre) <= others[3]:
                    inside += 1
                    break
        return inside / len(points)

    result = fid.precision_recall(real, generated)
    assert result.precision == share(generated, real)
    assert result.recall == share(real, generated)
    assert 0 < result.recall < result.precision <= 1


def test_precision_without_recall():
    real = np.concatenate([RNG.normal(0, 1, (100, 3)), RNG.normal(50, 1, (100, 3))])
    generated = RNG.normal(0, 0.5, (100, 3))
    result = fid.precision_recall(real, generated)
    assert result.precision > 0.9
    assert result.recall < 0.5


@pytest.mark.parametrize("metric", [fid.kid, fid.precision_recall])
@pytest.mark.parametrize(
    "pair",
    [
        (np.zeros((9, 4)), np.zeros((9, 5))),
        (np.zeros((9, 4)), np.zeros((1, 4))),
        (np.zeros(9), np.zeros(9)),
        (np.zeros((9, 4)), np.full((9, 4), np.nan)),
    ],
)
def test_features_that_cannot_be_compared_are_named(metric, pair):
    with pytest.raises(fid.Error):
        metric(*pair)


def test_inception_score_in_closed_form():
    certain = np.tile(np.eye(8), (20, 1))
    assert float(fid.inception_score(certain)) == pytest.approx(8)
    unsure = np.full((40, 8), 1 / 8)
    assert float(fid.inception_score(unsure)) == pytest.approx(1)
    half = np.tile([[0.75, 0.25], [0.25, 0.75]], (10, 1))
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert float(fid.inception_score(half)) == pytest.approx(expected)


def test_inception_score_over_splits():
    rows = np.concatenate([np.tile(np.eye(4), (5, 1)), np.full((20, 4), 0.25)])
    result = fid.inception_score(rows, splits=2)
    assert (result.mean, result.std) == (pytest.approx(2.5), pytest.approx(1.5))
    with pytest.raises(fid.Error, match="splits"):
        fid.inception_score(rows, splits=41)
    with pytest.raises(fid.Error, match="sums of 1"):
        fid.inception_score(rows * 2)
