"""Several data sets, kinds and trials from one command: what runs, what is skipped, what fails."""

import dataclasses
import json
import shutil

import pytest
import tiny_images
from fid_graph import SmallInception

from tf_twostage.errors import InputError
from tf_twostage.evaluation import scores
from tf_twostage.experiment import console, lock, progress, settings, sweep, trial, trial_process
from tf_twostage.experiment.settings import Options

TINY = {"batch_size": 20, "latent_dim": 4, "stage2_width": 8, "stage1_epochs": 1}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return str(tiny_images.write(tmp_path_factory.mktemp("data"), 40, 70))


@pytest.fixture
def options(images, tmp_path, monkeypatch):
    """One epoch of stage 1 with FIDs on a small graph."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    graph = tmp_path / "graph.pb"
    graph.write_bytes(SmallInception().graph_def().SerializeToString())
    return Options(
        dataset=images,
        stage="1",
        overrides=TINY,
        output_dir=str(tmp_path / "runs"),
        jit_compile=False,
        fid="on",
        inception=str(graph),
        fid_dims=64,
    )


def names(options):
    return [
        (one.dataset, one.stage, one.overrides.get("gamma"), one.overrides.get("likelihood"))
        for one in settings.settings_of(options)
    ]


def test_one_command_fills_the_whole_table():
    chosen = Options(
        dataset="all", gamma=("learned", "fixed"), likelihood=("gaussian", "bernoulli")
    )
    found = names(chosen)
    assert len(found) == 4 * 3  # the cross-entropy has no gamma
    assert found[:3] == [
        ("mnist", "both", "learned", "gaussian"),
        ("mnist", "1", "fixed", "gaussian"),  # Table 1 has no second stage for these
        ("mnist", "1", None, "bernoulli"),
    ]
    assert [name for name, *_ in found[::3]] == ["mnist", "fashion_mnist", "cifar10", "celeba"]


def test_one_kind_keeps_the_stage_that_was_asked_for():
    assert names(Options(gamma=("fixed",))) == [("manifold", "both", "fixed", None)]
    assert names(Options(dataset="mnist, mnist,cifar10", stage="2")) == [
        ("mnist", "2", None, None),
        ("cifar10", "2", None, None),
    ]


def test_a_path_with_a_comma_is_one_data_set(tmp_path):
    folder = tmp_path / "a,b"
    folder.mkdir()
    assert settings.dataset_names(str(folder)) == [str(folder)]


def test_trials_have_seeds_and_folders_of_their_own(images):
    trials = settings.trials_of(Options(dataset=images, overrides=TINY, seed=5, trials=3))
    recipe = settings.recipe_of(trials[0])
    assert [one.seed for one in trials] == [5, 6, 7]
    folders = [settings.run_path(one, recipe).name for one in trials]
    assert folders == ["trial_000", "trial_001", "trial_002"]


@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_a_failing_trial_leaves_the_others_alone_and_is_tried_again(options, capfd):
    chosen = dataclasses.replace(options, trials=2)
    first, second = settings.trials_of(chosen)
    recipe = settings.recipe_of(first)
    occupied, other = (settings.run_path(one, recipe) for one in (first, second))
    occupied.mkdir(parents=True)
    (occupied / "config.json").write_text(json.dumps({"seed": 77}))

    with pytest.raises(InputError, match=r"1 of 2 trials failed: .*trial_000.*tries them again"):
        sweep.run(chosen)
    printed = capfd.readouterr()
    assert "error: " in printed.err
    assert "holds a run with" in printed.err
    assert "Traceback" not in printed.err
    finished = (other / "metrics.json").stat().st_mtime_ns
    table = json.loads((other.parents[2] / "table1.json").read_text())
    cells = [c for c in table["tables"][0]["cells"] if c["trials"]]
    assert cells
    assert all("trial_001" in run for c in cells for run in c["runs"])

    shutil.rmtree(occupied)
    sweep.run(chosen)
    assert (other / "metrics.json").stat().st_mtime_ns == finished, "a finished trial ran again"
    assert (occupied / "metrics.json").exists()
    printed = capfd.readouterr().out
    assert "[2/2]" in printed
    assert "seed 1: finished" in printed
    assert "VAE (learned γ)" in printed
    assert "± " in printed
    assert "finished" in console.plan([first, second])
    assert not console.plan([first, second]).count("not begun")


def test_a_killed_trial_is_named():
    assert trial_process._reason(-9) == "killed by SIGKILL (out of memory?)"
    assert trial_process._reason(0) is None
    assert "above" in trial_process._reason(1)


@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_other_fid_settings_score_a_finished_trial_again(options):
    trial.run(options)
    recipe = settings.recipe_of(options)
    assert progress.status(options, recipe).finished
    for change in ({"fid_images": 50}, {"fid_dims": 192}, {"stage": "both"}, {"inception": "/no"}):
        changed = dataclasses.replace(options, **change)
        assert not progress.status(changed, recipe).finished, change
    assert progress.status(dataclasses.replace(options, fid="off", fid_dims=192), recipe).finished


def test_time_left_is_what_the_epochs_so_far_cost():
    def status(done, seconds, evaluation=None):
        return progress.Status("run", 0, {1: (done, 10)}, seconds, bool(evaluation), evaluation)

    known = [status(10, {1: 3.0}, 50.0), status(4, {1: 5.0})]
    assert progress.seconds_left(known, known) == 6 * 4.0 + 50.0
    fresh = [status(0, {})]
    assert progress.seconds_left(fresh, fresh) is None
    assert progress.seconds_left(fresh, fresh + known) == 10 * 4.0 + 50.0


def test_a_second_process_in_the_same_output_folder_stops(options, tmp_path):
    with (
        lock.locked(options.output_dir),
        pytest.raises(InputError, match=r"process \d+ is writing to .*runs"),
    ):
        sweep.run(dataclasses.replace(options, fid="off"))
    assert not list((tmp_path / "runs").glob("*/"))
    with lock.locked(options.output_dir):
        pass  # it is free again


def test_a_missing_graph_stops_the_sweep_before_it_starts(options, tmp_path):
    bad = dataclasses.replace(options, inception=str(tmp_path / "none.pb"), trials=2)
    with pytest.raises(InputError, match="--fid off"):
        sweep.run(bad)
    assert not (tmp_path / "runs").exists()


def test_measured_means_width_images_and_graph(options):
    setting = scores.FidSetting(options.inception, dims=64, images=20)
    found = {"dims": 64, "images": 15, "inception_git_blob": "x"}
    assert not scores.is_measured(found, setting, held_out=15)
    found["inception_git_blob"] = scores._graph_id(options.inception)
    assert scores.is_measured(found, setting, held_out=15)
    assert not scores.is_measured(found, setting, held_out=100)
