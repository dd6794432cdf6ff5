"""Fits one stage with `model.fit`: optimiser, schedule, logs, atomic checkpoints, resume."""

import contextlib
import math
import pathlib
import sys
import time
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tf_twostage import epoch_log, recipes
from tf_twostage.errors import InputError
from tf_twostage.models import two_stage
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import strategy as strategies
from tf_twostage.training.adam import Adam

Batches = Callable[[int], tf.data.Dataset]  # first epoch -> endless batches


class DivergedError(InputError):
    """The loss is no longer finite."""


def optimizer(recipe: recipes.Recipe, schedule: recipes.Schedule, steps: int) -> keras.Optimizer:
    """Adam with TF1's epsilon and the paper's step-halved rate, for `steps` steps an epoch."""
    rate = keras.optimizers.schedules.ExponentialDecay(
        schedule.learning_rate, schedule.halve_every * steps, 0.5, staircase=True
    )
    return Adam(rate, recipe.adam_beta_1, recipe.adam_beta_2, recipe.adam_epsilon)


def fit_stage(
    model: GaussianVAE,
    batches: Batches,
    steps: int,
    recipe: recipes.Recipe,
    stage: int,
    folder: RunFolder,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    jit_compile: bool | None = None,
) -> None:
    """Trains one stage to the end of its schedule, from its last finished epoch if there is one.

    Args:
      model: built, under the strategy it is to train with. On several workers each calls this,
        and the chief alone writes.
      batches: the stream of global batches from a given epoch on.
      steps: batches an epoch.
      recipe: the setting.
      stage: 1 or 2.
      folder: the run folder; its checkpoint, log and TensorBoard events are written.
      callbacks: called at the end of an epoch before it is logged and checkpointed.
      jit_compile: compile the training step with XLA; None: where there is a GPU. On a CPU
        TensorFlow's own kernels are faster and there at once. Ignored under a strategy, as is
        running several steps an execution: in Keras 3.15 neither works on several devices.

    Raises:
      InputError: the replicas cannot share a batch; the checkpoint is damaged.
      DivergedError: a term of the loss is not finite; the last good checkpoint stays.
    """
    devices = strategies.of(model)
    devices.check_batch_size(recipe.batch_size)
    model.across_workers = devices.workers > 1
    compile_stage(model, steps, recipe, stage, jit_compile)
    checkpoint = Checkpoint(folder.checkpoint(stage))
    first_epoch = checkpoint.restore(model) // steps
    devices.check_same(first_epoch, f"epoch that stage {stage} has reached")
    writing = [
        *callbacks,
        EpochLog(folder.log(stage), first_epoch),
        keras.callbacks.TensorBoard(folder.tensorboard(stage), write_graph=False),
        checkpoint,
    ]
    with contextlib.nullcontext() if devices.distributed else model.optimizer.decaying():
        model.fit(
            devices.share(batches(first_epoch)),
            epochs=recipe.schedule(stage).epochs,
            initial_epoch=first_epoch,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=_verbosity() if devices.is_chief else 0,
            callbacks=[
                DivergenceGuard(stage),
                EpochFacts(),
                *(writing if devices.is_chief else ()),
            ],
        )
    model.compile(optimizer=None)  # drops the optimiser's state


def compile_stage(
    model: GaussianVAE,
    steps: int,
    recipe: recipes.Recipe,
    stage: int,
    jit_compile: bool | None = None,
) -> None:
    """Compiles a stage for its devices, with its optimiser and its state; see `fit_stage`."""
    devices = strategies.of(model)
    with devices.strategy.scope():
        model.compile(
            optimizer(recipe, recipe.schedule(stage), steps),
            jit_compile=compiles(jit_compile) and not devices.distributed,
            steps_per_execution=1 if devices.distributed else steps_per_execution(steps, stage),
        )
        model.optimizer.build(model.trainable_variables)


def _verbosity() -> int:
    return 1 if sys.stdout.isatty() else 2


def compiles(jit_compile: bool | None) -> bool:
    """Whether the training step is compiled with XLA; where nothing is said, on a GPU."""
    return bool(tf.config.list_physical_devices("GPU")) if jit_compile is None else jit_compile


def steps_per_execution(steps: int, stage: int) -> int:
    """How many steps run between two calls from Python, which cost about a millisecond each.

    The largest divisor of `steps` up to 10 in the first stage, up to 100 in the second, whose
    steps are short.
    """
    most = min(steps, (10, 100)[stage - 1])
    return max(size for size in range(1, most + 1) if steps % size == 0)


class Checkpoint(keras.callbacks.Callback):
    """Weights and optimiser after every epoch, in one file that is replaced atomically."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self.path = path

    def restore(self, model: keras.Model) -> int:
        """Loads the checkpoint if there is one; returns how many steps it has trained."""
        if self.path.exists():
            two_stage.load_weights(model, self.path)
        return int(model.optimizer.iterations.numpy())

    def on_epoch_end(self, epoch, logs=None):
        two_stage.save_weights(self.model, self.path)


class DivergenceGuard(keras.callbacks.Callback):
    """Stops when a term of the loss is not finite, before anything of it is saved."""

    EVERY = 20  # steps between looks: each one waits for the device

    def __init__(self, stage: int):
        super().__init__()
        self.stage = stage

    def on_epoch_begin(self, epoch, logs=None):
        self.next_look = 0

    def on_train_batch_end(self, batch, logs=None):
        if batch >= self.next_look:
            self.next_look = batch + self.EVERY
            self._check(f"step {int(self.model.optimizer.iterations.numpy())}")

    def on_epoch_end(self, epoch, logs=None):
        self._check(f"epoch {epoch + 1}")

    def _check(self, when: str) -> None:
        for metric in (self.model.kl_metric, self.model.reconstruction_metric):
            value = float(metric.result())
            if not math.isfinite(value):
                raise DivergedError(
                    f"stage {self.stage} diverged by {when}: the {metric.name} term is {value}. "
                    "The last good checkpoint is kept; try a lower --learning_rate"
                )


class EpochFacts(keras.callbacks.Callback):
    """Adds `learning_rate` and `seconds` of an epoch to its logs (and, on several workers, what
    the steps leave out of them)."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()
        self.rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch, logs=None):
        if self.model.across_workers:
            logs.update((k, float(v)) for k, v in self.model.get_metrics_result().items())
        logs["learning_rate"] = self.rate
        logs["seconds"] = time.perf_counter() - self.start


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
