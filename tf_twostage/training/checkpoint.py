"""The checkpoint of a stage in training, from which a stopped run goes on."""

import pathlib

import keras

from tf_twostage.models import weights


class Checkpoint(keras.callbacks.Callback):
    """Weights and optimiser after every epoch, in one file that is replaced atomically."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.path = path

    def restore(self, model: keras.Model) -> int:
        """Loads the checkpoint if there is one; returns how many steps it has trained."""
        if self.path.exists():
            weights.load(model, self.path)
        return int(model.optimizer.iterations.numpy())

    def on_epoch_end(self, epoch, logs=None):
        weights.save(self.model, self.path)
