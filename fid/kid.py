"""The Kernel Inception Distance (Bińkowski, Sutherland, Arbel & Gretton 2018)."""

from dataclasses import dataclass

import numpy as np

from fid.errors import Error


@dataclass(frozen=True)
class KID:
    """A Kernel Inception Distance; `float()` gives the mean.

    Attributes:
        mean: over the subsets. Unbiased, so it may be below 0 for sets that are alike.
        std: over the subsets (ddof 0).
        subsets: how many there were.
        subset_size: images of either side in each.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int

    def __float__(self) -> float:
        return self.mean

    def __str__(self) -> str:
        return f"{self.mean:.6g} ± {self.std:.2g} ({self.subsets} subsets of {self.subset_size})"


def kid(
    real: np.ndarray,
    generated: np.ndarray,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> KID:
    """The squared maximum mean discrepancy of features under the kernel (x·y / dims + 1)³.

    The unbiased estimate, averaged over random subsets drawn without replacement.

    Args:
        real, generated: features, float [N, dims] and [M, dims].
        subsets: how many subsets to draw.
        subset_size: images of either side in a subset; N or M where that is less.
        seed: of the subsets; the same seed gives the same number.

    Raises:
        Error: fewer than 2 images on a side, other shapes; subsets < 1, subset_size < 2, seed < 0.
    """
    real, generated = checked_pair(real, generated)
    size = min(subset_size, len(real), len(generated))
    if size < 2 or subsets < 1:
        raise Error(f"KID needs subsets of at least 2 images, not {subsets} of {size}")
    check_seed(seed)
    rng = np.random.default_rng(seed)
    values = [
        _squared_mmd(_subset(real, size, rng), _subset(generated, size, rng))
        for _ in range(subsets)
    ]
    return KID(float(np.mean(values)), float(np.std(values)), subsets, size)


def check_seed(seed: int) -> None:
    """Raises `Error` for a seed below 0."""
    if seed < 0:
        raise Error(f"seed is {seed}; it must be at least 0")


def checked_pair(real: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sides' features as arrays.

    Raises:
        Error: they are not of shapes [N, dims] and [M, dims], or not finite.
    """
    real, generated = np.asarray(real), np.asarray(generated)
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise Error(f"features of shapes {real.shape}, {generated.shape}; expected [N, d], [M, d]")
    if not (np.isfinite(real).all() and np.isfinite(generated).all()):
        raise Error("features hold infinite or NaN values")
    return real, generated


def _subset(features: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    return features[rng.choice(len(features), size, replace=False)].astype(np.float64)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _squared_mmd(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimate from samples of the same size; no image is paired with itself."""
    n = len(x)
    within = sum(k.sum() - np.trace(k) for k in (_kernel(x, x), _kernel(y, y)))
    return float(within / (n * (n - 1)) - 2 * _kernel(x, y).mean())
