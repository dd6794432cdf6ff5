"""`TwoStageVAE.fit`: the engine of the command line for people who have arrays."""

import hashlib
import pathlib

import numpy as np

from tf_twostage import files, quiet
from tf_twostage.errors import InputError
from tf_twostage.experiment.options import Options
from tf_twostage.models import loading
from tf_twostage.models.inputs import as_float
from tf_twostage.models.latent_model import LatentModel

ARRAYS = "arrays"  # the folder of images, in the output folder


def fit(
    images: np.ndarray,
    *,
    recipe: str = "quick",
    model: str = "two_stage",
    output_dir: str = "runs",
    seed: int = 0,
    epochs_scale: float = 1.0,
    fid: bool = False,
    **overrides,
) -> LatentModel:
    """Trains a model on images and returns it.

    The images are copied into `output_dir`, and a run folder is made there as the command line
    makes it: with logs, pictures, a page, scores and a SavedModel. A tenth of the images is held
    out for scores. Called again with the same arguments, it goes on where it was, or loads what
    is finished.

    Args:
      images: uint8 in 0..255 or float in 0..1, [N, H, W, C] with C 1 or 3, or [N, H, W].
      recipe: one that the model has; "paper" trains for days on a CPU.
      model: "two_stage" or another model that the command line knows.
      output_dir: where the run folder goes.
      seed: fixes everything that is drawn.
      epochs_scale: fraction of the recipe's epochs.
      fid: whether FIDs are measured, which needs an Inception graph.
      **overrides: of the recipe's values, such as `latent_dim` and `network`.

    Returns:
      The model, trained; `folder` is its run folder.

    Raises:
      InputError: bad images or arguments.
      DivergedError: the loss is no longer finite.
    """
    from tf_twostage.experiment import plan, sweep  # seconds that loading a model does not wait

    options = Options(
        dataset=str(_stored(images, pathlib.Path(output_dir).expanduser())),
        model=(model,),
        recipe=recipe,
        output_dir=output_dir,
        seed=seed,
        epochs_scale=epochs_scale,
        fid="on" if fid else "off",
        overrides=overrides,
    )
    with quiet.warnings_only():
        sweep.run(options)
    (setting,) = plan.make(options)
    (trial,) = setting.plans
    return loading.load(trial.folder.path)


def _stored(images: np.ndarray, output_dir: pathlib.Path) -> pathlib.Path:
    """The images as uint8 in a file that is named by their content."""
    images = np.asarray(images)
    if images.ndim not in (3, 4) or len(images) < 2:
        raise InputError(
            f"images must be two or more, [N, H, W] or [N, H, W, C], not of shape {images.shape}"
        )
    images = images if images.ndim == 4 else images[..., None]
    if images.dtype != np.uint8:
        images = np.round(255 * as_float(images)).astype(np.uint8)
    content = hashlib.sha256(repr(images.shape).encode() + images.tobytes()).hexdigest()
    path = output_dir / ARRAYS / f"images_{content[:12]}.npz"
    if not path.exists():
        files.replace_file(path, lambda temporary: _save(temporary, images))
    return path


def _save(path: pathlib.Path, images: np.ndarray) -> None:
    with path.open("wb") as file:
        np.savez(file, images=images)
