"""A model of any kind: a new one for a recipe, or that of a run folder."""

import os
import pathlib

from tf_twostage import recipes
from tf_twostage.errors import InputError
from tf_twostage.models.latent_model import LatentModel, Setting
from tf_twostage.models.one_stage import OneStageModel
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder


def new(recipe: recipes.Recipe, image_shape: tuple[int, int, int], *args, **kwargs) -> LatentModel:
    """An untrained model; further arguments are those of `TwoStageVAE` and `OneStageModel`."""
    return _kind(recipe)(recipe, image_shape, *args, **kwargs)


def load(run: str | os.PathLike, **networks) -> LatentModel:
    """The model of a run folder (`.../trial_000`), with every stage that has finished.

    Args:
      run: the folder.
      **networks: your own networks, `network` and `stage2_network`, where the recipe of a two-stage
        VAE cannot find them by name.

    Raises:
      InputError: no run there, its config.json is damaged, or stage 1 has not finished; networks
        for a model that takes none.
    """
    recipe = Setting.of(RunFolder(pathlib.Path(run).expanduser())).recipe
    kind = _kind(recipe)
    if networks and kind is not TwoStageVAE:
        raise InputError(f"{run} holds a {recipe.model}, which takes no {', '.join(networks)}")
    return kind.load(run, **networks)


def _kind(recipe: recipes.Recipe) -> type[LatentModel]:
    return TwoStageVAE if isinstance(recipe, TwoStageVAE.RECIPE) else OneStageModel
