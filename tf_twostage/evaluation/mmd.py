"""Maximum mean discrepancy of two samples, and a permutation test of whether they are of one law.

Gretton et al., "A kernel two-sample test", JMLR 2012.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

WIDTHS = (0.125, 0.5, 2.0)  # of the kernels, over the median


class TwoSampleTest(NamedTuple):
    """The result of a test of the hypothesis that both samples come from one distribution."""

    mmd2: float  # unbiased estimate of MMD^2; may be below 0
    p_value: float  # in 0..1, uniform where the hypothesis holds


def test(
    first: np.ndarray, second: np.ndarray, permutations: int, rng: np.random.Generator
) -> TwoSampleTest:
    """Compares two samples of one size n, [n, k] each.

    The p-value is the share of splits of the pooled sample with an MMD^2 at least as great as that
    of the given split, which counts as well. The kernel is the same for all splits.

    Raises:
      ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"samples of one shape are needed, not {first.shape} and {second.shape}")
    n = len(first)
    kernel = gaussian_kernel(np.concatenate([first, second]).astype(np.float64))
    given = np.repeat([1.0, 0.0], n)[:, None]  # 1: belongs to the first
    others = rng.permuted(np.tile(given, (1, permutations)), axis=0)
    mmd2 = _mmd2(kernel, np.concatenate([given, others], axis=1))
    return TwoSampleTest(float(mmd2[0]), float(np.mean(mmd2 >= mmd2[0])))


def gaussian_kernel(x: np.ndarray) -> np.ndarray:
    """k(x_i, x_j), the mean over w of exp(-|x_i - x_j|^2 / (w m)) for points [N, k].

    m is the median of |x_i - x_j|^2. w goes through `WIDTHS`, so coarse and fine differences count.
    """
    squares = cdist(x, x, "sqeuclidean")
    median = np.median(squares[np.triu_indices(len(x), 1)])
    return sum(np.exp(-squares / (width * median)) for width in WIDTHS) / len(WIDTHS)


def _mmd2(kernel: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Unbiased MMD^2 for each column of splits [2n, S], which marks the first n with 1: [S].

    sum_{i != j} k(x_i, x_j) / (n (n - 1)) + the same of y - 2 sum_{ij} k(x_i, y_j) / n^2.
    """
    n = len(kernel) // 2
    off_diagonal = kernel - np.diag(np.diag(kernel))
    from_first = off_diagonal @ splits  # [2n, S], sums over the first sample
    xx = np.sum(splits * from_first, axis=0)
    xy = np.sum((1 - splits) * from_first, axis=0)
    yy = off_diagonal.sum() - xx - 2 * xy
    return (xx + yy) / (n * (n - 1)) - 2 * xy / n**2
