"""A finished run, opened again from its folder alone."""

import pathlib
from typing import NamedTuple

from tf_twostage.models import loading, precision
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.run_folder import RunFolder


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
    config, metrics = folder.load_config(), folder.load_metrics()
    precision.allow_tf32(bool(config.get("tf32")))
    return FinishedRun(folder, config, metrics, loading.load(folder.path))
