"""Figures of rows of images with a label beside each row (Figures 1 centre, 2-10)."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_twostage.reporting import figures
from tf_twostage.reporting.grids import GUTTER, mosaic, tiles_of

LABELS = 1.0  # inches, for the labels at the left
BELOW = 0.25  # inches, for the label below
PICTURE_PIXELS = 1500  # the images of a row are enlarged to so many at least


class ImageRow(NamedTuple):
    """One row of a figure."""

    label: str
    images: np.ndarray  # [N, H, W, C], as `grids.save_grid` takes them


@figures.styled
def save(
    path: str | os.PathLike, rows: Sequence[ImageRow], numbers: Mapping, below: str = ""
) -> None:
    """Draws rows of equally many images of one size, pixel by pixel, as wide as a page.

    Args:
      path: of the PNG; PDF and JSON stand beside it.
      rows: from top to bottom.
      numbers: for the JSON; see `figures.write`.
      below: a line below the images.
    """
    columns = len(rows[0].images)
    least = math.ceil(PICTURE_PIXELS / columns)
    tiles = np.concatenate([tiles_of(row.images, least) for row in rows])
    picture = mosaic(tiles, columns, GUTTER)
    figure, axis = _framed(picture, BELOW if below else 0)
    height = len(picture)
    axis.set_yticks((np.arange(len(rows)) + 0.5) * height / len(rows), [row.label for row in rows])
    axis.set_xlabel(below)
    figures.write(path, figure, numbers, figure.dpi)


def _framed(picture: np.ndarray, below: float) -> tuple[Figure, Axes]:
    """A figure of this picture, with `LABELS` inches at its left and some below.

    Its dpi makes each pixel of the picture one of the PNG.
    """
    height, width, _ = picture.shape
    dpi = width / (figures.PAGE - LABELS)
    left, bottom = round(LABELS * dpi), round(below * dpi)
    full_width, full_height = left + width, height + bottom
    figure = Figure((full_width / dpi, full_height / dpi), dpi)
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    axis = figure.add_axes(box)
    axis.imshow(picture, interpolation="none", aspect="auto")
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure, axis
