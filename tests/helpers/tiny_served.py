"""A two-stage VAE of 8 x 8 images with random weights, exported with what a run has beside it."""

import json
import pathlib

from tf_twostage import recipes
from tf_twostage.models.export import export_saved_model
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.reporting import model_card

SHAPE = (8, 8, 1)
KAPPA = 4
LAMBDA = [0.9, 0.002, 0.95, 0.001]
METRICS = {"lambda": LAMBDA, "gamma": 0.01}
RUN = {"dataset": {"name": "ellipses"}, "recipe": {"model": "two_stage"}, "metrics": METRICS}


def write(folder: pathlib.Path) -> pathlib.Path:
    """Exports it to the folder, under version 3."""
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=KAPPA, stage2_width=8)
    model = TwoStageVAE(recipe, SHAPE, seed=0)
    model.trained = {1, 2}
    for weight in model.stage1.decoder.weights:
        weight.assign(4 * weight)  # as they start, all images are nearly the same grey
    return export_saved_model(model, folder / "3", {model_card.RUN: json.dumps(RUN)})
