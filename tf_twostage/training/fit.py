"""Fits one stage with `model.fit`, from its last finished epoch to the end of its schedule."""

import contextlib
import sys
from collections.abc import Sequence

import keras
import tensorflow as tf

from tf_twostage import keras_settings, recipes
from tf_twostage.data.batches import Batches
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import device_loop, optimizers, stopping
from tf_twostage.training.callbacks import DivergenceGuard, EpochFacts, EpochLog, Events
from tf_twostage.training.checkpoint import Checkpoint
from tf_twostage.training.devices import Devices
from tf_twostage.training.loop import Loop, choose


@keras_settings.ours()
def fit_stage(
    model: keras.Model,
    data: Batches,
    recipe: recipes.Recipe,
    folder: RunFolder,
    *,
    devices: Devices,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    loop: str = "auto",
    jit_compile: bool | None = None,
) -> None:
    """Trains one stage to the end of its schedule, from its last finished epoch if there is one.

    Args:
      model: a `GaussianVAE`, `GAN` or `WAE`, built under the strategy of `devices`. On several
        workers each calls this, and the chief alone writes.
      data: the batches of that stage.
      recipe: the setting.
      folder: the run folder; its checkpoint, log and TensorBoard events are written.
      devices: share every batch.
      callbacks: called at the end of an epoch before it is logged and checkpointed.
      loop, jit_compile: where the loop over the steps runs, and whether XLA compiles the steps;
        see `loop.choose`.

    Raises:
      InputError: the replicas cannot share a batch; the loop is impossible; all checkpoints are
        damaged.
      DivergedError: a term of the loss is not finite; the last good checkpoint stays.
    """
    devices.check_batch_size(recipe.batch_size)
    model.across_workers = devices.workers > 1
    chosen = choose(loop, data, devices, jit_compile)
    compile_stage(model, data, recipe, devices, chosen)
    checkpoint = Checkpoint(folder, data.stage)
    first_epoch = checkpoint.restore(model) // data.steps
    if first_epoch == 0:
        model.pretrain(data)
    devices.check_same(first_epoch, f"epoch that stage {data.stage} has reached")
    writing = [
        *callbacks,
        EpochLog(folder.log(data.stage), first_epoch),
        Events(folder.tensorboard(data.stage), write_graph=False),
        checkpoint,
    ]
    with contextlib.ExitStack() as stack:
        if not devices.distributed:
            stack.enter_context(model.optimizer.decaying())
        if devices.workers == 1:  # several would wait for each other
            stack.enter_context(stopping.training())
        model.fit(
            stream(data, devices, chosen, first_epoch),
            epochs=recipe.schedule(data.stage).epochs,
            initial_epoch=first_epoch,
            steps_per_epoch=data.steps,
            shuffle=False,
            verbose=_verbosity() if devices.is_chief else 0,
            callbacks=[
                DivergenceGuard(data.stage, remedy(recipe, data.stage)),
                EpochFacts(),
                *(writing if devices.is_chief else ()),
            ],
        )
    model.compile(optimizer=None)  # drops the optimiser's state


@keras_settings.ours()
def compile_stage(
    model: keras.Model, data: Batches, recipe: recipes.Recipe, devices: Devices, loop: Loop
) -> None:
    """Gives the model its optimiser, with state, and what `fit` is to call; see `fit_stage`."""
    with devices.strategy.scope():
        model.compile(
            **optimizers.of(recipe, data.stage, data.steps),
            jit_compile=loop.jit_compile,
            steps_per_execution=loop.steps,
        )
        model.build_optimizers()
    if loop.on_device:
        model.train_function = device_loop.train_function(model, data)


def stream(data: Batches, devices: Devices, loop: Loop, first_epoch: int = 0) -> tf.data.Dataset:
    """What `fit` is to go through, from the start of an epoch on."""
    if loop.on_device:
        return device_loop.calls(data, loop.steps, first_epoch)
    return devices.share(data.stream(first_epoch, devices.part))


def remedy(recipe: recipes.Recipe, stage: int) -> str:
    """What helps where a stage diverges."""
    lower = "a lower --learning_rate"
    if getattr(recipe, "bounded_sd", True):
        return lower
    runs_away = (
        recipe.stage2_network == "mlp" if stage == 2 else recipe.network in ("resnet", "wae")
    )
    return f"--bounded_sd, or {lower}" if runs_away else lower


def _verbosity() -> int:
    """Keras' progress bar on a terminal and in a notebook, else a line an epoch."""
    return 1 if sys.stdout.isatty() or "ipykernel" in sys.modules else 2
