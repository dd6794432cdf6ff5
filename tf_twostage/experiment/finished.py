"""A finished run, opened again from its folder alone."""

import dataclasses
import pathlib
from typing import NamedTuple

from tf_twostage.errors import InputError
from tf_twostage.models import loading, precision
from tf_twostage.models.latent_model import LatentModel, Setting
from tf_twostage.run_folder import RunFolder

DATASET = ("name", "train", "test")  # what model card and figures need to know of it


class FinishedRun(NamedTuple):
    """Its folder, what config.json and metrics.json hold, and its model."""

    folder: RunFolder
    config: dict
    metrics: dict
    model: LatentModel


def load(path: str) -> FinishedRun:
    """Opens a run, with TF32 as the run had it.

    Args:
      path: a run folder, `.../trial_000`.

    Raises:
      InputError: no run there, it has not finished, or a file of it is damaged.
    """
    folder = RunFolder(pathlib.Path(path).expanduser())
    config, metrics = config_of(folder), folder.load_metrics()
    precision.allow_tf32(bool(config.get("tf32")))
    return FinishedRun(folder, config, metrics, loading.load(folder.path))


def config_of(folder: RunFolder) -> dict:
    """config.json of a finished run, its recipe with every value: former versions had fewer.

    Raises:
      InputError: there is none, or it lacks what every finished run has.
    """
    config, recipe = folder.load_config(), Setting.of(folder).recipe
    missing = [name for name in DATASET if config["dataset"].get(name) is None]
    if missing:
        raise InputError(f"{folder.config} is damaged (no {', '.join(missing)}): restore it")
    return config | {"recipe": dataclasses.asdict(recipe)}
