"""Grids of samples at fixed latents, drawn while a stage trains."""

import keras
import numpy as np

from tf_twostage.models.latent_model import LatentModel
from tf_twostage.reporting import grids
from tf_twostage.reporting.pictures import SAMPLES
from tf_twostage.run_folder import RunFolder

TIMES = 10  # about so many grids in a stage


class SampleGrids(keras.callbacks.Callback):
    """Writes a grid about ten times in a stage, always of the same latents.

    Args:
      model: the model that trains.
      stage: the one whose samples are shown.
      epochs: of its schedule.
      seed: of the latents.
      folder: its `training_images` are written.
    """

    def __init__(self, model: LatentModel, stage: int, epochs: int, seed: int, folder: RunFolder):
        super().__init__()
        self.sampled = model  # Keras sets `model` to what it fits
        self.stage = stage
        self.folder = folder
        self.every = max(1, epochs // TIMES)
        shape = (2, SAMPLES, model.recipe.latent_dim)
        self.noise = np.random.default_rng(seed).normal(size=shape).astype("float32")

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        first, _ = self.noise
        z = (
            self.sampled.from_normal(first)
            if self.stage == 1
            else self.sampled.latents_from(*self.noise)
        )
        name = f"stage{self.stage}_epoch_{epoch + 1:04d}.png"
        grids.save_grid(self.folder.training_images / name, self.sampled.decode(z))
