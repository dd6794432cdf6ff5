"""How many samples are near duplicates of others: mode collapse, made visible."""

import numpy as np

QUANTILE = 0.01  # of held-out images, which are closer to their neighbours by definition
# Images are compared by the means of 4 x 4 blocks. Pixel by pixel, blurred images are closer to
# each other than sharp ones are: half of a VAE's blurred but varied samples would count.
BLOCKS = 4


def shares(real: np.ndarray, *others: np.ndarray) -> list[float]:
    """The share of near duplicates in sets of images, 0..1 each.

    A near duplicate has its nearest neighbour, in its own set, closer than the `QUANTILE` of such
    distances among real images. All sets hold as many images, as the distances shrink with them.

    Args:
      real: held-out images [N, H, W, C], float, N >= 2.
      *others: sets of the same shape.
    """
    threshold = np.quantile(nearest_distances(block_means(real)), QUANTILE)
    return [float(np.mean(nearest_distances(block_means(images)) < threshold)) for images in others]


def block_means(images: np.ndarray) -> np.ndarray:
    """Images [N, H, W, C] -> the means of about equal blocks, `BLOCKS` (at most H, W) a side."""
    means = images.astype(np.float64)
    for axis in (1, 2):
        side = images.shape[axis]
        edges = np.linspace(0, side, min(BLOCKS, side) + 1).astype(int)
        sums = np.add.reduceat(means, edges[:-1], axis=axis)
        means = np.moveaxis(np.moveaxis(sums, axis, -1) / np.diff(edges), -1, axis)
    return means


def nearest_distances(images: np.ndarray) -> np.ndarray:
    """Euclidean distance of each image [N, ...] to the nearest other one, float64 [N]."""
    rows = images.reshape(len(images), -1).astype(np.float64)
    rows -= rows.mean(axis=0)
    norms = np.square(rows).sum(axis=1)
    squares = norms[:, None] + norms[None, :] - 2 * rows @ rows.T  # [N, N]
    np.fill_diagonal(squares, np.inf)
    return np.sqrt(np.maximum(squares.min(axis=1), 0))
