"""Several data sets, kinds and trials from one command: what runs, what is skipped, what fails."""

import dataclasses
import json
import math
import pathlib
import pickle
import shutil
import subprocess
import sys
from unittest import mock

import pytest
import tiny_images
from fid_graph import SmallInception

from tf_twostage.data.splits import Outline
from tf_twostage.errors import InputError
from tf_twostage.experiment import (
    console,
    lock,
    plan,
    progress,
    screen,
    sweep,
    trial,
    trial_process,
)
from tf_twostage.experiment.jobs import Job, Jobs
from tf_twostage.experiment.options import Options
from tf_twostage.run_folder import RunFolder

ROOT = pathlib.Path(__file__).parents[2]
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


@pytest.fixture
def known_sets(monkeypatch):
    """Shapes and counts of the paper's data sets without looking for them."""
    outline = Outline((32, 32, 3), 1000, 100, "0123456789ab")
    monkeypatch.setattr(
        plan.sources, "find", lambda name, **_: mock.Mock(run_name=name, outline=lambda: outline)
    )


def names(options):
    return [
        (one.dataset, one.stages, one.changes.get("learn_gamma"), one.changes.get("likelihood"))
        for one in plan.make(options)
    ]


@pytest.mark.usefixtures("known_sets")
def test_one_command_fills_the_whole_table():
    chosen = Options(
        dataset="all", gamma=("learned", "fixed"), likelihood=("gaussian", "bernoulli")
    )
    found = names(chosen)
    assert len(found) == 4 * 3  # the cross-entropy has no gamma
    assert found[:3] == [
        ("mnist", (1, 2), True, "gaussian"),
        ("mnist", (1,), False, "gaussian"),  # Table 1 has no second stage for these
        ("mnist", (1,), None, "bernoulli"),
    ]
    assert [name for name, *_ in found[::3]] == ["mnist", "fashion_mnist", "cifar10", "celeba"]


@pytest.mark.usefixtures("known_sets")
def test_one_kind_keeps_the_stage_that_was_asked_for():
    assert names(Options(gamma=("fixed",))) == [("manifold", (1, 2), False, None)]
    assert names(Options(dataset="mnist, mnist,cifar10", stage="2")) == [
        ("mnist", (2,), None, None),
        ("cifar10", (2,), None, None),
    ]


def test_a_path_with_a_comma_is_one_data_set(tmp_path):
    folder = tmp_path / "a,b"
    folder.mkdir()
    assert plan.dataset_names(str(folder)) == [str(folder)]
    (folder / "c.npz").touch()
    assert plan.dataset_names(f"{folder}/c.npz:key") == [f"{folder}/c.npz:key"]


def plans(options):
    """The plans of the trials of a single setting."""
    (setting,) = plan.make(options)
    return setting.plans


def test_trials_have_seeds_and_folders_of_their_own(images):
    trials = plans(Options(dataset=images, overrides=TINY, seed=5, trials=3))
    assert [one.seed for one in trials] == [5, 6, 7]
    folders = [one.folder.path.name for one in trials]
    assert folders == ["trial_000", "trial_001", "trial_002"]


