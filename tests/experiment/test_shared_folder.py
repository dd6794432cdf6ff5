"""Two processes that fill one output folder: none of its trials is lost, none is run twice."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
import tiny_images

from tf_twostage import epoch_log

ROOT = pathlib.Path(__file__).parents[2]
WITHOUT_FLOCK = ROOT / "tests" / "helpers" / "without_flock"
TRIALS = 3
FLAGS = {
    "recipe": "paper",
    "batch_size": 20,
    "latent_dim": 4,
    "stage2_width": 16,
    "stage1_epochs": 2,
    "stage2_epochs": 2,
    "fid": "off",
    "trials": TRIALS,
}
EVENTS = TRIALS * (FLAGS["stage1_epochs"] + FLAGS["stage2_epochs"] + 3)  # what `progress` counts


def start(images, folder: pathlib.Path, number: int = 0, flock: bool = True) -> subprocess.Popen:
    flags = [f"--{name}={value}" for name, value in FLAGS.items()]
    folder.mkdir(exist_ok=True)
    with (folder / f"process_{number}.txt").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, ROOT / "run_experiments.py", f"--dataset={images}", *flags]
            + [f"--output_dir={folder}"],
            stdout=out,
            stderr=out,
            env=os.environ | ({} if flock else {"PYTHONPATH": str(WITHOUT_FLOCK)}),
        )


def run_folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.glob("*/*/trial_*"))


def progress(folder: pathlib.Path) -> int:
    """How much has happened: epochs logged, stages saved, trials scored."""
    logs = sum(
        len(epoch_log.read_rows(run / f"stage{stage}.csv"))
        for run in run_folders(folder)
        for stage in (1, 2)
    )
    names = ("checkpoints/stage1.weights.h5", "checkpoints/stage2.weights.h5", "metrics.json")
    return logs + sum((run / name).exists() for run in run_folders(folder) for name in names)


def metrics(folder: pathlib.Path) -> list[dict]:
    found = [json.loads((run / "metrics.json").read_text()) for run in run_folders(folder)]
    for one in found:
        del one["seconds"]
    return found


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny_images.write(tmp_path_factory.mktemp("data"), 40, 16)


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    """The metrics of all trials, run by one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert start(images, folder).wait() == 0
    return metrics(folder)


def texts(folder: pathlib.Path) -> str:
    return "".join(path.read_text() for path in folder.glob("process_*.txt"))


@pytest.mark.slow
@pytest.mark.parametrize("flock", [True, False])
def test_two_processes_share_the_trials(images, undisturbed, tmp_path, flock):
    folder = tmp_path / "runs"
    processes = [start(images, folder, number, flock) for number in (0, 1)]
    assert [process.wait() for process in processes] == [0, 0]
    assert metrics(folder) == undisturbed
    for run in run_folders(folder):
        assert texts(folder).count(f"run folder: {run}\n") == 1, "a trial ran twice"
    counts = [path.read_text().count(": done") for path in folder.glob("process_*.txt")]
    assert sum(counts) == TRIALS
    assert min(counts) >= 1, "one process did all the work"


@pytest.mark.slow
def test_a_killed_process_loses_no_trial(images, undisturbed, tmp_path):
    """Kills one of two at a random point of progress, as often as KILLS says (20)."""
    chance = random.Random(0)
    for kill in range(int(os.environ.get("KILLS", 20))):
        folder = tmp_path / f"runs_{kill}"
        processes = [start(images, folder, number) for number in (0, 1)]
        goal = chance.randrange(EVENTS)
        while progress(folder) < goal and all(p.poll() is None for p in processes):
            time.sleep(0.05)
        victim, survivor = chance.sample(processes, 2)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert survivor.wait() == 0, texts(folder)
        assert metrics(folder) == undisturbed
        assert "Traceback" not in texts(folder)
        left = [p for run in run_folders(folder) for p in run.rglob(".*") if p.is_file()]
        print(f"kill {kill + 1} at {goal} of {EVENTS}: {[str(p) for p in left]}", flush=True)
