"""Grids of images as PNGs, pixel by pixel, and the images in them."""

import math
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tf_twostage import files

TILE = 80  # pixels: an image is enlarged by the least whole factor that makes it this wide
GUTTER = 4  # white pixels around every tile
PAIR_GAP = 16  # white pixels between one pair and the next
CAPTION = "each pair: original | reconstruction"
CAPTION_SIZE = 16  # pixels
WHITE = 255


def save_grid(path: str | os.PathLike, images: np.ndarray, columns: int | None = None) -> None:
    """Writes a grid of images as a PNG, row by row, with white gutters.

    Args:
      path: the file; its folder is made if absent.
      images: [N, H, W, C], N >= 1, C 1 (grey) or 3 (RGB); uint8 0..255, or float taken as 0..1
        and clipped to it.
      columns: tiles in a row; by default the least number that makes the grid no taller than wide.

    Raises:
      ValueError: images of another shape or type, or with values that are not finite.
    """
    tiles = tiles_of(images)
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    _write_png(path, Image.fromarray(mosaic(tiles, columns, GUTTER)))


def save_pairs(
    path: str | os.PathLike,
    originals: np.ndarray,
    reconstructions: np.ndarray,
    columns: int | None = None,
) -> None:
    """Writes each original with its reconstruction at its right, under a caption, as a PNG.

    Args:
      path: the file; its folder is made if absent.
      originals, reconstructions: [N, H, W, C] each, as in `save_grid`.
      columns: pairs in a row; by default about as many as make the picture square.

    Raises:
      ValueError: as `save_grid`; or the two differ in shape.
    """
    if np.shape(originals) != np.shape(reconstructions):
        raise ValueError(
            f"originals {np.shape(originals)} and reconstructions {np.shape(reconstructions)} "
            "differ in shape"
        )
    left, right = tiles_of(originals), tiles_of(reconstructions)
    between = np.full((*left.shape[:2], GUTTER, 3), WHITE, np.uint8)
    pairs = np.concatenate([left, between, right], axis=2)
    columns = columns or math.ceil(math.sqrt(len(pairs) / 2))
    _write_png(path, _captioned(mosaic(pairs, columns, PAIR_GAP)))


def read_grid(
    path: str | os.PathLike, image_shape: tuple[int, int, int], count: int
) -> np.ndarray | None:
    """The first `count` images of a grid that `save_grid` wrote, pixel for pixel.

    Args:
      path: the PNG.
      image_shape: (H, W, C) of its images.
      count: how many, >= 1.

    Returns:
      uint8 [count, H, W, C]; None where there is no such file, or no such grid in it.
    """
    picture = _read_png(path)
    if picture is None:
        return None
    factor = _factor(image_shape[1], TILE)
    height, width = (factor * side for side in image_shape[:2])
    tiles = _cut(picture, height, width, GUTTER, count)
    return None if tiles is None else _shrunk(tiles, factor, image_shape[2])


def read_pairs(
    path: str | os.PathLike, image_shape: tuple[int, int, int], count: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The first `count` originals and reconstructions that `save_pairs` wrote; as `read_grid`."""
    picture = _read_png(path)
    if picture is None:
        return None
    factor = _factor(image_shape[1], TILE)
    height, width = (factor * side for side in image_shape[:2])
    pairs = _cut(picture[CAPTION_SIZE + PAIR_GAP :], height, 2 * width + GUTTER, PAIR_GAP, count)
    if pairs is None:
        return None
    sides = pairs[:, :, :width], pairs[:, :, width + GUTTER :]
    return tuple(_shrunk(side, factor, image_shape[2]) for side in sides)


def tiles_of(images: np.ndarray, width: int = TILE) -> np.ndarray:
    """Images of `save_grid` -> uint8 RGB [N, kH, kW, 3], each pixel a k x k square, kW >= width."""
    images = np.asarray(images)
    if images.ndim != 4 or not images.size or images.shape[-1] not in (1, 3):
        raise ValueError(f"images must be [N, H, W, 1 or 3] with N >= 1, not {images.shape}")
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all():
            raise ValueError("images hold values that are not finite")
        images = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    if images.dtype != np.uint8:
        raise ValueError(f"images must be uint8 or float, not {images.dtype}")
    factor = _factor(images.shape[2], width)
    enlarged = images.repeat(factor, axis=1).repeat(factor, axis=2)
    return np.broadcast_to(enlarged, (*enlarged.shape[:3], 3))


def _factor(image_width: int, width: int) -> int:
    """The least whole factor that makes an image as wide as this."""
    return math.ceil(width / image_width)


def mosaic(tiles: np.ndarray, columns: int, gutter: int) -> np.ndarray:
    """Tiles uint8 [N, h, w, 3] -> one picture; cells beyond the last tile stay white."""
    count, height, width, _ = tiles.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    shape = (rows * (height + gutter) + gutter, columns * (width + gutter) + gutter, 3)
    picture = np.full(shape, WHITE, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = gutter + row * (height + gutter), gutter + column * (width + gutter)
        picture[top : top + height, left : left + width] = tile
    return picture


def _cut(
    picture: np.ndarray, height: int, width: int, gutter: int, count: int
) -> np.ndarray | None:
    """The first `count` cells of a mosaic, [count, height, width, 3]; None if it has fewer."""
    rows = (picture.shape[0] - gutter) // (height + gutter)
    columns = (picture.shape[1] - gutter) // (width + gutter)
    if rows * columns < count:
        return None
    cells = []
    for index in range(count):
        row, column = divmod(index, columns)
        top, left = gutter + row * (height + gutter), gutter + column * (width + gutter)
        cells.append(picture[top : top + height, left : left + width])
    return np.stack(cells)


def _shrunk(tiles: np.ndarray, factor: int, channels: int) -> np.ndarray:
    """`tiles_of`, undone."""
    return tiles[:, ::factor, ::factor, :channels]


def _captioned(picture: np.ndarray) -> Image.Image:
    """The picture with `CAPTION` above it, widened with white where the caption is wider."""
    font = ImageFont.load_default(CAPTION_SIZE)
    needed = math.ceil(font.getlength(CAPTION)) + 2 * PAIR_GAP
    strip = CAPTION_SIZE + PAIR_GAP
    height, width, _ = picture.shape
    page = Image.new("RGB", (max(width, needed), height + strip), "white")
    page.paste(Image.fromarray(picture), (0, strip))
    ImageDraw.Draw(page).text((PAIR_GAP, PAIR_GAP // 2), CAPTION, "black", font)
    return page


def _write_png(path: str | os.PathLike, image: Image.Image) -> None:
    files.replace_file(path, lambda temporary: image.save(temporary, "PNG", optimize=True))


def _read_png(path: str | os.PathLike) -> np.ndarray | None:
    """uint8 [H, W, 3]; None where there is no picture."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except OSError:
        return None
