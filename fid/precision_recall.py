"""Improved precision and recall (Kynkäänniemi, Karras, Laine, Lehtinen & Aila 2019)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fid.errors import Error
from fid.kid import checked_pair

K = 3  # the paper's k
_BLOCK = 1024  # rows of distances at a time


@dataclass(frozen=True)
class PrecisionRecall:
    """How two sets of images overlap.

    Attributes:
        precision: the share of generated images inside the real ones' region, 0..1.
        recall: the share of real images inside the generated ones' region, 0..1.
        k: the neighbour whose distance is the radius.
    """

    precision: float
    recall: float
    k: int

    def __str__(self) -> str:
        return f"precision {self.precision:.6g}, recall {self.recall:.6g} (k = {self.k})"


def precision_recall(real: np.ndarray, generated: np.ndarray, k: int = K) -> PrecisionRecall:
    """How much of either set lies within the other's region.

    A set's region is the union of balls about its members, each as wide as the distance to the
    member's k-th neighbour in the same set. Distances are computed blockwise, so memory grows with
    N, not with N². The paper measures VGG-16's features; on Inception's the values differ from its.

    Args:
        real, generated: features, float [N, dims] and [M, dims].
        k: the neighbour whose distance is a ball's radius.

    Raises:
        Error: k below 1, or no more than k images on a side; other shapes.
    """
    real, generated = checked_pair(real, generated)
    if k < 1 or k >= min(len(real), len(generated)):
        raise Error(f"k is {k}; it must be at least 1 and less than the images of either side")
    precision = _share_inside(generated, real, _radii(real, k))
    recall = _share_inside(real, generated, _radii(generated, k))
    return PrecisionRecall(precision, recall, k)


def _squared_distances(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows of x in blocks, each with its squared distances to all of y, float64."""
    centre = y.mean(axis=0, dtype=np.float64)  # about the centre less is lost in the difference
    y = y - centre
    squares = np.einsum("nd,nd->n", y, y)
    for start in range(0, len(x), _BLOCK):
        rows = slice(start, start + _BLOCK)
        part = x[rows] - centre
        distances = np.einsum("nd,nd->n", part, part)[:, None] + squares - 2 * part @ y.T
        yield rows, np.maximum(distances, 0)


def _radii(features: np.ndarray, k: int) -> np.ndarray:
    """The squared distance from each row to its k-th neighbour, itself not counted; float64 [N]."""
    radii = np.empty(len(features))
    for rows, distances in _squared_distances(features, features):
        own = np.arange(*rows.indices(len(features)))
        distances[np.arange(len(own)), own] = 0  # exactly, whatever the rounding
        radii[rows] = np.partition(distances, k, axis=1)[:, k]
    return radii


def _share_inside(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> float:
    """The share of points that lie in at least one ball."""
    inside = sum(
        int((distances <= radii).any(axis=1).sum())
        for _, distances in _squared_distances(points, centres)
    )
    return inside / len(points)
