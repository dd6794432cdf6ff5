"""What is done at the end of a step and of an epoch: the guard against divergence, the log."""

import contextlib
import math
import pathlib
import time
from collections.abc import Iterator

import keras
import tensorflow as tf

from tf_twostage import epoch_log, files
from tf_twostage.errors import InputError
from tf_twostage.run_folder import RunFolder


class DivergedError(InputError):
    """The loss is no longer finite."""


class DivergenceGuard(keras.callbacks.Callback):
    """Stops when a term of the loss is not finite, before anything of it is saved.

    The loss itself is looked at last: weight decay sees weights that are NaN where a ReLU, which
    makes 0 of NaN, hides them from every term.

    Args:
      stage: 1 or 2.
      remedy: what the user may try then.
    """

    EVERY = 20  # steps between looks: each one waits for the device

    def __init__(self, stage: int, remedy: str = "a lower --learning_rate"):
        super().__init__()
        self.stage = stage
        self.remedy = remedy

    def on_epoch_begin(self, epoch, logs=None):
        self.next_look = 0

    def on_train_batch_end(self, batch, logs=None):
        if batch >= self.next_look:
            self.next_look = batch + self.EVERY
            self._check(f"step {int(self.model.optimizer.iterations.numpy())}")

    def on_epoch_end(self, epoch, logs=None):
        self._check(f"epoch {epoch + 1}")

    def _check(self, when: str) -> None:
        loss = [metric for metric in self.model.metrics if metric.name == "loss"]
        for metric in (*self.model.watched, *loss):
            value = float(metric.result())
            if not math.isfinite(value):
                raise DivergedError(
                    f"stage {self.stage} diverged by {when}: the {metric.name} term is {value}. "
                    f"The last good checkpoint is kept; try {self.remedy}"
                )


class FolderGuard(keras.callbacks.Callback):
    """Stops when the run folder has gone, before anything of an epoch is written."""

    def __init__(self, folder: RunFolder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        self.folder.check_there()


class EpochFacts(keras.callbacks.Callback):
    """Adds `learning_rate` and `seconds` of an epoch to its logs (and, on several workers, what
    the steps leave out of them)."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        # Under a strategy a constant rate is a variable that `float` does not take.
        self.rate = float(self.model.optimizer.learning_rate.numpy())

    def on_epoch_end(self, epoch, logs=None):
        if self.model.across_workers:
            logs.update((k, float(v)) for k, v in self.model.get_metrics_result().items())
        logs["learning_rate"] = self.rate
        logs["seconds"] = time.perf_counter() - self.start


class Events(keras.callbacks.TensorBoard):
    """TensorBoard's events, one set an epoch; what the disk refuses becomes one line."""

    def on_train_begin(self, logs=None):
        with self._writing():
            super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs=None):
        with self._writing():
            super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs=None):
        with self._writing():
            super().on_train_end(logs)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except tf.errors.OpError as error:
            reason = error.message.partition("\n")[0].rpartition("; ")[2]
            raise files.refused(self.log_dir, reason) from None


class EpochLog(keras.callbacks.Callback):
    """A CSV with a row an epoch. (Keras' CSVLogger cannot take back rows of an epoch that was
    logged but never checkpointed, and adds empty `val_` columns.)"""

    def __init__(self, path: pathlib.Path, first_epoch: int):
        super().__init__()
        self.path = path
        self.rows = epoch_log.read_rows(path)[:first_epoch]

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append({"epoch": epoch + 1} | {name: float(v) for name, v in logs.items()})
        epoch_log.write_rows(self.path, self.rows)
