"""The SavedModel of a run, with its card beside it; `--export RUN` writes it and others anew."""

import pathlib
from collections.abc import Sequence

from tf_twostage.experiment import finished
from tf_twostage.models import export, signatures
from tf_twostage.models.export_keras import export_keras
from tf_twostage.models.export_onnx import export_onnx
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.reporting import model_card


def write(model: LatentModel, config: dict, metrics: dict, path: pathlib.Path) -> pathlib.Path:
    """Writes the SavedModel, its model card and its numbers, whole or not at all.

    Args:
      model: trained.
      config, metrics: of its run, as config.json and metrics.json hold them.
      path: a folder; a former one is replaced.

    Raises:
      WriteError: the folder cannot be written.
    """
    beside = model_card.files(config, metrics, signatures.of(model))
    return export.export_saved_model(model, path, beside)


def run(
    path: str, export_dir: str | None = None, formats: Sequence[str] = ("saved_model",)
) -> list[pathlib.Path]:
    """Exports a finished run again.

    Args:
      path: a run folder, `.../trial_000`.
      export_dir: where to; its folder `1` then holds the SavedModel, as TensorFlow Serving expects
        it, its folders `onnx` and `keras` the other files. By default the run's own folders
        `saved_model/1`, `onnx` and `keras`.
      formats: some of "saved_model", "onnx" and "keras".

    Returns:
      The folder of the SavedModel, and the other files.

    Raises:
      InputError: no run there, it has not finished, or a file of it is damaged; ONNX lacks tf2onnx.
      WriteError: a file cannot be written.
    """
    folder, config, metrics, model = finished.load(path)
    target = pathlib.Path(export_dir).expanduser() if export_dir else folder.path
    found = []
    if "onnx" in formats:  # first, as it may lack its package
        found += export_onnx(model, target / "onnx")
    if "keras" in formats:
        found += export_keras(model, target / "keras")
    if "saved_model" in formats:
        place = target / "1" if export_dir else folder.saved_model
        found.append(write(model, config, metrics, place))
    return found
