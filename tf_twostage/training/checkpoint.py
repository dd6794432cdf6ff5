"""The checkpoint of a stage in training, from which a stopped run goes on."""

import pathlib
import time

import keras

from tf_twostage.models import weights

# A GPU trains an epoch of a small data set in less time than its weights take to a disk.
SHARE_OF_TIME = 0.05  # of training, at most, goes into checkpoints
SMALL = 32 * 2**20  # bytes; smaller ones are always written


class Checkpoint(keras.callbacks.Callback):
    """Weights and optimiser at the end of epochs, in one file that is replaced atomically.

    Written after the first epoch, the last, and every one between that `SHARE_OF_TIME` allows.
    """

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.path = path
        self._due = 0.0  # when the next one may be written

    def restore(self, model: keras.Model) -> int:
        """Loads the checkpoint if there is one; returns how many steps it has trained."""
        if self.path.exists():
            weights.load(model, self.path)
        return int(model.optimizer.iterations.numpy())

    def on_epoch_end(self, epoch, logs=None):
        start = time.monotonic()
        if start < self._due and epoch + 1 < self.params["epochs"]:
            return
        weights.save(self.model, self.path)
        end = time.monotonic()
        if self.path.stat().st_size >= SMALL:
            self._due = end + (end - start) / SHARE_OF_TIME
