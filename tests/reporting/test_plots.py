"""Plots as files that open, with what they must say."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tf_twostage import recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.reporting import plots
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
    write = plots.write_figure
    monkeypatch.setattr(
        plots, "write_figure", lambda path, figure: (written.append(figure), write(path, figure))
    )
    return written


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


def test_losses_of_a_gan_have_a_row_each_and_no_gamma(tmp_path, drawn):
    columns = {"epoch": [1.0, 2.0], "loss": [3.0, 4.0], "d_loss": [1.0, 0.5], "g_loss": [3.0, 4.0]}
    write_log(tmp_path / "stage1.csv", columns | {"learning_rate": [1e-4, 1e-4]})
    plots.write_curves(RunFolder(tmp_path))
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["losses.png"]
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
    assert legend(drawn[0]) == ["stage 1"]


@pytest.mark.parametrize("greatest", [0.09, 1.0, 1.05, 1.31])
def test_histogram_counts_every_dimension(tmp_path, drawn, greatest):
    plots.save_lambda_histogram(tmp_path / "lambda.png", np.array([0.0, 0.01, greatest]))
    (axis,) = drawn[0].axes
    heights = [bar.get_height() for bar in axis.patches]
    assert sum(heights) == 3
    assert heights[0] == 2  # both below 0.05
    assert axis.get_title().startswith(f"{3 if greatest < 0.1 else 2} of 3")
    assert axis.lines[0].get_xdata()[0] == 0.1


def test_singular_values_without_stage_2(tmp_path, drawn):
    values = diagnostics.SingularValues(np.array([1.2, 0.4]), None, np.array([1.01, 0.99]))
    plots.save_singular_values(tmp_path / "values.png", values)
    normal, stage1 = drawn[0].axes[0].lines
    np.testing.assert_array_equal(normal.get_ydata(), values.normal)
    np.testing.assert_array_equal(stage1.get_ydata(), values.z)
    plots.save_singular_values(tmp_path / "values.png", values._replace(u=values.normal))
    assert len(drawn[1].axes[0].lines) == 3


def test_noise_rows_are_drawn_pixel_by_pixel_with_their_numbers(tmp_path, drawn):
    bright, dark = np.full((3, 40, 40, 1), 0.8, np.float32), np.zeros((3, 40, 40, 1), np.float32)
    rows = [
        diagnostics.NoiseRow(5, 0.0123, bright, 0.5),
        diagnostics.NoiseRow(1, 0.99, dark, 0.0),
    ]
    plots.save_noise_directions(tmp_path / "noise.png", rows)
    labels = [text.get_text() for text in drawn[0].axes[0].get_yticklabels()]
    assert labels == ["lambda = 0.0123\nvariance 0.5", "lambda = 0.99\nvariance 0"]
    picture = pixels(tmp_path / "noise.png")[50:-50, 180:-10]
    assert picture.shape == (2 * 84 + 4, 3 * 84 + 4, 3)
    assert (picture[4:84, 4:84] == 204).all()
    assert (picture[88:168, 88:168] == 0).all()
    assert (picture[84:88] == 255).all()


def test_every_figure_with_and_without_stage_2_and_logs(tmp_path, drawn):
    recipe = recipes.get("quick", "manifold", 1000)
    recipe = dataclasses.replace(recipe, latent_dim=8, stage2_width=16)
    model = TwoStageVAE(recipe, (8, 8, 3))
    model.trained = {1}
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    posterior = model.encode(images)
    lambda_ = diagnostics.eigenvalues(posterior.stddev)
    arguments = (RunFolder(tmp_path), model, images[0], posterior, lambda_)
    names = {"lambda.png", "singular_values.png", "noise_directions.png"}
    figures = tmp_path / "figures"
    plots.write_curves(RunFolder(tmp_path))
    plots.write_latent_space(*arguments)
    assert {path.name for path in figures.iterdir()} == names
    assert len(drawn[1].axes[0].lines) == 2  # no q(u)

    model.trained = {1, 2}
    write_log(tmp_path / "stage1.csv", log(3))
    write_log(tmp_path / "stage2.csv", log(3))
    plots.write_latent_space(*arguments)
    plots.write_curves(RunFolder(tmp_path))
    assert {path.name for path in figures.iterdir()} == names | {"losses.png", "gamma.png"}
    assert all(pixels(path).std() > 0 for path in figures.iterdir())
    assert legend(drawn[-1]) == ["stage 1", "stage 2"]


def test_a_started_stage_without_epochs_has_no_log(tmp_path):
    write_log(tmp_path / "stage1.csv", log(2))
    (tmp_path / "stage2.csv").write_text("epoch,kl\n")
    assert list(RunFolder(tmp_path).read_logs()) == [1]
