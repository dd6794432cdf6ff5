"""All pictures of a small untrained model."""

import dataclasses
import json

import numpy as np
import pytest

from tf_twostage import recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.reporting import grids, pictures
from tf_twostage.run_folder import RunFolder

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
LATENT = {"lambda", "singular_values"}
OF_IMAGES = {"noise_directions", "reconstructions"}


@pytest.fixture(scope="module")
def model():
    recipe = recipes.get("quick", "manifold", 1000)
    return TwoStageVAE(dataclasses.replace(recipe, latent_dim=8, stage2_width=16), (8, 8, 3))


def write(folder, model, originals, encoder=True):
    found = diagnostics.latents(model, model.encode(IMAGES), 0) if encoder else None
    pictures.write(RunFolder(folder), model, found, originals, 0)
    return {path.stem for path in (folder / "figures").glob("*.png")}


def read_json(folder, name):
    return json.loads((folder / "figures" / f"{name}.json").read_text())


def test_every_figure_of_two_stages_is_a_png_a_pdf_and_a_json(tmp_path, model):
    model.trained = {1, 2}
    (tmp_path / "stage1.csv").write_text("epoch,kl,gamma,mse,learning_rate\n1,2.0,0.5,0.25,0.001\n")
    names = write(tmp_path, model, IMAGES)
    assert names == LATENT | OF_IMAGES | {"samples", "losses", "gamma"}
    files = {path.name for path in (tmp_path / "figures").iterdir()}
    assert files == {f"{name}.{kind}" for name in names for kind in ("png", "pdf", "json")}
    assert {path.name for path in (tmp_path / "images").iterdir()} == {
        "samples_stage1.png",
        "samples_stage2.png",
        "reconstructions.png",
    }
    assert read_json(tmp_path, "samples")["rows"] == ["stage 1", "stage 2"]


def test_errors_beside_reconstructions_are_those_of_the_images_shown(tmp_path, model):
    model.trained = {1}
    write(tmp_path, model, IMAGES)
    originals, again = grids.read_pairs(tmp_path / "images/reconstructions.png", (8, 8, 3), 10)
    np.testing.assert_array_equal(originals, IMAGES[:10])
    squares = np.square(originals / 255.0 - again / 255.0).mean(axis=(1, 2, 3))
    found = read_json(tmp_path, "reconstructions")
    np.testing.assert_allclose(found["squared_errors"], squares, atol=2e-3)  # grey levels
    assert found["mean"] == pytest.approx(np.mean(found["squared_errors"]))


def test_without_images_or_an_encoder_the_other_figures_are_drawn(tmp_path, model):
    model.trained = {1}
    assert write(tmp_path / "a", model, None) == LATENT | {"samples"}
    assert "u" not in read_json(tmp_path / "a", "singular_values")
    assert write(tmp_path / "b", model, None, encoder=False) == {"samples"}
