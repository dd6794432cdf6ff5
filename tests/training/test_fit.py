"""Optimiser, schedule, checkpoints and resume, on a second-stage model, which is small."""

import dataclasses
import errno
import math
import pathlib
import types

import keras
import numpy as np
import pytest
from small_stage2 import MEAN, RECIPE, STDDEV, Stop, weights

from tf_twostage import epoch_log, keras_settings, recipes
from tf_twostage.data import batches
from tf_twostage.errors import InputError
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import checkpoint, fit, optimizers
from tf_twostage.training.callbacks import DivergedError
from tf_twostage.training.checkpoint import Checkpoint
from tf_twostage.training.devices import Devices


def train(run, *callbacks, recipe=RECIPE, mean=MEAN):
    model = TwoStageVAE(recipe, (4, 4, 1), seed=1).stage2
    fit.fit_stage(
        model,
        batches.LatentBatches(mean, STDDEV, 10, seed=1),
        recipe,
        RunFolder(run),
        devices=Devices(),
        callbacks=callbacks,
        jit_compile=False,
    )
    return model


def test_a_users_keras_settings_do_not_change_training(tmp_path):
    expected = weights(train(tmp_path / "ours"))
    with keras_settings.using("float16", "channels_first"):
        found = weights(train(tmp_path / "users"))
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, other)


def test_first_adam_step_has_tf1s_epsilon():
    """One step of Adam moves a weight by rate * g / (|g| + eps / sqrt(1 - beta_2))."""
    variable = keras.Variable(np.zeros(3, "float32"))
    recipe = dataclasses.replace(RECIPE, learning_rate=0.5)
    optimizer = optimizers.of(recipe, 1, 10)["optimizer"]
    optimizer.build([variable])
    gradient = np.array([1e-7, -1e-6, 3.0])
    optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [variable])
    expected = -0.5 * gradient / (np.abs(gradient) + 1e-8 / math.sqrt(1 - 0.999))
    np.testing.assert_allclose(variable, expected, rtol=2e-3)
    assert abs(float(variable[0])) > 0.1  # Keras' own epsilon of 1e-7 would give 0.015


def test_rate_at_the_boundaries_of_the_schedule():
    optimizer = optimizers.of(recipes.get("paper", "mnist", 60_000), 1, 600)["optimizer"]
    rates = {}
    for step in (0, 150 * 600 - 1, 150 * 600, 300 * 600 - 1, 300 * 600):
        optimizer.iterations.assign(step)
        rates[step] = float(optimizer.learning_rate)
    assert list(rates.values()) == pytest.approx([1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5])


def test_rates_of_a_wae_at_their_drops():
    """Halved at epoch 30, divided by five at 50; the adversary's own rate likewise."""
    recipe = recipes.get("suggested", "celeba", 162_770, model="wae_gan")
    for name, first in (("optimizer", 3e-4), ("adversary_optimizer", 1e-3)):
        optimizer = optimizers.of(recipe, 1, 10)[name]
        rates = []
        for step in (0, 299, 300, 499, 500):
            optimizer.iterations.assign(step)
            rates.append(float(optimizer.learning_rate))
        expected = [first, first, first / 2, first / 2, first / 10]
        assert rates == pytest.approx(expected)


def test_the_log_holds_every_epoch_and_its_own_rate(tmp_path):
    train(tmp_path)
    log = epoch_log.read_log(tmp_path / "stage2.csv")
    assert log["epoch"] == [1, 2, 3, 4]
    assert log["learning_rate"] == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4])
    assert {"loss", "kl", "reconstruction", "mse", "gamma", "active_dimensions", "seconds"} <= set(
        log
    )
    decay = np.array(log["loss"]) - np.array(log["kl"]) - np.array(log["reconstruction"])
    assert np.all(decay > 0)  # the loss holds the weight decay too
    assert list(tmp_path.glob("tensorboard/stage2/train/events*"))


