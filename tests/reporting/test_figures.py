"""Grids pixel by pixel; plots as files that open, with what they must say."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tf_twostage import recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.reporting import figures


def pixels(path):
    return np.array(Image.open(path).convert("RGB"))


def distinct(count, side, channels):
    """Images [count, side, side, channels] uint8, each of one value: 10, 20, ..."""
    values = 10 * np.arange(1, count + 1, dtype=np.uint8)
    return np.broadcast_to(values[:, None, None, None], (count, side, side, channels))


def test_grid_puts_every_tile_at_its_place(tmp_path):
    path = tmp_path / "new" / "grid.png"
    figures.save_grid(path, distinct(5, 40, 1), columns=3)
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
    figures.save_grid(tmp_path / "grid.png", image)
    picture = pixels(tmp_path / "grid.png")[4:-4, 4:-4]
    assert picture.shape == (80, 80, 3)
    assert (picture[4:8, 8:12] == (255, 128, 0)).all()
    picture[4:8, 8:12] = 0
    assert not picture.any()


def test_floats_and_bytes_give_the_same_picture_and_floats_are_clipped(tmp_path):
    floats = np.array([-0.5, 0.0, 100 / 255, 1.0, 1.5]).reshape(5, 1, 1, 1)
    bytes_ = np.array([0, 0, 100, 255, 255], np.uint8).reshape(5, 1, 1, 1)
    figures.save_grid(tmp_path / "a.png", floats)
    figures.save_grid(tmp_path / "b.png", bytes_)
    assert (pixels(tmp_path / "a.png") == pixels(tmp_path / "b.png")).all()


@pytest.mark.parametrize(("count", "columns"), [(64, 8), (10, 4), (1, 1)])
def test_grid_is_about_square_by_default(tmp_path, count, columns):
    figures.save_grid(tmp_path / "grid.png", np.zeros((count, 80, 80, 1), np.uint8))
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
        figures.save_grid(tmp_path / "grid.png", images)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    figures.save_grid(path, distinct(1, 8, 1))
    before = path.read_bytes()

    def half_written(self, name, *args, **kwargs):
        name.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half_written)
    with pytest.raises(OSError, match="disk full"):
        figures.save_grid(path, distinct(2, 8, 1))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_pairs_stand_side_by_side_under_a_caption(tmp_path):
    originals, reconstructions = distinct(6, 80, 1), distinct(6, 80, 1) + 100
    figures.save_pairs(tmp_path / "pairs.png", originals, reconstructions, columns=3)
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
    figures.save_pairs(tmp_path / "pairs.png", distinct(1, 8, 3), distinct(1, 8, 3))
    caption = pixels(tmp_path / "pairs.png")[:32]
    assert (caption[:, -16:] == 255).all()


def test_pairs_of_different_shapes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="differ in shape"):
        figures.save_pairs(tmp_path / "pairs.png", distinct(2, 8, 1), distinct(3, 8, 1))


def log(epochs, first_rate=1e-3):
    """A stage's log whose rate is halved after every fifth epoch."""
    number = np.arange(1.0, epochs + 1)
    return {
        "epoch": number.tolist(),
        "kl": (10 - 9 / number).tolist(),
        "reconstruction": (300 / number - 200).tolist(),
        "gamma": (1 / number).tolist(),
        "learning_rate": (first_rate * 0.5 ** ((number - 1) // 5)).tolist(),
    }


def write_log(path, columns):
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]))


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that were written, in order."""
    written = []
    write = figures._write_figure
    monkeypatch.setattr(
        figures, "_write_figure", lambda path, figure: (written.append(figure), write(path, figure))
    )
    return written


def legend(figure):
    (only,) = figure.legends
    return [text.get_text() for text in only.get_texts()]


def test_losses_show_both_terms_of_both_stages(tmp_path, drawn):
    figures.save_losses(tmp_path / "losses.png", {1: log(12), 2: log(4)})
    kl1, kl2, reconstruction1, reconstruction2 = drawn[0].axes
    assert legend(drawn[0]) == ["KL divergence", "reconstruction, -log p", "learning rate halved"]
    curve = reconstruction1.lines[0]
    np.testing.assert_allclose(curve.get_ydata(), log(12)["reconstruction"])
    np.testing.assert_allclose(kl2.lines[0].get_ydata(), log(4)["kl"])
    assert [line.get_xdata()[0] for line in kl1.lines[1:]] == [5.5, 10.5]  # halved after 5 and 10
    assert len(reconstruction2.lines) == 1  # never halved
    assert {axis.get_ylabel() for axis in drawn[0].axes} == {"nats per example"}
    assert pixels(tmp_path / "losses.png").std() > 0


def test_a_single_epoch_has_a_single_tick(tmp_path, drawn):
    figures.save_losses(tmp_path / "losses.png", {1: log(1)})
    axis = drawn[0].axes[-1]
    low, high = axis.get_xlim()
    assert [tick for tick in axis.get_xticks() if low <= tick <= high] == [1]


def test_gamma_has_a_logarithmic_axis(tmp_path, drawn):
    figures.save_gamma(tmp_path / "gamma.png", {1: log(12)})
    (axis,) = drawn[0].axes
    assert axis.get_yscale() == "log"
    np.testing.assert_allclose(axis.lines[0].get_ydata(), log(12)["gamma"])
    assert legend(drawn[0]) == ["stage 1"]


@pytest.mark.parametrize("greatest", [0.09, 1.0, 1.05, 1.31])
def test_histogram_counts_every_dimension(tmp_path, drawn, greatest):
    figures.save_lambda_histogram(tmp_path / "lambda.png", np.array([0.0, 0.01, greatest]))
    (axis,) = drawn[0].axes
    heights = [bar.get_height() for bar in axis.patches]
    assert sum(heights) == 3
    assert heights[0] == 2  # both below 0.05
    assert axis.get_title().startswith(f"{3 if greatest < 0.1 else 2} of 3")
    assert axis.lines[0].get_xdata()[0] == 0.1


def test_singular_values_without_stage_2(tmp_path, drawn):
    values = diagnostics.SingularValues(np.array([1.2, 0.4]), None, np.array([1.01, 0.99]))
    figures.save_singular_values(tmp_path / "values.png", values)
    normal, stage1 = drawn[0].axes[0].lines
    np.testing.assert_array_equal(normal.get_ydata(), values.normal)
    np.testing.assert_array_equal(stage1.get_ydata(), values.z)
    figures.save_singular_values(tmp_path / "values.png", values._replace(u=values.normal))
    assert len(drawn[1].axes[0].lines) == 3


def test_noise_rows_are_drawn_pixel_by_pixel_with_their_numbers(tmp_path, drawn):
    bright, dark = np.full((3, 40, 40, 1), 0.8, np.float32), np.zeros((3, 40, 40, 1), np.float32)
    rows = [
        diagnostics.NoiseRow(5, 0.0123, bright, 0.5),
        diagnostics.NoiseRow(1, 0.99, dark, 0.0),
    ]
    figures.save_noise_directions(tmp_path / "noise.png", rows)
    labels = [text.get_text() for text in drawn[0].axes[0].get_yticklabels()]
    assert labels == ["lambda = 0.0123\nvariance 0.5", "lambda = 0.99\nvariance 0"]
    picture = pixels(tmp_path / "noise.png")[50:-50, 180:-10]
    assert picture.shape == (2 * 84 + 4, 3 * 84 + 4, 3)
    assert (picture[4:84, 4:84] == 204).all()
    assert (picture[88:168, 88:168] == 0).all()
    assert (picture[84:88] == 255).all()


def test_write_all_with_and_without_stage_2_and_logs(tmp_path, drawn):
    recipe = recipes.get("quick", "manifold", 1000)
    recipe = dataclasses.replace(recipe, latent_dim=8, stage2_width=16)
    model = TwoStageVAE(recipe, (8, 8, 3))
    model.trained = {1}
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    mean, stddev = model.encode(images)
    names = {"lambda.png", "singular_values.png", "noise_directions.png"}
    written = figures.write_all(tmp_path, model, images, mean, stddev)
    assert {path.name for path in written} == names
    assert len(drawn[1].axes[0].lines) == 2  # no q(u)

    model.trained = {1, 2}
    write_log(tmp_path / "stage1.csv", log(3))
    write_log(tmp_path / "stage2.csv", log(3))
    written = figures.write_all(tmp_path, model, images, mean, stddev)
    assert {path.name for path in written} == names | {"losses.png", "gamma.png"}
    assert set(written) == set((tmp_path / "figures").iterdir())
    assert all(pixels(path).std() > 0 for path in written)
    assert legend(drawn[-1]) == ["stage 1", "stage 2"]


def test_a_started_stage_without_epochs_has_no_log(tmp_path):
    write_log(tmp_path / "stage1.csv", log(2))
    (tmp_path / "stage2.csv").write_text("epoch,kl\n")
    assert list(figures.read_logs(tmp_path)) == [1]
