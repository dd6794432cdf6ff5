"""config.json, metrics.json, the logs and other files of a stranger's run, but its weights."""

import dataclasses
import json

import pytest
from fuzzing import damaged, fuzz, odd_json, one_odd_value, refused

from tf_twostage import recipes
from tf_twostage.data.splits import Outline
from tf_twostage.errors import InputError
from tf_twostage.experiment import console, finished, progress
from tf_twostage.experiment.options import Options
from tf_twostage.experiment.plan import Plan
from tf_twostage.experiment.plan import Setting as PlannedSetting
from tf_twostage.models.latent_model import Setting
from tf_twostage.reporting import compare, model_card, report, table1
from tf_twostage.run_folder import RunFolder

RECIPE = recipes.get("quick", "mnist", 100)
CONFIG = {
    "recipe": dataclasses.asdict(RECIPE),
    "overrides": {"epochs_scale": 0.5},
    "dataset": {
        "name": "mnist",
        "version": "2.0.1",
        "identity": "abc",
        "image_shape": [8, 8, 1],
        "train": 100,
        "test": 10,
    },
    "source": "a folder",
    "seed": 3,
    "tf32": False,
    "environment": {"git_commit": "f00", "tensorflow": "2.21.0", "argv": ["a", "--b"]},
}
GAN, WAE = (
    CONFIG | {"recipe": dataclasses.asdict(recipes.get("quick", "mnist", 100, model=model))}
    for model in ("wgan_gp", "wae_mmd")
)
METRICS = {
    "stages": [1, 2],
    "gamma": 0.01,
    "log_gamma": -2.3,
    "latent_dim": 2,
    "active_dimensions": 1,
    "true_dimensions": None,
    "lambda": [0.01, 0.9],
    "reconstruction_mse": 0.002,
    "latent_space": {
        "kl_per_dimension": [1.0, 0.1],
        "active_share": 0.5,
        "lambda_gap": 0.8,
        "z": {"spectrum_distance": 0.1, "mmd2": 0.1, "p_value": 0.5},
        "u": None,
        "spectrum_floor": 0.01,
        "draws": 10,
        "mmd_draws": 10,
    },
    "sliced_wasserstein": {"stage1": 0.5, "stage2": 0.25, "factor": 2.0, "train_vs_test": 0.1},
    "near_duplicates": {"stage1": 0.1, "stage2": 0.1, "train": 0.1, "images": 10},
    "fid": {
        "protocol": "table1",
        "dims": 768,
        "inception_git_blob": "f00",
        "comparable_with_table1": False,
        "images": 1000,
        "stage1": 3.5,
        "stage2": 2.5,
        "training_images": 0.5,
        "protocols": {name: {"stage1": 3.5, "stage2": 2.5} for name in ("plain", "table1")},
        "best": {"epoch": 1, "checkpoints": 2, "protocols": {"plain": 1.5, "table1": 2.5}},
    },
    "loss": {"stage1": {"kl": 31.5}, "stage2": {"kl": 3.75}},
    "seconds": {"stage1": 3.4, "total": 59.0},
}
LOG = b"epoch,loss,kl,mse,gamma,seconds\r\n1,2.5,1.5,0.1,0.5,1.0\r\n2,2.25,1.5,0.1,0.4,1.0\r\n"
DECODER = {"image_shape": [8, 8, 1], "limit": 3, "latent_dim": 2, "draws": {"1": ""}, "layers": []}


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "mnist" / "quick" / "trial_000")
    folder.write(folder.config, CONFIG)
    folder.write(folder.metrics, METRICS)
    for stage in (1, 2):
        folder.log(stage).write_bytes(LOG)
    return folder


def read_everything(run):
    """What reads a run folder but its weights."""
    other = RunFolder(run.path.with_name("trial_001"))
    other.write(other.config, CONFIG)
    other.write(other.metrics, METRICS)
    root = run.path.parents[2]
    for call in (
        lambda: Setting.of(run),
        lambda: run.open(CONFIG),
        lambda: report.write_report(run),
        lambda: table1.rebuild(root),
        lambda: compare._page(*compared(run, other), root),
        lambda: show_progress(run),
        lambda: model_card.files(finished.config_of(run), run.load_metrics(), ("generate",)),
    ):
        with refused(InputError):
            call()


def read_with(run, path, text):
    """Everything of the run, once a file of it holds the text."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    read_everything(run)


def show_progress(run):
    """As a command shows it that would train this run, or go on with it."""
    root = run.path.parents[2]
    options = Options("mnist", seed=3, output_dir=str(root))
    outline = Outline((8, 8, 1), 100, 10, "abc")
    plan = Plan(
        PlannedSetting(options, "mnist", (1, 2), {}, None, outline, RECIPE, run.path.parent), 0
    )
    status = progress.status(plan)
    assert str(status).isprintable()
    console._time_left(progress.seconds_left([status], [status]))
    progress.line(plan)


def compared(*folders):
    runs = compare.compared_runs.read([folder.path for folder in folders])
    return runs, {run.number: compare._numbers(run) for run in runs}


@fuzz(
    odd_json(CONFIG, GAN, WAE)
    | damaged(json.dumps(CONFIG).encode()).map(lambda b: b.decode("latin-1")),
    share=0.25,
)
def test_config(run, text):
    read_with(run, run.config, text)


@fuzz(one_odd_value(CONFIG), share=0.25)
def test_config_with_one_odd_value(run, text):
    read_with(run, run.config, text)


@fuzz(one_odd_value(METRICS), share=0.25)
def test_metrics_with_one_odd_value(run, text):
    read_with(run, run.metrics, text)


@fuzz(odd_json(METRICS), share=0.25)
def test_metrics(run, text):
    read_with(run, run.metrics, text)


@fuzz(odd_json(DECODER), share=0.25)
def test_live_decoder(run, text):
    read_with(run, run.live_decoder, text)


@fuzz(damaged(LOG), share=0.25)
def test_logs(run, content):
    run.log(1).write_bytes(content)
    run.fids.write_bytes(content)
    read_everything(run)


@fuzz(damaged(LOG, b"stage 1 diverged"), damaged(b"host\n1\n2026-01-01 00:00:00\nplace\n"))
def test_why_it_failed_and_who_holds_it(run, failure, record):
    run.metrics.unlink(missing_ok=True)
    run.failure.write_bytes(failure)
    lock = run.path.parents[2] / ".locks" / "mnist" / "quick" / "trial_000"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_bytes(record)
    with refused(InputError):
        show_progress(run)
