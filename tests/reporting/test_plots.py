"""Plots as files that open, with what they must say."""

import gc
import json
import math

import numpy as np
import pytest
from matplotlib import _mathtext
from PIL import Image

from tf_twostage.evaluation import diagnostics
from tf_twostage.reporting import figures, plots
from tf_twostage.run_folder import RunFolder


def pixels(path):
    return np.array(Image.open(path).convert("RGB"))


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
    write = figures.write

    def keeping(path, figure, *arguments):
        written.append(figure)
        write(path, figure, *arguments)

    monkeypatch.setattr(figures, "write", keeping)
    return written


def numbers(path):
    """The JSON beside a figure; its PDF must be there too."""
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    return json.loads(path.with_suffix(".json").read_text())


def legend(figure):
    (only,) = figure.legends
    return [text.get_text() for text in only.get_texts()]


def test_losses_show_both_terms_of_both_stages(tmp_path, drawn):
    plots.save_losses(tmp_path / "losses.png", {1: log(12), 2: log(4)})
    kl1, kl2, reconstruction1, reconstruction2 = drawn[0].axes
    assert legend(drawn[0]) == ["KL divergence", "reconstruction, -log p", "learning rate lowered"]
    curve = reconstruction1.lines[0]
    np.testing.assert_allclose(curve.get_ydata(), log(12)["reconstruction"])
    np.testing.assert_allclose(kl2.lines[0].get_ydata(), log(4)["kl"])
    assert [line.get_xdata()[0] for line in kl1.lines[1:]] == [5.5, 10.5]  # halved after 5 and 10
    assert len(reconstruction2.lines) == 1  # never halved
    assert {axis.get_ylabel() for axis in drawn[0].axes} == {"nats per example"}
    assert pixels(tmp_path / "losses.png").std() > 0
    found = numbers(tmp_path / "losses.png")
    assert found["stage2"] == {key: log(4)[key] for key in ("epoch", "kl", "reconstruction")}
    assert found["stage1"]["kl"] == kl1.lines[0].get_ydata().tolist()


def test_losses_of_a_gan_have_a_row_each_and_no_gamma(tmp_path, drawn):
    columns = {"epoch": [1.0, 2.0], "loss": [3.0, 4.0], "d_loss": [1.0, 0.5], "g_loss": [3.0, 4.0]}
    write_log(tmp_path / "stage1.csv", columns | {"learning_rate": [1e-4, 1e-4]})
    plots.write_curves(RunFolder(tmp_path))
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"losses"}
    assert legend(drawn[0]) == ["discriminator's loss", "generator's loss"]


def test_a_single_epoch_has_a_single_tick(tmp_path, drawn):
    plots.save_losses(tmp_path / "losses.png", {1: log(1)})
    axis = drawn[0].axes[-1]
    low, high = axis.get_xlim()
    assert [tick for tick in axis.get_xticks() if low <= tick <= high] == [1]


def test_gamma_has_a_logarithmic_axis(tmp_path, drawn):
    plots.save_gamma(tmp_path / "gamma.png", {1: log(12)})
    (axis,) = drawn[0].axes
    assert axis.get_yscale() == "log"
    np.testing.assert_allclose(axis.lines[0].get_ydata(), log(12)["gamma"])
    assert legend(drawn[0]) == [r"$\gamma$, the decoder's variance"]  # a log of a former version
    assert numbers(tmp_path / "gamma.png")["stage1"]["gamma"] == log(12)["gamma"]


def test_gamma_stands_beside_the_error_that_it_settles_at(tmp_path, drawn):
    error = [math.nan, 0.3, 0.2]  # the first epoch was trained by a former version
    first = log(3) | {"mse": error, "gamma_z": [0.5, 0.4, 0.3]}
    plots.save_gamma(tmp_path / "gamma.png", {1: first})
    images, latents = drawn[0].axes
    np.testing.assert_array_equal(images.lines[1].get_ydata(), error)
    np.testing.assert_array_equal(latents.lines[0].get_ydata(), first["gamma_z"])
    assert legend(drawn[0])[1] == "mean squared error"
    assert numbers(tmp_path / "gamma.png")["stage1"]["mse"] == [None, 0.3, 0.2]


