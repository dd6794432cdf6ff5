"""The loop on the device trains what the loop on the host does."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from small_stage2 import MEAN, RECIPE, STDDEV, Stop, weights

from tf_twostage import epoch_log, recipes
from tf_twostage.data.batches import ImageBatches, LatentBatches
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import device_loop, fit
from tf_twostage.training.devices import Devices

TERMS = ("loss", "kl", "reconstruction", "mse", "gamma", "active_dimensions")


def train(run, loop, *callbacks, recipe=RECIPE, data=None):
    """`small_stage2`, or the stage of `data`: 5 steps an epoch, all in one call."""
    data = data or LatentBatches(MEAN, STDDEV, 10, seed=1)
    model = TwoStageVAE(recipe, (8, 8, 1), seed=1).stage(data.stage)
    fit.fit_stage(
        model, data, recipe, RunFolder(run), devices=Devices(), callbacks=callbacks, loop=loop
    )
    return model


def assert_alike(run, other, stage=2, **tolerance):
    logs = [epoch_log.read_log(path / f"stage{stage}.csv") for path in (run, other)]
    for term in TERMS:
        np.testing.assert_allclose(logs[1][term], logs[0][term], err_msg=term, **tolerance)


def assert_same_weights(model, other):
    for one, two in zip(weights(model), weights(other), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("shape", [(100, 64), (7, 3)])
def test_noise_inside_xla_is_that_outside(shape):
    compiled = tf.function(device_loop.normal, jit_compile=True)
    for seed in ([0, 1], [2**40 + 5, 7], [-(2**62), 2**50]):
        seed = tf.constant(seed, tf.int64)
        outside = tf.random.stateless_normal(shape, seed)
        np.testing.assert_allclose(compiled(shape, seed), outside, atol=5e-6)


def test_batches_inside_xla_are_those_of_the_stream():
    data = LatentBatches(MEAN, STDDEV, 10, seed=2**33)
    gathers = [lambda rows, array=array: tf.gather(array, rows) for array in data.arrays]

    @tf.function(jit_compile=True)
    def batch(rows, step):
        return data.batch(gathers, rows, lambda use: data.noise(use, step, device_loop.normal))

    steps = zip(data.order(3), range(15, 20), strict=True)
    for (rows, step), expected in zip(steps, data.stream(3).take(5), strict=True):
        found = batch(rows, tf.constant(step, tf.int64))
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, atol=5e-6, err_msg=key)


def test_the_calls_of_an_epoch_are_its_steps_in_order():
    data = ImageBatches(np.zeros((75, 2, 2, 1), "uint8"), 10, 3, seed=0)  # 7 steps
    calls = list(device_loop.calls(data, 3, first_epoch=2).take(6))
    assert [int(first) for _, first in calls] == [14, 17, 20, 21, 24, 27]
    for epoch in (0, 1):
        rows = np.concatenate([rows for rows, _ in calls[3 * epoch : 3 * epoch + 3]])
        np.testing.assert_array_equal(rows, data.order(2 + epoch))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a whole run of each loop, and one of the device's killed in epoch 3."""
    root = tmp_path_factory.mktemp("runs")
    models = {loop: train(root / loop, loop) for loop in ("host", "device")}
    with pytest.raises(KeyboardInterrupt):
        train(root / "killed", "device", Stop(2, 1))
    return root, models


def test_both_loops_have_the_same_losses(runs):
    assert_alike(runs[0] / "host", runs[0] / "device", rtol=1e-5)


def test_a_killed_run_ends_with_the_same_weights_bit_for_bit(runs, tmp_path):
    root, models = runs
    shutil.copytree(root / "killed", tmp_path / "run")
    assert_same_weights(models["device"], train(tmp_path / "run", "device"))


def test_a_run_goes_on_with_the_other_loop(runs, tmp_path):
    root, _ = runs
    shutil.copytree(root / "killed", tmp_path / "device")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "host", "host", Stop(2, 1))
    for first, second in (("host", "device"), ("device", "host")):
        run = tmp_path / first
        assert epoch_log.read_log(run / "stage2.csv")["epoch"] == [1, 2]
        train(run, second)
        assert_alike(root / "host", run, rtol=1e-5)


IMAGES = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
TEN_EPOCHS = dataclasses.replace(RECIPE, stage1_epochs=10, stage1_halve_every=4, learning_rate=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"learn_gamma": False},
        {"likelihood": "bernoulli"},
        {"network": "resnet", "resnet_scales": 2, "resnet_channels": 4},
    ],
)
def test_fifty_steps_of_the_first_stage_are_the_same(tmp_path, changes):
    recipe = dataclasses.replace(TEN_EPOCHS, **changes)
    for loop in ("host", "device"):
        data = ImageBatches(IMAGES, 10, recipe.latent_dim, seed=1)
        train(tmp_path / loop, loop, recipe=recipe, data=data)
    # Adam divides by gradients that are nearly zero, so rounding grows; the KL term is 0.1 of 60.
    assert_alike(tmp_path / "host", tmp_path / "device", stage=1, rtol=2e-4, atol=5e-3)


@pytest.mark.slow
def test_fifty_steps_of_a_deeper_second_stage_in_calls_of_unequal_length(tmp_path, monkeypatch):
    """Seven steps an epoch, in calls of 3, 3 and 1."""
    recipe = recipes.get("official_code", "mnist", 1000, latent_dim=3, stage2_width=32)
    recipe = dataclasses.replace(recipe, batch_size=7, stage2_epochs=8, stage2_halve_every=3)
    models = []
    for loop in ("host", "device"):
        monkeypatch.setattr("tf_twostage.training.loop.STEPS", (3, 3))
        data = LatentBatches(MEAN, STDDEV, 7, seed=1)
        models.append(train(tmp_path / loop, loop, recipe=recipe, data=data))
    assert_alike(tmp_path / "host", tmp_path / "device", rtol=1e-4)
    for one, two in zip(*map(weights, models), strict=True):
        np.testing.assert_allclose(two, one, atol=1e-4)
