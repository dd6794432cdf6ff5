"""A whole tiny run end to end, its resume and its bad inputs."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_images
from PIL import Image

from tf_twostage import TwoStageVAE, epoch_log
from tf_twostage.data import manifold
from tf_twostage.errors import InputError
from tf_twostage.experiment import sweep, trial
from tf_twostage.experiment.options import Options
from tf_twostage.training import fit
from tf_twostage.training.callbacks import DivergedError

ROOT = pathlib.Path(__file__).parents[2]
TINY = {
    "batch_size": 20,
    "latent_dim": 4,
    "stage2_width": 16,
    "stage1_epochs": 2,
    "stage1_halve_every": 1,
    "stage2_epochs": 3,
    "stage2_halve_every": 1,
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny_images.write(tmp_path_factory.mktemp("data"), 60, 16)


def options(images, output_dir, **values):
    overrides = TINY | values.pop("overrides", {})
    return Options(
        dataset=str(images),
        output_dir=str(output_dir),
        overrides=overrides,
        jit_compile=False,
        **values,
    )


@pytest.fixture(scope="module")
def finished(images, tmp_path_factory):
    """The run folder of one finished tiny run."""
    output_dir = tmp_path_factory.mktemp("runs")
    chosen = options(images, output_dir)
    sweep.run(chosen)
    (config,) = output_dir.rglob("config.json")
    return config.parent


def weights(run):
    model = TwoStageVAE.load(run)
    return [v.numpy() for stage in (1, 2) for v in model.stage(stage).weights]


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_run_folder_holds_what_the_readme_lists(finished):
    setting = "paper-infogan-learned+" + "+".join(f"{k}={v}" for k, v in sorted(TINY.items()))
    assert finished.parts[-3:] == ("tiny", setting, "trial_000")
    for name in (
        "config.json",
        "metrics.json",
        "report.html",
        "stage1.csv",
        "stage2.csv",
        "images/reconstructions.png",
        "images/samples_stage1.png",
        "images/samples_stage2.png",
        "figures/gamma.png",
        "figures/gamma.pdf",
        "figures/gamma.json",
        "checkpoints/stage1.weights.h5",
        "checkpoints/stage2.weights.h5",
        "saved_model/1/saved_model.pb",
    ):
        assert (finished / name).stat().st_size > 0, name
    left = [path.name for path in finished.rglob(".*")]
    assert not left, "temporary files stay behind"
    assert not list(finished.glob("checkpoints/*training*"))
    with Image.open(finished / "images" / "samples_stage2.png") as grid:
        assert min(grid.size) > 8 * 8


def test_metrics_and_config(finished):
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["stages"] == [1, 2]
    log = epoch_log.read_log(finished / "stage1.csv")
    assert metrics["loss"]["stage1"]["kl"] == log["kl"][-1]
    assert 0 < metrics["gamma"] < 2
    assert log["mse"][-1] > 0
    space = metrics["latent_space"]
    assert len(space["kl_per_dimension"]) == TINY["latent_dim"]
    assert min(space["kl_per_dimension"]) > 0
    assert 0 < space["z"]["p_value"] <= 1
    assert space["u"]["spectrum_distance"] > 0
    distances = metrics["sliced_wasserstein"]
    assert distances["factor"] == pytest.approx(distances["stage1"] / distances["stage2"])
    config = json.loads((finished / "config.json").read_text())
    assert config["recipe"]["batch_size"] == 20
    assert config["overrides"] == TINY
    assert config["environment"]["tensorflow"] == tf.__version__
    assert config["tf32"] is False
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_a_mirrored_run_ends_like_one_on_one_device(finished, images, tmp_path):
    sweep.run(options(images, tmp_path, strategy="mirrored"))
    (config,) = tmp_path.rglob("config.json")
    ours, theirs = (
        json.loads((run / "metrics.json").read_text()) for run in (config.parent, finished)
    )
    for stage in ("stage1", "stage2"):
        assert ours["loss"][stage] == pytest.approx(theirs["loss"][stage], rel=1e-3)
    served = tf.saved_model.load(str(config.parent / "saved_model" / "1"))
    latents = np.linspace(-1, 1, 2 * TINY["latent_dim"], dtype=np.float32).reshape(2, -1)
    np.testing.assert_allclose(
        served.signatures["decode"](latents=tf.constant(latents))["images"],
        TwoStageVAE.load(config.parent).decode(latents),
        atol=1e-6,
    )


@pytest.mark.slow
def test_images_and_posteriors_in_files_give_the_same_run(finished, images, tmp_path):
    sweep.run(options(images, tmp_path, memory_gb=0))
    (config,) = tmp_path.rglob("config.json")
    assert_same(weights(config.parent), weights(finished))
    ours, theirs = (
        json.loads((run / "metrics.json").read_text()) for run in (config.parent, finished)
    )
    for metrics in (ours, theirs):
        del metrics["seconds"]
    assert ours == theirs
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] in ([], [".lock"])


def test_load_samples_the_same_images_for_the_same_seed(finished):
    first, second = (TwoStageVAE.load(finished).sample(5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (5, 8, 8, 1)
    assert first.dtype == np.float32
    assert not np.array_equal(first, TwoStageVAE.load(finished).sample(5, seed=4))


@pytest.mark.slow
def test_samples_are_the_same_in_another_process(finished):
    code = (
        "import sys, numpy as np; from tf_twostage import TwoStageVAE;"
        "np.save(sys.argv[2], TwoStageVAE.load(sys.argv[1]).sample(3, seed=1))"
    )
    path = finished.parent / "samples.npy"
    subprocess.run([sys.executable, "-c", code, finished, path], check=True, cwd=ROOT)
    np.testing.assert_array_equal(np.load(path), TwoStageVAE.load(finished).sample(3, seed=1))


@pytest.mark.slow
def test_stage_1_then_stage_2_equals_both(images, finished, tmp_path):
    sweep.run(options(images, tmp_path, stage="1"))
    (run,) = (path.parent for path in tmp_path.rglob("config.json"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["stages"] == [1]
    assert "stage2" not in metrics["sliced_wasserstein"]
    assert not (run / "images" / "samples_stage2.png").exists()
    sweep.run(options(images, tmp_path, stage="2"))
    assert_same(weights(finished), weights(run))


class Kill(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stage", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_killed_run_goes_on_to_the_same_weights(images, finished, tmp_path, monkeypatch, stage):
    grids = trial.SampleGrids

    def killing(model, number, *arguments):
        return Kill() if number == stage else grids(model, number, *arguments)

    monkeypatch.setattr(trial, "SampleGrids", killing)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(options(images, tmp_path))
    monkeypatch.undo()
    sweep.run(options(images, tmp_path))
    (run,) = (path.parent for path in tmp_path.rglob("config.json"))
    assert_same(weights(finished), weights(run))
    whole, resumed = (json.loads((r / "metrics.json").read_text()) for r in (finished, run))
    del whole["seconds"], resumed["seconds"]
    assert whole == resumed


def test_a_finished_run_trains_nothing_again(images, finished, monkeypatch, tmp_path):
    output_dir = tmp_path / "copy"
    shutil.copytree(finished.parents[2], output_dir)
    monkeypatch.setattr(fit, "fit_stage", None)  # would fail if called
    sweep.run(options(images, output_dir))


@pytest.mark.slow
def test_an_override_makes_another_folder_and_a_changed_one_is_refused(images, tmp_path):
    chosen = options(images, tmp_path, stage="1", overrides={"stage1_epochs": 1})
    sweep.run(chosen)
    with pytest.raises(InputError, match=r"holds a run with seed = 0, not 5.*--output_dir"):
        sweep.run(dataclasses.replace(chosen, seed=5))


def test_a_finished_run_is_not_taken_for_one_of_other_images(
    images, finished, monkeypatch, tmp_path
):
    output_dir = tmp_path / "copy"
    shutil.copytree(finished.parents[2], output_dir)
    monkeypatch.setattr(fit, "fit_stage", None)  # would fail if called
    (tmp_path / "moved").mkdir()
    moved = shutil.copy(images, tmp_path / "moved")
    sweep.run(options(moved, output_dir))  # the same images in another place

    other = tiny_images.write(tmp_path, 60, 15)
    with pytest.raises(InputError, match=r"holds a run of other images \(.*tiny.npz: 60 .* 16 "):
        sweep.run(options(other, output_dir))


def test_a_finished_run_of_a_former_version_is_still_finished(
    images, finished, monkeypatch, tmp_path
):
    output_dir = tmp_path / "copy"
    run = shutil.copytree(finished.parents[2], output_dir) / finished.relative_to(
        finished.parents[2]
    )
    config = json.loads((run / "config.json").read_text())
    del config["dataset"]["identity"]
    config["recipe"]["gamma"] = {True: "learned"}[config["recipe"].pop("learn_gamma")]
    config["recipe"]["second_stage_width"] = config["recipe"].pop("stage2_width")
    (run / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(fit, "fit_stage", None)  # would fail if called
    sweep.run(options(images, output_dir))


def test_stage_2_alone_needs_stage_1(images, tmp_path):
    with pytest.raises(InputError, match=r"stage1.weights.h5 is missing: stage 1"):
        sweep.run(options(images, tmp_path, stage="2"))


def test_an_output_folder_that_cannot_be_written(images, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"cannot write .*choose another --output_dir"):
        sweep.run(options(images, tmp_path / "file"))


def test_a_dry_run_writes_nothing_and_prints_the_plan(images, tmp_path, capsys):
    sweep.run(options(images, tmp_path, dry_run=True))
    printed = capsys.readouterr().out
    for part in ("6 steps (3 an epoch): 2 epochs", "parameters", "trial_000", "held out", "tiny"):
        assert part in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"batch_size": 100}, "60 training images, fewer than the 100 of one step"),
        ({"network": "wae"}, "wae takes 64 x 64 x 3 images only"),
        ({"likelihood": "poisson"}, "unknown likelihood 'poisson'"),
    ],
)
def test_bad_settings_end_before_anything_is_written(images, tmp_path, overrides, message):
    with pytest.raises(InputError, match=message):
        sweep.run(options(images, tmp_path, overrides=overrides))
    assert not list(tmp_path.iterdir())


def test_a_diverging_run_keeps_its_last_good_checkpoint(images, tmp_path):
    bad = options(images, tmp_path, overrides={"learning_rate": 1e30})
    with pytest.raises(DivergedError, match="stage 1 diverged"):
        sweep.run(bad)


@pytest.mark.slow
def test_bernoulli_and_fixed_gamma_have_their_own_folders(images, tmp_path):
    for overrides, kind in (
        ({"likelihood": "bernoulli"}, "bernoulli"),
        ({"gamma": "fixed"}, "fixed"),
    ):
        chosen = options(images, tmp_path, overrides=overrides | {"stage1_epochs": 1}, stage="1")
        metrics = sweep.run(chosen)
        assert metrics["gamma"] == 1.0
        assert list(tmp_path.glob(f"tiny/paper-infogan-{kind}+*"))


def command_line(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, ROOT / "run_experiments.py", *map(str, arguments)],
        capture_output=True,
        text=True,
        **kwargs,
    )


def test_command_line_errors_are_one_line_and_exit_code_1(tmp_path):
    done = command_line("--dataset", "minst", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: unknown data set 'minst'")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_of_a_run_that_cannot_be_read_is_one_line(images, finished, tmp_path):
    output_dir = tmp_path / "copy"
    run = shutil.copytree(finished.parents[2], output_dir) / finished.relative_to(
        finished.parents[2]
    )
    (run / "failure.txt").mkdir()
    flags = [f"--{name}={value}" for name, value in TINY.items()]
    done = command_line("--dataset", images, "--output_dir", output_dir, "--dry_run", *flags)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {run / 'failure.txt'}: Is a directory: mend that")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flag", ["--recipe=papr", "--batch_size=many", "--no_such_flag=1"])
def test_wrong_flags_are_named_without_importing_tensorflow(flag):
    done = command_line(flag)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert flag.split("=")[0].strip("-") in done.stderr


def test_help_lists_the_flags():
    done = command_line("--help")
    for flag in (
        "--report",
        "--compare",
        "--dataset",
        "--stage",
        "--recipe",
        "--gamma",
        "--batch_size",
        "--[no]dry_run",
    ):
        assert flag in done.stdout


@pytest.mark.slow
def test_the_default_run_shows_what_the_theory_says(tmp_path):
    """The built-in images: gamma falls, r dimensions stay, stage 2 samples closer than stage 1."""
    metrics = sweep.run(Options(output_dir=str(tmp_path)))
    assert metrics["gamma"] < 5e-3
    assert metrics["active_dimensions"] == metrics["true_dimensions"] == manifold.TRUE_DIM
    superfluous = [value for value in metrics["lambda"] if value >= 0.1]
    assert min(superfluous) > 0.7
    assert metrics["sliced_wasserstein"]["factor"] > 1.2
