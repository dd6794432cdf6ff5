"""Four ways to train a stage. Each function returns `run(steps)`, which trains so many steps.

Args of all four:
  stage: 1 or 2.
  shape: of one example: (H, W, C) in stage 1, (kappa,) in stage 2.
"""

import os
import pathlib
import tempfile

import numpy as np

BATCH = 100
KAPPA = 64
IMAGES = 2000  # random ones, to draw batches from
DEVICE_IMAGES = 20_000  # for a loop on the device: an epoch of 200 steps
EPOCH = 1000  # steps


def _images(shape: tuple[int, ...], count: int = IMAGES) -> np.ndarray:
    """uint8 [count, H, W, C]; beyond 2,000 they repeat."""
    from tf_twostage.data.storage import in_memory

    images = in_memory((count, *shape))
    rng = np.random.default_rng(0)
    some = rng.integers(0, 256, (min(count, IMAGES), *shape), dtype=np.uint8)
    for start in range(0, count, IMAGES):
        images[start : start + IMAGES] = some[: count - start]
    return images


def _posterior(count: int = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    """Mean and stddev of q(z|x), float32 [count, kappa] each."""
    mean = np.random.default_rng(0).normal(size=(count, KAPPA)).astype("float32")
    return mean, np.full_like(mean, 0.1)


def plain_graph(stage: int, shape: tuple[int, ...], batch: int = BATCH):
    """(a): a v1 Session that is fed a NumPy batch each step; the images are floats already."""
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
    """The `paper` recipe, with other values where they are given, and that stage's model."""
    from tf_twostage import recipes
    from tf_twostage.models import two_stage

    recipe = recipes.get("paper", "mnist", IMAGES, **values)
    image_shape = shape if stage == 1 else (4, 4, 1)
    return recipe, two_stage.TwoStageVAE(recipe, image_shape).stage(stage)


def parameters(stage: int, shape: tuple[int, ...]) -> int:
    """How many numbers a stage trains."""
    _, model = _model(stage, shape)
    return sum(variable.shape.num_elements() for variable in model.trainable_variables)


def _batches(stage: int, shape: tuple[int, ...], recipe, images: int = IMAGES):
    """The batches that the project itself trains a stage on."""
    from tf_twostage.data import batches

    if stage == 1:
        pixels = _images(shape, images)
        return batches.ImageBatches(pixels, recipe.batch_size, recipe.latent_dim, seed=0)
    return batches.LatentBatches(*_posterior(images), recipe.batch_size, seed=0)


def plain_keras(stage: int, shape: tuple[int, ...]):
    """(b): the same model with `keras.optimizers.Adam`; Keras chooses everything else."""
    import keras

    recipe, model = _model(stage, shape)
    model.compile(keras.optimizers.Adam(1e-4, epsilon=1e-8))
    data = _batches(stage, shape, recipe).stream()
    return lambda steps: model.fit(data, steps_per_epoch=steps, verbose=0)


def ours(stage: int, shape: tuple[int, ...], epoch: int = EPOCH, images: int = IMAGES, **values):
    """The stage as `fit.fit_stage` trains it with its loop on the host.

    Args:
      stage, shape: see above.
      epoch: steps an epoch. Several steps run in one call, as many as divide an epoch evenly.
      images: how many there are.
      **values: of the recipe.

    Returns:
      `run(steps)`, which trains at least the steps of one call.
    """
    from tf_twostage.training import loop
    from tf_twostage.training.devices import Devices

    recipe, model = _model(stage, shape, **values)
    data = _batches(stage, shape, recipe, images)
    return _fitting(model, data, recipe, loop.on_host(stage, epoch, Devices()))


def ours_on_device(stage: int, shape: tuple[int, ...], xla_flags: str = "", tf32: bool = False):
    """The stage as `fit.fit_stage` trains it with its loop on the device.

    Args:
      stage, shape: see above.
      xla_flags: more for the environment variable XLA_FLAGS.
      tf32: round the factors of float32 products to 10 bits, where the GPU can.
    """
    if xla_flags:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {xla_flags}"
    if tf32:
        del os.environ["NVIDIA_TF32_OVERRIDE"]  # which all sides start with
    from tf_twostage.models import precision
    from tf_twostage.training import loop

    recipe, model = _model(stage, shape)
    precision.allow_tf32(tf32)  # models' modules turn it off when they are imported
    data = _batches(stage, shape, recipe, DEVICE_IMAGES)
    return _fitting(model, data, recipe, loop.on_device(stage, data.steps))


def _fitting(model, data, recipe, loop):
    """`run(steps)`, with the callbacks that act at every call."""
    import keras

    from tf_twostage.training import callbacks, fit
    from tf_twostage.training.devices import Devices

    fit.compile_stage(model, data, recipe, Devices(), loop)
    examples = fit.stream(data, Devices(), loop)
    folder = pathlib.Path(tempfile.mkdtemp())
    watching = [
        callbacks.DivergenceGuard(data.stage),
        callbacks.EpochFacts(),
        keras.callbacks.TensorBoard(folder, write_graph=False),
    ]

    def run(steps: int) -> None:
        steps = max(loop.steps, steps)
        with model.optimizer.decaying():
            model.fit(examples, steps_per_epoch=steps, verbose=0, callbacks=watching)

    return run
