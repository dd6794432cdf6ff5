"""The checkpoints of a stage in training, from which a stopped run goes on."""

import sys
import time

import keras

from tf_twostage.errors import InputError
from tf_twostage.models import weights
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import stopping

# A GPU trains an epoch of a small data set in less time than its weights take to a disk.
SHARE_OF_TIME = 0.05  # of training, at most, goes into checkpoints
SMALL = 32 * 2**20  # bytes; smaller ones are always written


class Checkpoint(keras.callbacks.Callback):
    """Weights and optimiser at the end of epochs: the last two of them, each with a checksum.

    Written after the first epoch, the last, every one between that `SHARE_OF_TIME` allows, and
    where training was asked to stop: then it stops here.

    Args:
      folder: the run folder; its `checkpoint` and `former_checkpoint` are written.
      stage: 1 or 2.
    """

    def __init__(self, folder: RunFolder, stage: int):
        super().__init__()
        self.path = folder.checkpoint(stage)
        self.former = folder.former_checkpoint(stage)
        self.stage = stage
        self._due = 0.0  # when the next one may be written

    def restore(self, model: keras.Model) -> int:
        """Loads the last checkpoint that is whole; returns how many steps it has trained.

        Raises:
          InputError: there are checkpoints, and all are damaged; one is of another network.
        """
        found = [path for path in (self.path, self.former) if path.exists()]
        for path in found:
            try:
                weights.load(model, path)
            except weights.DamagedError as error:
                print(f"warning: {error}", file=sys.stderr)
            else:
                return int(model.optimizer.iterations.numpy())
        if found:
            raise InputError(
                f"no checkpoint of stage {self.stage} can be read: delete "
                f"{self.path.parent}/stage{self.stage}.training* and the stage starts anew"
            )
        return 0

    def on_epoch_end(self, epoch, logs=None):
        start, stops = time.monotonic(), stopping.asked()
        if start < self._due and epoch + 1 < self.params["epochs"] and not stops:
            return
        weights.save(self.model, self.path, self.former)
        end = time.monotonic()
        if self.path.stat().st_size >= SMALL:
            self._due = end + (end - start) / SHARE_OF_TIME
        if stops:
            print(f"\nstage {self.stage}: stopped after epoch {epoch + 1}", flush=True)
            raise KeyboardInterrupt