def test_a_log_of_a_former_version_goes_on_with_what_it_lacks_unknown(tmp_path):
    train(tmp_path, recipe=dataclasses.replace(RECIPE, stage2_epochs=1))
    path = tmp_path / "stage2.csv"
    (row,) = epoch_log.read_rows(path)
    del row["mse"]
    epoch_log.write_rows(path, [row])
    train(tmp_path)
    mse = epoch_log.read_log(path)["mse"]
    assert math.isnan(mse[0])
    assert all(value > 0 for value in mse[1:])


@pytest.mark.parametrize(
    "at",
    [
        (0, 2),
        pytest.param((2, 1), marks=pytest.mark.slow),
        pytest.param((3, 4), marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_with_the_same_weights_bit_for_bit(tmp_path, at):
    whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", Stop(*at))
    resumed = train(tmp_path / "killed")
    for expected, actual in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(expected, actual)
    logs = [epoch_log.read_log(tmp_path / name / "stage2.csv") for name in ("whole", "killed")]
    for log in logs:
        del log["seconds"]
    assert logs[0] == logs[1]


def test_resume_takes_back_an_epoch_that_was_logged_but_not_saved(tmp_path, monkeypatch):
    def killed(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    original = Checkpoint.on_epoch_end
    monkeypatch.setattr(Checkpoint, "on_epoch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    assert epoch_log.read_log(tmp_path / "stage2.csv")["epoch"] == [1, 2, 3]
    monkeypatch.undo()
    train(tmp_path)
    assert epoch_log.read_log(tmp_path / "stage2.csv")["epoch"] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("size", "expected"),
    [(checkpoint.SMALL - 1, [0, 1, 2, 3, 4, 5]), (checkpoint.SMALL, [0, 3, 5])],
)
def test_large_checkpoints_take_a_twentieth_of_the_time(tmp_path, monkeypatch, size, expected):
    """Epochs of 8 seconds. A checkpoint of 1 s leaves the next two epochs out; the last is kept."""
    now, saved = [0.0], []

    def save(model, path):
        saved.append(model.epoch)
        now[0] += 1
        with path.open("wb") as file:
            file.truncate(size)

    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint.weights, "save", save)
    writing = Checkpoint(tmp_path / "weights")
    writing.set_params({"epochs": 6})
    for epoch in range(6):
        now[0] += 8
        writing.set_model(types.SimpleNamespace(epoch=epoch))
        writing.on_epoch_end(epoch)
    assert saved == expected


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    def torn(self, data):
        with self.open("wb") as file:
            file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    train(tmp_path, recipe=dataclasses.replace(RECIPE, stage2_epochs=1))
    path = tmp_path / "checkpoints" / "stage2.training.weights.h5"
    good = path.read_bytes()
    monkeypatch.setattr(pathlib.Path, "write_bytes", torn)
    with pytest.raises(
        InputError, match=r"cannot write .*weights.h5 \(No space left.*same command"
    ):
        train(tmp_path)
    assert path.read_bytes() == good
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_damaged_checkpoint_is_one_clear_line(tmp_path):
    train(tmp_path, recipe=dataclasses.replace(RECIPE, stage2_epochs=1))
    path = tmp_path / "checkpoints" / "stage2.training.weights.h5"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"stage2.training.weights.h5 is damaged.*delete it"):
        train(tmp_path)


def test_a_nan_stops_the_run_names_the_term_and_keeps_the_last_good_checkpoint(tmp_path):
    train(tmp_path, recipe=dataclasses.replace(RECIPE, stage2_epochs=1))
    path = tmp_path / "checkpoints" / "stage2.training.weights.h5"
    good = path.read_bytes()
    with pytest.raises(DivergedError, match=r"stage 2 diverged.* (kl|reconstruction) term is nan"):
        train(tmp_path, mean=np.full_like(MEAN, np.nan))
    assert path.read_bytes() == good


def test_the_optimiser_is_dropped_after_training(tmp_path):
    assert train(tmp_path).optimizer is None
