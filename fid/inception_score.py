"""The Inception Score (Salimans, Goodfellow, Zaremba, Cheung, Radford & Chen 2016)."""

import itertools
from dataclasses import dataclass

import numpy as np

from fid.errors import Error

SPLITS = 10  # as in the paper


@dataclass(frozen=True)
class InceptionScore:
    """An Inception Score; `float()` gives the mean.

    Attributes:
        mean: over the splits, from 1 to the number of classes.
        std: over the splits (ddof 0).
        splits: how many parts the images were cut into, in their order.
    """

    mean: float
    std: float
    splits: int

    def __float__(self) -> float:
        return self.mean

    def __str__(self) -> str:
        return f"{self.mean:.6g} ± {self.std:.2g} ({self.splits} splits)"


def inception_score(probabilities: np.ndarray, splits: int = SPLITS) -> InceptionScore:
    """exp of the mean KL divergence of p(y | x) from p(y), over consecutive splits of the images.

    Args:
        probabilities: p(y | x), float [N, classes], rows summing to 1, as
            `Inception.class_probabilities` gives them.
        splits: how many.

    Raises:
        Error: fewer images than splits; no probabilities.
    """
    probabilities = np.asarray(probabilities, np.float64)
    if probabilities.ndim != 2 or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise Error(
            f"probabilities of shape {probabilities.shape}; expected [N, classes], sums of 1"
        )
    if not 1 <= splits <= len(probabilities):
        raise Error(f"{len(probabilities)} images cannot be cut into {splits} splits")
    edges = [i * len(probabilities) // splits for i in range(splits + 1)]
    scores = [_score(probabilities[a:b]) for a, b in itertools.pairwise(edges)]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)), splits)


def _score(conditional: np.ndarray) -> float:
    marginal = conditional.mean(axis=0)
    tiny = np.finfo(np.float64).tiny  # 0 log 0 = 0
    divergence = conditional * (
        np.log(np.maximum(conditional, tiny)) - np.log(np.maximum(marginal, tiny))
    )
    return float(np.exp(divergence.sum(axis=1).mean()))
