"""The sides of the comparisons: each function here returns `run(steps)`."""

import pathlib
import tempfile

import numpy as np

BATCH = 100
KAPPA = 64
IMAGES = 2000
EPOCH = 1000  # steps, for the schedule and the steps an execution


def _images(shape: tuple[int, ...]) -> np.ndarray:
    from tf_twostage.data.storage import in_memory

    images = in_memory((IMAGES, *shape))
    images[...] = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    return images


def _posterior() -> tuple[np.ndarray, np.ndarray]:
    mean = np.random.default_rng(0).normal(size=(IMAGES, KAPPA)).astype("float32")
    return mean, np.full_like(mean, 0.1)


def plain_graph(stage: int, shape: tuple[int, ...], batch: int = BATCH):
    """(a): a v1 Session fed with NumPy batches, images as floats already."""
    from benchmarks.plain_graph import PlainGraph

    graph = PlainGraph(stage, (batch, *shape))
    rng = np.random.default_rng(1)
    if stage == 1:
        images = _images(shape).astype("float32") / 255
        return lambda n: [graph.step(images[rng.integers(0, IMAGES, batch)]) for _ in range(n)]
    mean, stddev = _posterior()

    def run(steps: int) -> None:
        for _ in range(steps):
            rows = rng.integers(0, IMAGES, batch)
            eps = rng.standard_normal((batch, KAPPA), dtype=np.float32)
            graph.step(mean[rows] + stddev[rows] * eps)

    return run


def _model(stage: int, shape: tuple[int, ...], **values):
    from tf_twostage import recipes
    from tf_twostage.models import two_stage

    recipe = recipes.get("paper", "mnist", IMAGES, **values)
    image_shape = shape if stage == 1 else (4, 4, 1)
    return recipe, two_stage.TwoStageVAE(recipe, image_shape).stage(stage)


def _batches(stage: int, shape: tuple[int, ...], recipe):
    from tf_twostage.data import batches

    if stage == 1:
        return batches.ImageBatches(_images(shape), recipe.batch_size, recipe.latent_dim, seed=0)
    return batches.LatentBatches(*_posterior(), recipe.batch_size, seed=0)


def plain_keras(stage: int, shape: tuple[int, ...]):
    """(b): the same model compiled with `keras.optimizers.Adam`, all else as Keras chooses it."""
    import keras

    recipe, model = _model(stage, shape)
    model.compile(keras.optimizers.Adam(1e-4, epsilon=1e-8))
    data = _batches(stage, shape, recipe).stream()
    return lambda steps: model.fit(data, steps_per_epoch=steps, verbose=0)


def ours(stage: int, shape: tuple[int, ...], epoch: int = EPOCH, **values):
    """A stage as `fit.fit_stage` trains it, `steps` steps with the callbacks of every step."""
    import keras

    from tf_twostage.training import callbacks, fit
    from tf_twostage.training.devices import Devices

    recipe, model = _model(stage, shape, **values)
    data = _batches(stage, shape, recipe).stream()
    fit.compile_stage(model, epoch, recipe, stage, Devices())
    per_call = fit.steps_per_execution(epoch, stage)
    folder = pathlib.Path(tempfile.mkdtemp())
    watching = [
        callbacks.DivergenceGuard(stage),
        callbacks.EpochFacts(),
        keras.callbacks.TensorBoard(folder, write_graph=False),
    ]

    def run(steps: int) -> None:
        steps = max(per_call, steps)
        with model.optimizer.decaying():
            model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=watching)

    return run
