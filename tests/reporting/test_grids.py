"""Grids, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from tf_twostage.reporting import grids


def pixels(path):
    return np.array(Image.open(path).convert("RGB"))


def distinct(count, side, channels):
    """Images [count, side, side, channels] uint8, each of one value: 10, 20, ..."""
    values = 10 * np.arange(1, count + 1, dtype=np.uint8)
    return np.broadcast_to(values[:, None, None, None], (count, side, side, channels))


def test_grid_puts_every_tile_at_its_place(tmp_path):
    path = tmp_path / "new" / "grid.png"
    grids.save_grid(path, distinct(5, 40, 1), columns=3)
    picture = pixels(path)
    # 40 pixels are doubled to 80; two rows of three cells, 4 white pixels around each.
    assert picture.shape == (2 * 84 + 4, 3 * 84 + 4, 3)
    for index in range(5):
        row, column = divmod(index, 3)
        top, left = 4 + 84 * row, 4 + 84 * column
        assert (picture[top : top + 80, left : left + 80] == 10 * (index + 1)).all()
        picture[top : top + 80, left : left + 80] = 255
    assert (picture == 255).all()  # gutters, and the empty sixth cell
    assert [p.name for p in path.parent.iterdir()] == ["grid.png"]


def test_grid_enlarges_pixels_to_squares_and_keeps_colour(tmp_path):
    image = np.zeros((1, 20, 20, 3), np.float32)
    image[0, 1, 2] = (1.0, 0.5, 0.0)
    grids.save_grid(tmp_path / "grid.png", image)
    picture = pixels(tmp_path / "grid.png")[4:-4, 4:-4]
    assert picture.shape == (80, 80, 3)
    assert (picture[4:8, 8:12] == (255, 128, 0)).all()
    picture[4:8, 8:12] = 0
    assert not picture.any()


def test_floats_and_bytes_give_the_same_picture_and_floats_are_clipped(tmp_path):
    floats = np.array([-0.5, 0.0, 100 / 255, 1.0, 1.5]).reshape(5, 1, 1, 1)
    bytes_ = np.array([0, 0, 100, 255, 255], np.uint8).reshape(5, 1, 1, 1)
    grids.save_grid(tmp_path / "a.png", floats)
    grids.save_grid(tmp_path / "b.png", bytes_)
    assert (pixels(tmp_path / "a.png") == pixels(tmp_path / "b.png")).all()


@pytest.mark.parametrize(("count", "columns"), [(64, 8), (10, 4), (1, 1)])
def test_grid_is_about_square_by_default(tmp_path, count, columns):
    grids.save_grid(tmp_path / "grid.png", np.zeros((count, 80, 80, 1), np.uint8))
    assert pixels(tmp_path / "grid.png").shape[1] == 84 * columns + 4


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((0, 4, 4, 1)),
        np.zeros((4, 4, 1)),
        np.zeros((2, 4, 4, 2)),
        np.zeros((2, 4, 4, 1), np.int32),
        np.full((2, 4, 4, 1), np.nan),
    ],
)
def test_grid_refuses_what_is_no_image(tmp_path, images):
    with pytest.raises(ValueError, match="images"):
        grids.save_grid(tmp_path / "grid.png", images)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    grids.save_grid(path, distinct(1, 8, 1))
    before = path.read_bytes()

    def half_written(self, name, *args, **kwargs):
        name.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half_written)
    with pytest.raises(OSError, match="disk full"):
        grids.save_grid(path, distinct(2, 8, 1))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_pairs_stand_side_by_side_under_a_caption(tmp_path):
    originals, reconstructions = distinct(6, 80, 1), distinct(6, 80, 1) + 100
    grids.save_pairs(tmp_path / "pairs.png", originals, reconstructions, columns=3)
    picture = pixels(tmp_path / "pairs.png")
    strip = 16 + 16
    assert picture.shape == (strip + 2 * 96 + 16, 3 * (164 + 16) + 16, 3)
    assert picture[:strip].min() < 50  # the caption
    body = picture[strip:].copy()
    for index in range(6):
        row, column = divmod(index, 3)
        top, left = 16 + 96 * row, 16 + 180 * column
        assert (body[top : top + 80, left : left + 80] == 10 * (index + 1)).all()
        assert (body[top : top + 80, left + 84 : left + 164] == 10 * (index + 1) + 100).all()
        body[top : top + 80, left : left + 80] = body[top : top + 80, left + 84 : left + 164] = 255
    assert (body == 255).all()


def test_one_small_pair_leaves_room_for_the_caption(tmp_path):
    grids.save_pairs(tmp_path / "pairs.png", distinct(1, 8, 3), distinct(1, 8, 3))
    caption = pixels(tmp_path / "pairs.png")[:32]
    assert (caption[:, -16:] == 255).all()


def test_pairs_of_different_shapes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="differ in shape"):
        grids.save_pairs(tmp_path / "pairs.png", distinct(2, 8, 1), distinct(3, 8, 1))


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (100, 3)])
def test_images_come_back_from_their_grids(tmp_path, side, channels):
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 7, side, side, channels), dtype=np.uint8)
    shape = (side, side, channels)
    grids.save_grid(tmp_path / "grid.png", first)
    np.testing.assert_array_equal(grids.read_grid(tmp_path / "grid.png", shape, 5), first[:5])
    grids.save_pairs(tmp_path / "pairs.png", first, second / 255)
    originals, again = grids.read_pairs(tmp_path / "pairs.png", shape, 7)
    np.testing.assert_array_equal(originals, first)
    np.testing.assert_array_equal(again, second)


def test_no_grid_or_a_smaller_one_gives_no_images(tmp_path):
    grids.save_grid(tmp_path / "grid.png", distinct(2, 8, 1))
    (tmp_path / "damaged.png").write_text("no picture")
    for name, count in (("grid.png", 9), ("damaged.png", 1), ("absent.png", 1)):
        assert grids.read_grid(tmp_path / name, (8, 8, 1), count) is None
        assert grids.read_pairs(tmp_path / name, (8, 8, 1), count) is None
