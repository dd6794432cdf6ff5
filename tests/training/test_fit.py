"""Optimiser, schedule, checkpoints and resume, on a second-stage model, which is small."""

import dataclasses
import errno
import math
import pathlib
import shutil
import signal
import types
from unittest import mock

import keras
import numpy as np
import pytest
from small_stage2 import MEAN, RECIPE, STDDEV, Stop, weights

from tf_twostage import epoch_log, keras_settings, recipes
from tf_twostage.data import batches
from tf_twostage.errors import InputError
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import checkpoint, fit, optimizers, stopping
from tf_twostage.training.callbacks import DivergedError, FolderGuard
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing disturbed, and its weights."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, weights(train(folder))


def check_same(model, whole):
    for found, expected in zip(weights(model), whole[1], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_users_keras_settings_do_not_change_training(whole, tmp_path):
    with keras_settings.using("float16", "channels_first"):
        found = train(tmp_path / "users")
    check_same(found, whole)


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


def test_the_log_holds_every_epoch_and_its_own_rate(whole):
    log = epoch_log.read_log(whole[0] / "stage2.csv")
    assert log["epoch"] == [1, 2, 3, 4]
    assert log["learning_rate"] == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4])
    assert {"loss", "kl", "reconstruction", "mse", "gamma", "active_dimensions", "seconds"} <= set(
        log
    )
    decay = np.array(log["loss"]) - np.array(log["kl"]) - np.array(log["reconstruction"])
    assert np.all(decay > 0)  # the loss holds the weight decay too
    assert list(whole[0].glob("tensorboard/stage2/train/events*"))


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
def test_a_killed_run_ends_with_the_same_weights_bit_for_bit(whole, tmp_path, at):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, Stop(*at))
    check_same(train(tmp_path), whole)
    logs = [epoch_log.read_log(folder / "stage2.csv") for folder in (whole[0], tmp_path)]
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

    def save(model, path, former):
        saved.append(model.epoch)
        now[0] += 1
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)

    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint.weights, "save", save)
    writing = Checkpoint(RunFolder(tmp_path), 1)
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


class AskToStop(keras.callbacks.Callback):
    """What SIGTERM does, in an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            assert stopping.ask()


def stop_after(run, epoch):
    with pytest.raises(KeyboardInterrupt), mock.patch.object(stopping, "GRACE", 1e6):
        train(run, AskToStop(epoch))
    assert not stopping.asked()
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_sigterm_ends_the_epoch_writes_a_checkpoint_and_says_so(
    whole, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(checkpoint, "SMALL", 0)
    monkeypatch.setattr(checkpoint, "SHARE_OF_TIME", 1e-9)  # no checkpoint is due for years
    stop_after(tmp_path, 3)
    assert "stage 2: stopped after epoch 3" in capfd.readouterr().out
    check_same(train(tmp_path), whole)
    assert epoch_log.read_log(tmp_path / "stage2.csv")["epoch"] == [1, 2, 3, 4]


def test_only_what_trains_is_asked_to_stop_and_only_once():
    assert not stopping.ask()
    with stopping.training():
        assert stopping.ask()
        assert not stopping.ask()
    assert not stopping.asked()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run stopped after its third epoch, and its weights after the second and the third."""
    run, states = RunFolder(tmp_path_factory.mktemp("stopped")), {}
    stop_after(run.path, 3)
    for epoch, path in ((2, run.former_checkpoint(2)), (3, run.checkpoint(2))):
        model = TwoStageVAE(RECIPE, (4, 4, 1), seed=epoch).stage2
        model.load_weights(path)
        states[epoch] = [weight.numpy() for weight in model.weights]
    return run, states


def damaged(content, tenth, how):
    """The bytes without those after so many tenths, or with one bit flipped there."""
    place = min(len(content) * tenth // 10, len(content) - 1)
    if how == "cut off":
        return content[:place]
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("how", ["cut off", "flipped"])
def test_the_checkpoint_before_a_damaged_one_is_used(stopped, tmp_path, capfd, how):
    """Damaged at every tenth of its length."""
    good, states = stopped
    run = RunFolder(shutil.copytree(good.path, tmp_path / "run"))
    content = run.checkpoint(2).read_bytes()
    model = TwoStageVAE(RECIPE, (4, 4, 1), seed=1).stage2
    model.compile(optimizer=optimizers.of(RECIPE, 2, 5)["optimizer"])
    model.build_optimizers()
    for tenth in range(11):
        run.checkpoint(2).write_bytes(damaged(content, tenth, how))
        steps = Checkpoint(run, 2).restore(model)
        epoch = 3 if tenth == 10 else 2  # the last byte ends the checksum's line: nothing is lost
        assert steps == epoch * 5, tenth
        for value, expected in zip(model.weights, states[epoch], strict=True):
            np.testing.assert_array_equal(value, expected)
        warned = capfd.readouterr().err
        assert ("stage2.training.weights.h5 is damaged" in warned) is (epoch == 2), tenth


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(whole, stopped, tmp_path):
    run = RunFolder(shutil.copytree(stopped[0].path, tmp_path / "run"))
    run.checkpoint(2).write_bytes(b"")
    check_same(train(run.path), whole)


def test_two_damaged_checkpoints_are_one_clear_line(stopped, tmp_path):
    run = RunFolder(shutil.copytree(stopped[0].path, tmp_path / "run"))
    for path in (run.checkpoint(2), run.former_checkpoint(2)):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"no checkpoint of stage 2 .* delete .*stage2.training\*"):
        train(run.path)


def test_a_run_folder_that_has_gone_is_not_made_again(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.write(run.config, {"seed": 1})
    guard = FolderGuard(run)
    guard.on_epoch_end(0)
    shutil.rmtree(run.path)
    with pytest.raises(InputError, match=r"run has vanished: .* give the same command again"):
        guard.on_epoch_end(1)
    assert not run.path.exists()


def test_a_nan_stops_the_run_names_the_term_and_keeps_the_last_good_checkpoint(tmp_path):
    train(tmp_path, recipe=dataclasses.replace(RECIPE, stage2_epochs=1))
    path = tmp_path / "checkpoints" / "stage2.training.weights.h5"
    good = path.read_bytes()
    with pytest.raises(DivergedError, match=r"stage 2 diverged.* (kl|reconstruction) term is nan"):
        train(tmp_path, mean=np.full_like(MEAN, np.nan))
    assert path.read_bytes() == good


def test_a_network_whose_deviation_may_run_away_is_told_of_its_bound():
    resnet = recipes.get("paper", "mnist", 1000, network="resnet")
    for recipe, stage in ((resnet, 1), (resnet, 2), (RECIPE, 2)):
        assert fit.remedy(recipe, stage) == "--bounded_sd, or a lower --learning_rate"
    bounded = dataclasses.replace(resnet, bounded_sd=True)
    own = dataclasses.replace(RECIPE, stage2_network="mine:network")
    for recipe, stage in ((bounded, 1), (bounded, 2), (RECIPE, 1), (own, 2)):
        assert fit.remedy(recipe, stage) == "a lower --learning_rate"


def test_the_optimiser_is_dropped_after_training(tmp_path):
    assert train(tmp_path).optimizer is None
