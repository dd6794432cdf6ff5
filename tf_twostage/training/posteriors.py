"""q(z|x) of every training image, from which the second stage draws its data."""

import pathlib
import sys

import numpy as np

from tf_twostage import sealed
from tf_twostage.data.storage import Array, Storage, write_npy
from tf_twostage.models.latent_model import INFERENCE_BATCH, LatentModel
from tf_twostage.models.networks import Posterior
from tf_twostage.run_folder import RunFolder
from tf_twostage.sealed import Seal
from tf_twostage.training.devices import Devices


def stored_or_encoded(
    folder: RunFolder,
    model: LatentModel,
    images: Array,
    storage: Storage,
    devices: Devices,
) -> Posterior:
    """Mean and stddev, float32 [N, kappa] each, from the folder or computed and kept there.

    To be called by all workers, which share the encoding; the chief alone writes.

    Args:
      folder: the run folder.
      model: stage 1 trained.
      images: uint8 [N, H, W, C].
      storage: where the arrays go.
      devices: those that the model was built for.

    Raises:
      InputError: some workers see the files and others do not.
    """
    paths = [folder.posterior(name) for name in Posterior._fields]
    stored = all(map(_is_whole, paths))
    devices.check_same(int(stored), f"presence of {paths[0].name}")
    if stored:
        return Posterior(*map(storage.read_npy, paths))
    posterior = encode(model, images, storage, devices)
    if devices.is_chief:
        for path, array in zip(paths, posterior, strict=True):
            write_npy(path, array)
    return posterior


def _is_whole(path: pathlib.Path) -> bool:
    """Whether a file is there and as it was written; a damaged one is made again."""
    found = sealed.check(path) if path.exists() else Seal.ABSENT
    if found is Seal.BROKEN:
        print(f"warning: {path} is damaged: it is computed again", file=sys.stderr)
    return found is Seal.WHOLE


def encode(model: LatentModel, images: Array, storage: Storage, devices: Devices) -> Posterior:
    """q(z|x) of images [N, H, W, C], a thousand at a time on every worker, which all call it."""
    shape = (len(images), model.recipe.latent_dim)
    posterior = Posterior(*(storage.empty(shape, np.float32) for _ in Posterior._fields))
    done = 0
    for part in devices.apply(model.encode, images, INFERENCE_BATCH):
        for array, values in zip(posterior, part, strict=True):
            array[done : done + len(values)] = values
        done += len(part.mean)
    return posterior
