"""Fits one stage with `model.fit`, from its last finished epoch to the end of its schedule."""

import contextlib
import sys
from collections.abc import Sequence

import keras
import tensorflow as tf

from tf_twostage import keras_settings, recipes
from tf_twostage.data.batches import Batches
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training.adam import Adam
from tf_twostage.training.callbacks import DivergenceGuard, EpochFacts, EpochLog
from tf_twostage.training.checkpoint import Checkpoint
from tf_twostage.training.devices import Devices
from tf_twostage.training.schedule import halved_rate


@keras_settings.using("float32", "channels_last")
def fit_stage(
    model: GaussianVAE,
    data: Batches,
    recipe: recipes.Recipe,
    folder: RunFolder,
    *,
    devices: Devices,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    jit_compile: bool | None = None,
) -> None:
    """Trains one stage to the end of its schedule, from its last finished epoch if there is one.

    Args:
      model: built under the strategy of `devices`. On several workers each calls this, and the
        chief alone writes.
      data: the batches of that stage.
      recipe: the setting.
      folder: the run folder; its checkpoint, log and TensorBoard events are written.
      devices: share every batch.
      callbacks: called at the end of an epoch before it is logged and checkpointed.
      jit_compile: compile the training step with XLA; None: where there is a GPU. On a CPU
        TensorFlow's own kernels are faster and there at once. Ignored under a strategy, as is
        running several steps an execution: in Keras 3.15 neither works on several devices.

    Raises:
      InputError: the replicas cannot share a batch; the checkpoint is damaged.
      DivergedError: a term of the loss is not finite; the last good checkpoint stays.
    """
    devices.check_batch_size(recipe.batch_size)
    model.across_workers = devices.workers > 1
    compile_stage(model, data.steps, recipe, data.stage, devices, jit_compile)
    checkpoint = Checkpoint(folder.checkpoint(data.stage))
    first_epoch = checkpoint.restore(model) // data.steps
    devices.check_same(first_epoch, f"epoch that stage {data.stage} has reached")
    writing = [
        *callbacks,
        EpochLog(folder.log(data.stage), first_epoch),
        keras.callbacks.TensorBoard(folder.tensorboard(data.stage), write_graph=False),
        checkpoint,
    ]
    with contextlib.nullcontext() if devices.distributed else model.optimizer.decaying():
        model.fit(
            devices.share(data.stream(first_epoch, devices.part)),
            epochs=recipe.schedule(data.stage).epochs,
            initial_epoch=first_epoch,
            steps_per_epoch=data.steps,
            shuffle=False,
            verbose=_verbosity() if devices.is_chief else 0,
            callbacks=[
                DivergenceGuard(data.stage),
                EpochFacts(),
                *(writing if devices.is_chief else ()),
            ],
        )
    model.compile(optimizer=None)  # drops the optimiser's state


@keras_settings.using("float32", "channels_last")
def compile_stage(
    model: GaussianVAE,
    steps: int,
    recipe: recipes.Recipe,
    stage: int,
    devices: Devices,
    jit_compile: bool | None = None,
) -> None:
    """Compiles a stage of `steps` batches an epoch, with its optimiser's state; see `fit_stage`."""
    with devices.strategy.scope():
        model.compile(
            optimizer(recipe, recipe.schedule(stage), steps),
            jit_compile=compiles(jit_compile) and not devices.distributed,
            steps_per_execution=1 if devices.distributed else steps_per_execution(steps, stage),
        )
        model.optimizer.build(model.trainable_variables)


def optimizer(recipe: recipes.Recipe, schedule: recipes.Schedule, steps: int) -> keras.Optimizer:
    """Adam with TF1's epsilon and the paper's step-halved rate, for `steps` steps an epoch."""
    rate = halved_rate(schedule, steps)
    return Adam(rate, recipe.adam_beta_1, recipe.adam_beta_2, recipe.adam_epsilon)


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