def test_the_same_figure_has_the_same_bytes_and_the_width_of_a_column(tmp_path):
    for name in ("a", "b"):
        plots.save_gamma(tmp_path / f"{name}.png", {1: log(12)})
    for kind in ("png", "pdf", "json"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
        assert first == second
    assert pixels(tmp_path / "a.png").shape[1] == round(3.3 * 300)


@pytest.mark.parametrize("greatest", [0.09, 1.0, 1.05, 1.31, 1.995, 6e5])
def test_histogram_counts_every_dimension(tmp_path, drawn, greatest):
    plots.save_lambda_histogram(tmp_path / "lambda.png", np.array([0.0, 0.01, greatest]))
    (axis,) = drawn[0].axes
    heights = [bar.get_height() for bar in axis.patches]
    assert sum(heights) == 3
    assert heights[0] == 2  # both below 0.05
    assert axis.get_title().startswith(f"{3 if greatest < 0.1 else 2} of 3")
    assert axis.lines[0].get_xdata()[0] == 0.1
    found = numbers(tmp_path / "lambda.png")
    assert found["lambda"] == [0.0, 0.01, greatest]
    assert found["counts"] == heights


def test_singular_values_without_stage_2(tmp_path, drawn):
    values = diagnostics.SingularValues(np.array([1.2, 0.4]), None, np.array([1.01, 0.99]))
    plots.save_singular_values(tmp_path / "values.png", values)
    normal, stage1 = drawn[0].axes[0].lines
    np.testing.assert_array_equal(normal.get_ydata(), values.normal)
    np.testing.assert_array_equal(stage1.get_ydata(), values.z)
    assert numbers(tmp_path / "values.png") == {"z": [1.2, 0.4], "normal": [1.01, 0.99]}
    plots.save_singular_values(tmp_path / "values.png", values._replace(u=values.normal))
    assert len(drawn[1].axes[0].lines) == 3


def test_a_plot_leaves_no_fonts_of_formulas_behind(tmp_path):
    values = diagnostics.SingularValues(np.array([1.2, 0.4]), None, np.array([1.01, 0.99]))

    def fonts():
        gc.collect()
        return sum(isinstance(one, _mathtext.Fonts) for one in gc.get_objects())

    before = fonts()
    plots.save_singular_values(tmp_path / "values.png", values)
    assert fonts() == before


def test_noise_rows_are_drawn_pixel_by_pixel_with_their_numbers(tmp_path, drawn):
    bright, dark = np.full((3, 40, 40, 1), 0.8, np.float32), np.zeros((3, 40, 40, 1), np.float32)
    rows = [
        diagnostics.NoiseRow(5, 0.0123, bright, 0.5),
        diagnostics.NoiseRow(1, 0.99, dark, 0.0),
    ]
    plots.save_noise_directions(tmp_path / "noise.png", rows)
    labels = [text.get_text() for text in drawn[0].axes[0].get_yticklabels()]
    expected = ["$\\lambda$ = 0.0123\nvariance 0.5", "$\\lambda$ = 0.99\nvariance 0"]
    assert labels == expected
    side = 13 * 40  # the least whole factor that makes three images 1500 pixels wide
    picture = pixels(tmp_path / "noise.png")
    picture = picture[: 2 * (side + 4) + 4, -(3 * (side + 4) + 4) :]
    assert (picture[4 : side + 4, 4 : side + 4] == 204).all()
    assert (picture[side + 8 : -4, 4 : side + 4] == 0).all()
    assert (picture[side + 4 : side + 8] == 255).all()
    assert numbers(tmp_path / "noise.png")["rows"] == [
        {"dimension": 5, "lambda": 0.0123, "variance": 0.5},
        {"dimension": 1, "lambda": 0.99, "variance": 0.0},
    ]


def test_a_started_stage_without_epochs_has_no_log(tmp_path):
    write_log(tmp_path / "stage1.csv", log(2))
    (tmp_path / "stage2.csv").write_text("epoch,kl\n")
    assert list(RunFolder(tmp_path).read_logs()) == [1]
