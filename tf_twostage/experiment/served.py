"""The SavedModel of a run, with its card beside it; `--export RUN` writes it anew."""

import pathlib

from tf_twostage.models import export, loading, precision
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.reporting import model_card
from tf_twostage.run_folder import RunFolder


def write(model: LatentModel, config: dict, metrics: dict, path: pathlib.Path) -> pathlib.Path:
    """Writes the SavedModel, its model card and its numbers, whole or not at all.

    Args:
      model: trained.
      config, metrics: of its run, as config.json and metrics.json hold them.
      path: a folder; a former one is replaced.

    Raises:
      WriteError: the folder cannot be written.
    """
    return export.export_saved_model(model, path, model_card.files(config, metrics))


def run(path: str, export_dir: str | None = None) -> pathlib.Path:
    """Exports a finished run again.

    Args:
      path: a run folder, `.../trial_000`.
      export_dir: where to; its folder `1` then holds the model, as TensorFlow Serving expects it.
        By default the run's own `saved_model`.

    Returns:
      The folder that holds the model.

    Raises:
      InputError: no run there, it has not finished, or a file of it is damaged.
      WriteError: the folder cannot be written.
    """
    folder = RunFolder(pathlib.Path(path).expanduser())
    config, metrics = folder.load_config(), folder.load_metrics()
    precision.allow_tf32(bool(config.get("tf32")))
    target = folder.saved_model
    if export_dir:
        target = pathlib.Path(export_dir).expanduser() / target.name
    return write(loading.load(folder.path), config, metrics, target)
