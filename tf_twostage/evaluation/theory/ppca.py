"""Closed forms of a Gaussian VAE with linear encoder and decoder: probabilistic PCA.

Its cost depends on the data through their covariance alone, and its encoder can be the exact
posterior. So its optimum is that of probabilistic PCA (Tipping and Bishop, 1999): with eigenvalues
s_1 >= ... >= s_d of the covariance, dimension j <= kappa is active where s_j > gamma. All here take
gamma, a variance, and `spectrum` [d], those eigenvalues.
"""

import math

import numpy as np


def spectrum(x: np.ndarray) -> np.ndarray:
    """Eigenvalues of the covariance of points [N, d], descending, none below 0: float64 [d]."""
    values = np.linalg.eigvalsh(np.cov(np.asarray(x, np.float64).T, bias=True))[::-1]
    return np.maximum(values, 0.0)


def cost(spectrum: np.ndarray, kappa: int, gamma: float) -> float:
    """The least cost (2) at this gamma, nats per x.

    -E log N(x; mean, C) where C has the eigenvalue s_j for active j, and gamma elsewhere:
    (d log(2 pi) + sum_j log c_j + s_j / c_j) / 2.
    """
    model = np.full(len(spectrum), gamma)  # c_j
    active = spectrum[:kappa] > gamma
    model[:kappa][active] = spectrum[:kappa][active]
    return float(np.sum(math.log(2 * math.pi) + np.log(model) + spectrum / model) / 2)


def encoder_variances(spectrum: np.ndarray, kappa: int, gamma: float) -> np.ndarray:
    """lambda_j at the optimum, ascending: gamma / s_j for active j, else 1. float64 [kappa]."""
    return gamma / np.maximum(spectrum[:kappa], gamma)


def best_gamma(spectrum: np.ndarray, kappa: int) -> float:
    """The gamma of the least cost: the mean of the d - kappa eigenvalues that are left out."""
    return float(np.mean(spectrum[kappa:]))
