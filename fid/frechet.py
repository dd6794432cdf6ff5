"""The Fréchet distance between two Gaussians (Dowson & Landau 1982; as FID, Heusel et al. 2017)."""

import numpy as np
from numpy.typing import ArrayLike

from fid.errors import Error

# Directions whose variance is below this share of the largest are rounding: they are left out.
_NEGLIGIBLE = 1e-14
_WRONG = 1e-6  # a variance that is further below 0, as a share of the largest, is no rounding


def frechet_distance(mu1: ArrayLike, sigma1: ArrayLike, mu2: ArrayLike, sigma2: ArrayLike) -> float:
    """|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), the squared distance that is called FID.

    The trace of the root is the sum of the roots of the eigenvalues of Lᵀ Σ₂ L, a symmetric
    matrix, for any factor L Lᵀ = Σ₁: Cholesky's, or one from the eigenvectors where Σ₁ is
    singular. It needs no `sqrtm`, is real however singular the covariances are, and nothing is
    added to their diagonals.

    Args:
        mu1, mu2: means, [d].
        sigma1, sigma2: covariances, symmetric and positive semidefinite, [d, d].

    Returns:
        The distance, finite and at least 0, in squared units of the features.

    Raises:
        Error: shapes that do not fit each other; infinite or NaN values; variances below 0; a
            distance beyond the largest float64.
    """
    mu1, mu2, sigma1, sigma2 = _checked(mu1, mu2, sigma1, sigma2)
    with np.errstate(over="ignore"):
        step = mu1 - mu2
        unit = _unit(step, sigma1, sigma2)
        # In units of 2^unit, which loses no bit, nothing overflows or vanishes on the way.
        step, sigma1, sigma2 = (
            np.ldexp(step, -unit),
            np.ldexp(sigma1, -2 * unit),
            np.ldexp(sigma2, -2 * unit),
        )
        distance = np.sum(step**2) + np.trace(sigma1) + np.trace(sigma2)
        distance -= 2 * _trace_of_root(sigma1, sigma2)
        distance = float(np.ldexp(max(distance, 0.0), 2 * unit))
    if not np.isfinite(distance):
        raise Error("the statistics are so far apart that float64 cannot hold the distance")
    return distance


def _unit(step: np.ndarray, sigma1: np.ndarray, sigma2: np.ndarray) -> int:
    """The exponent of 2 that the features are of; 0 where all is 0, or too large to tell."""
    variance = max(np.abs(sigma1).max(initial=0), np.abs(sigma2).max(initial=0))
    size = max(np.abs(step).max(initial=0), np.sqrt(variance))
    return int(np.frexp(size)[1]) if np.isfinite(size) else 0


def _trace_of_root(sigma1: np.ndarray, sigma2: np.ndarray) -> float:
    """tr (Σ₁ Σ₂)^½."""
    factor = _factor(sigma1)
    product = factor.T @ sigma2 @ factor
    values = np.linalg.eigvalsh((product + product.T) / 2)
    return float(np.sqrt(np.maximum(values, 0)).sum())


def _factor(sigma: np.ndarray) -> np.ndarray:
    """L of [d, rank] with L Lᵀ = Σ."""
    sigma = (sigma + sigma.T) / 2
    try:
        factor = np.linalg.cholesky(sigma)
        pivots = np.diagonal(factor) ** 2
        if pivots.min() > _NEGLIGIBLE * pivots.max():
            return factor
    except np.linalg.LinAlgError:
        pass  # singular, or not quite semidefinite by rounding
    values, vectors = np.linalg.eigh(sigma)
    kept = values > _NEGLIGIBLE * max(values[-1], 0)
    return vectors[:, kept] * np.sqrt(values[kept])


def _checked(*arrays: ArrayLike) -> tuple[np.ndarray, ...]:
    """mu1, mu2, sigma1, sigma2 as float64 of fitting shapes."""
    mu1, mu2, sigma1, sigma2 = (np.asarray(a, np.float64) for a in arrays)
    d = mu1.size
    if mu1.shape != (d,) or mu2.shape != (d,) or not sigma1.shape == sigma2.shape == (d, d):
        shapes = ", ".join(str(a.shape) for a in (mu1, sigma1, mu2, sigma2))
        raise Error(f"means and covariances of shapes {shapes}; expected [d], [d, d], [d], [d, d]")
    if not all(np.isfinite(a).all() for a in (mu1, mu2, sigma1, sigma2)):
        raise Error("means or covariances hold infinite or NaN values")
    for sigma in (sigma1, sigma2):
        if sigma.diagonal().min(initial=0) < -_WRONG * np.abs(sigma).max(initial=0):
            raise Error("covariances hold variances below 0")
    return mu1, mu2, sigma1, sigma2