def test_a_plan_reaches_a_spawned_process_without_tensorflow(images, tmp_path):
    """The process shows that it works before seconds are spent on importing TensorFlow."""
    (one,) = plans(Options(dataset=images, overrides=TINY))
    path = tmp_path / "plan"
    path.write_bytes(pickle.dumps(one))
    code = (
        "import pickle, sys; one = pickle.load(open(sys.argv[1], 'rb'));"
        "print(one.folder, 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    command = [sys.executable, "-c", code, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [str(one.folder), "False", "False"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_a_failing_trial_leaves_the_others_alone_and_is_tried_again(options, capfd):
    chosen = dataclasses.replace(options, trials=2)
    occupied, other = (one.folder.path for one in plans(chosen))
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
    planned = console.plan(plan.make(chosen))
    assert planned.count(": finished") == 2
    assert "not begun" not in planned


def test_why_a_trial_failed(tmp_path):
    assert trial_process.reason(-9, None) == "killed by SIGKILL (out of memory?)"
    assert trial_process.reason(0, None) is None
    assert "above" in trial_process.reason(1, None)
    log = tmp_path / "output.log"
    log.write_text("Epoch 1/2\nerror: stage 1 diverged\n\n")
    assert trial_process.reason(1, log) == f"stage 1 diverged (see {log})"


@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_other_fid_settings_score_a_finished_trial_again(options):
    trial.run(*plans(options))
    assert is_finished(options)
    for change in ({"fid_images": 50}, {"fid_dims": 192}, {"stage": "both"}, {"inception": "/no"}):
        assert not is_finished(dataclasses.replace(options, **change)), change
    assert is_finished(dataclasses.replace(options, fid="off", fid_dims=192))


def is_finished(options):
    (one,) = plans(options)
    return progress.status(one).finished


def test_time_left_is_what_the_epochs_so_far_cost():
    def status(done, seconds, evaluation=None):
        return progress.Status(
            RunFolder("run"), 0, {1: (done, 10)}, seconds, bool(evaluation), evaluation
        )

    known = [status(10, {1: 3.0}, 50.0), status(4, {1: 5.0})]
    assert progress.seconds_left(known, known) == 6 * 4.0 + 50.0
    fresh = [status(0, {})]
    assert progress.seconds_left(fresh, fresh) is None
    assert progress.seconds_left(fresh, fresh + known) == 10 * 4.0 + 50.0


def test_an_interrupt_inside_a_callback_is_not_lost():
    code = (
        "import os, signal, time, weakref\n"
        "from tf_twostage.experiment import trial_process\n"
        "class Thing: pass\n"
        "trial_process.stop_on_sigterm()\n"
        "thing = Thing()\n"
        "reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))\n"
        "try:\n"
        "    del thing\n"
        "    time.sleep(5)\n"
        "    print('lost')\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("stopped\n", "")


def test_a_signal_while_python_ends_does_not_change_the_exit_code():
    code = (
        "import os, signal, sys\n"
        "from tf_twostage.experiment import trial_process\n"
        "class Thing:\n"
        "    def __del__(self, kill=os.kill, process=os.getpid(), numbers=(15, 2, 14)):\n"
        "        for number in numbers: kill(process, number)\n"
        "trial_process.stop_on_sigterm()\n"
        "sys.thing = Thing()\n"
        "try:\n"
        "    sys.exit(3)\n"
        "finally:\n"
        "    trial_process.ignore_signals()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (3, "")


def test_a_trial_that_another_process_holds_is_not_touched(options):
    chosen = dataclasses.replace(options, fid="off")
    (one,) = plans(chosen)
    with (
        lock.hold(one.lock, "the trial"),
        pytest.raises(lock.HeldError, match=r"trial_000 is held by process \d+ on .* since "),
    ):
        sweep.run(chosen)
    assert not one.folder.path.exists()


def test_trial_k_runs_alone(images):
    chosen = Options(dataset=images, overrides=TINY, trials=3)
    (third,) = sweep._trials(plan.make(chosen), dataclasses.replace(chosen, trial=2))
    assert third.folder.path.name == "trial_002"
    with pytest.raises(InputError, match="no --trial 3 of --trials 3: .* from 0 to 2"):
        sweep._trials(plan.make(chosen), dataclasses.replace(chosen, trial=3))


def test_how_many_trials_run_at_a_time():
    assert sweep._jobs(Options(), gpus=0) == 1
    assert sweep._jobs(Options(), gpus=4) == 4
    assert sweep._jobs(Options(jobs=3), gpus=1) == 3
    assert sweep._jobs(Options(strategy="mirrored"), gpus=4) == 1
    with pytest.raises(InputError, match="all devices to one trial"):
        sweep._jobs(Options(strategy="mirrored", jobs=2), gpus=4)


def test_trials_take_the_gpu_with_the_fewest(images):
    jobs = Jobs(plans(Options(dataset=images, overrides=TINY)), 3, ["4", "7"], lambda: None)
    for expected in ("4", "7", "4"):
        gpu = jobs._free_gpu()
        assert gpu == expected
        jobs.running.append(Job(None, None, gpu))


def metrics_without_times(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["seconds"]
    return metrics


def test_trials_side_by_side_give_the_metrics_of_one_after_the_other(
    options, tmp_path, capfd, monkeypatch
):
    monkeypatch.setattr(screen, "PRINTED_SECONDS", math.inf)  # however slow the machine
    overrides = TINY | {"network": "own_networks:dense"}  # small
    chosen = dataclasses.replace(options, fid="off", trials=2, overrides=overrides)
    beside = dataclasses.replace(chosen, output_dir=str(tmp_path / "beside"), jobs=2)
    sweep.run(beside)
    printed = capfd.readouterr().out
    assert "scoring" not in printed
    assert printed.count(": done") == 2
    alone, (first, second) = plans(chosen)[1], plans(beside)
    trial.run(alone)
    ours, theirs = (metrics_without_times(p.folder.path) for p in (alone, second))
    assert ours == theirs
    assert metrics_without_times(first.folder.path) != ours
    assert not alone.folder.output.exists()
    for each in (first, second):
        assert "scoring" in each.folder.output.read_text()


def test_a_run_folder_under_its_former_name_goes_on(images, tmp_path):
    former = tmp_path / "tiny" / "paper-infogan-learned+batch_size=20+second_stage_width=8"
    overrides = {"stage2_width": 8, "batch_size": 20}
    chosen = Options(dataset=images, output_dir=str(tmp_path), overrides=overrides)
    (setting,) = plan.make(chosen)
    assert setting.path.name == "paper-infogan-learned+batch_size=20+stage2_width=8"
    former.mkdir(parents=True)
    (setting,) = plan.make(chosen)
    assert setting.path == former


def test_a_missing_graph_stops_the_sweep_before_it_starts(options, tmp_path):
    bad = dataclasses.replace(options, inception=str(tmp_path / "none.pb"), trials=2)
    with pytest.raises(InputError, match="--fid off"):
        sweep.run(bad)
    assert not (tmp_path / "runs").exists()
