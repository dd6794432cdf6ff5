"""The two sides of a comparison: what is given, and what is computed of it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fid.images import opened
from fid.inception import Inception
from fid.preparation import Preparation
from fid.statistics import Statistics, check_enough, is_statistics


@dataclass
class Side:
    """The real or the generated images.

    Attributes:
        preparation: how the images are made ready for the network.
        images: as `Inception.features` takes them; None where only their statistics are given.
        statistics: None until they are computed.
        features: float32 [N, dims], where a metric needs them.
    """

    preparation: Preparation
    images: Any = None
    statistics: Statistics | None = None
    features: np.ndarray | None = None

    @property
    def role(self) -> str:
        """Which side it is, "real" or "generated"."""
        return self.preparation.role

    @property
    def count(self) -> int | None:
        """How many images count; None where it is not known."""
        if self.statistics:
            return self.statistics.count
        return self.preparation.count(self.images)

    def measure(
        self,
        network: Inception,
        dims: int,
        progress: Callable[[int], None] | None = None,
        keep: bool = False,
    ) -> None:
        """Computes the statistics of the images; keeps the features too if told to."""
        features = network.stream(self.preparation.batches(self.images), dims, progress)
        if keep:
            features = self.features = np.concatenate(list(features))
        self.statistics = Statistics.from_features(features, network.git_blob_id)


def open_side(source: Any, preparation: Preparation) -> Side:
    """One side, its statistics loaded or its images found and counted, before anything is computed.

    Args:
        source: a `Statistics`, the path of an `.npz` of statistics, or images as
            `Inception.features` takes them.
        preparation: how images are made ready.

    Raises:
        Error: as `Statistics.load` and `open_images`; fewer than 2 images.
    """
    if isinstance(source, Statistics):
        return Side(preparation, statistics=source)
    if isinstance(source, str | os.PathLike) and is_statistics(source):
        return Side(preparation, statistics=Statistics.load(source))
    images = opened(source)
    check_enough(images, preparation)
    return Side(preparation, images)


def check_known(sides: list[Side], dims: int, network: Inception | None) -> None:
    """Raises `Error` where statistics that are given do not fit what is to be computed."""
    for side in sides:
        if side.statistics:
            side.statistics.check_fits(dims, network and network.git_blob_id)
