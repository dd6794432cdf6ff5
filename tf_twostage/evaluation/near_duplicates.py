"""How many samples are near duplicates of others: mode collapse, made visible."""

import numpy as np

QUANTILE = 0.01  # of held-out images, which are closer to their neighbours by definition


def shares(real: np.ndarray, *others: np.ndarray) -> list[float]:
    """The share of near duplicates in sets of images, 0..1 each.

    A near duplicate has its nearest neighbour, in its own set, closer than the `QUANTILE` of such
    distances among real images. All sets hold as many images, as the distances shrink with them.

    Args:
      real: held-out images [N, ...], float, N >= 2.
      *others: sets of the same shape.
    """
    threshold = np.quantile(nearest_distances(real), QUANTILE)
    return [float(np.mean(nearest_distances(images) < threshold)) for images in others]


def nearest_distances(images: np.ndarray) -> np.ndarray:
    """Euclidean distance of each image [N, ...] to the nearest other one, float64 [N]."""
    rows = images.reshape(len(images), -1).astype(np.float64)
    rows -= rows.mean(axis=0)
    norms = np.square(rows).sum(axis=1)
    squares = norms[:, None] + norms[None, :] - 2 * rows @ rows.T  # [N, N]
    np.fill_diagonal(squares, np.inf)
    return np.sqrt(np.maximum(squares.min(axis=1), 0))
