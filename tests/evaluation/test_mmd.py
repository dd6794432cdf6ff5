import numpy as np
import pytest

from tf_twostage.evaluation import mmd

RNG = np.random.default_rng(0)


def by_definition(first, second):
    """Unbiased MMD^2, kernel by kernel."""
    pooled = np.concatenate([first, second])
    distances = [np.sum((a - b) ** 2) for i, a in enumerate(pooled) for b in pooled[:i]]

    def kernel(a, b):
        square = np.sum((a - b) ** 2) / np.median(distances)
        return (np.exp(-8 * square) + np.exp(-2 * square) + np.exp(-square / 2)) / 3

    def within(sample):
        n = len(sample)
        pairs = [kernel(sample[i], sample[j]) for i in range(n) for j in range(n) if i != j]
        return sum(pairs) / (n * (n - 1))

    between = np.mean([kernel(a, b) for a in first for b in second])
    return within(first) + within(second) - 2 * between


def test_mmd_is_its_definition():
    first, second = RNG.normal(size=(12, 3)), RNG.normal(0.5, 1.5, size=(12, 3))
    result = mmd.test(first, second, 19, RNG)
    assert result.mmd2 == pytest.approx(by_definition(first, second), rel=1e-9)


def test_p_value_counts_splits_that_lie_as_far_apart():
    first, second = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 2))
    pooled = np.concatenate([first, second])
    given, rng = by_definition(first, second), np.random.default_rng(1)
    splits = rng.permuted(np.tile(np.repeat([True, False], 6)[:, None], (1, 40)), axis=0).T
    greater = sum(by_definition(pooled[s], pooled[~s]) >= given - 1e-12 for s in splits)
    p_value = mmd.test(first, second, 40, np.random.default_rng(1)).p_value
    assert p_value == pytest.approx((1 + greater) / 41)


def test_p_value_is_uniform_where_both_samples_are_of_one_law():
    values = [mmd.test(*RNG.normal(size=(2, 20, 2)), 99, RNG).p_value for _ in range(400)]
    shares = [np.mean(np.array(values) <= level) for level in (0.1, 0.25, 0.5, 0.75)]
    np.testing.assert_allclose(shares, (0.1, 0.25, 0.5, 0.75), atol=0.07)  # 3 standard errors


def test_other_laws_are_told_apart():
    normal = RNG.normal(size=(400, 2))
    clusters = RNG.choice((-0.9, 0.9), (400, 2)) + 0.436 * RNG.normal(size=(400, 2))  # as wide
    result = mmd.test(clusters, normal, 199, RNG)
    assert result.mmd2 > 0
    assert result.p_value == 1 / 200


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="one shape"):
        mmd.test(np.zeros((3, 2)), np.zeros((4, 2)), 9, RNG)
