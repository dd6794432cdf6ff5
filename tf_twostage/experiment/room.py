"""The room that a run needs on the disk, looked for before it starts."""

import pathlib
import shutil

from tf_twostage.errors import InputError
from tf_twostage.models.latent_model import LatentModel

FLOAT = 4  # bytes
CHECKPOINT = 3  # a weight and Adam's two moments
PICTURES = 32e6  # bytes of pictures, plots, logs and TensorBoard's events, generously


def needed(model: LatentModel, train_images: int) -> float:
    """Bytes that a run folder takes at its largest.

    The last two checkpoints stand there while a third is written, and the best one where it is
    kept. Each stage's weights stand in their own file and in the SavedModel; the posteriors are a
    mean and a standard deviation for each image.
    """
    stages = range(1, model.last_stage + 1)
    weights = [FLOAT * model.stage(stage).count_params() for stage in stages]
    posteriors = 2 * FLOAT * train_images * model.recipe.latent_dim if model.has_encoder else 0
    checkpoints = 4 if model.recipe.fid_every else 3
    return checkpoints * CHECKPOINT * max(weights) + 2 * sum(weights) + posteriors + PICTURES


def check(folder: pathlib.Path, size: float) -> None:
    """Makes sure that a folder, which need not exist, can grow to `size` bytes.

    Raises:
      InputError: its disk has too little room.
    """
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free + there < size:
        raise InputError(
            f"{folder} needs {size / 1e6:,.0f} MB and its disk has {free / 1e6:,.0f} MB left: make "
            "room or choose another --output_dir"
        )
