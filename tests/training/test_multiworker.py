"""Two real worker processes on the loopback device: the same training, a death, a resume."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny_images

from tf_twostage import TwoStageVAE, epoch_log

ROOT = pathlib.Path(__file__).parents[2]
FLAGS = (
    "--batch_size=20",
    "--latent_dim=4",
    "--stage2_width=16",
    "--stage1_halve_every=2",
    "--stage2_epochs=2",
    "--stage2_halve_every=1",
    "--nojit_compile",
)
LOSS_SECONDS = 60  # a survivor ends within; docs/devices.md says what was measured


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny_images.write(tmp_path_factory.mktemp("data"), 60, 16)


def start(images, output_dir, epochs, config=None):
    """A run in a process of its own; with TF_CONFIG `config` a worker."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
    if config:
        environment["TF_CONFIG"] = json.dumps(config)
    command = [sys.executable, ROOT / "run_experiments.py", "--dataset", images, *FLAGS]
    command += ["--output_dir", output_dir, f"--stage1_epochs={epochs}"]
    command += ["--strategy", "multiworker" if config else "none"]
    return subprocess.Popen(
        [*map(str, command)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_workers(images, output_dir, epochs):
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    return [
        start(images, output_dir, epochs, {"cluster": cluster, "task": task})
        for task in ({"type": "worker", "index": 0}, {"type": "worker", "index": 1})
    ]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def finish(process):
    text = process.communicate(timeout=400)[0]
    assert process.returncode == 0, text[-3000:]
    return text


def run_folder(output_dir):
    (config,) = output_dir.rglob("config.json")
    return config.parent


def losses(output_dir, stage):
    return epoch_log.read_log(run_folder(output_dir) / f"stage{stage}.csv")["loss"]


def wait_for_epochs(output_dir, count, chief):
    while not list(output_dir.rglob("stage1.csv")) or len(losses(output_dir, 1)) < count:
        assert chief.poll() is None, chief.stdout.read()
        time.sleep(0.2)


@pytest.mark.slow
def test_two_workers_train_what_one_process_does(images, tmp_path):
    finish(start(images, tmp_path / "one", epochs=3))
    chief, other = map(finish, start_workers(images, tmp_path / "two", epochs=3))
    # The second stage's data come from weights that differ by rounding already.
    for stage, tolerance in ((1, 1e-4), (2, 1e-3)):
        one, two = (losses(tmp_path / name, stage) for name in ("one", "two"))
        np.testing.assert_allclose(two, one, rtol=tolerance)
    assert "page:" in chief
    assert "page:" not in other
    assert "Epoch" not in other
    config = json.loads((run_folder(tmp_path / "two") / "config.json").read_text())
    assert config["devices"] == "2 replicas on 2 workers"
    samples = TwoStageVAE.load(run_folder(tmp_path / "two")).sample(3)
    assert np.isfinite(samples).all()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_ends_the_run_which_then_resumes(images, tmp_path, victim):
    workers = start_workers(images, tmp_path, epochs=200)
    wait_for_epochs(tmp_path, 2, workers[0])  # so that the first has its checkpoint
    workers[victim].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    text = workers[1 - victim].communicate(timeout=LOSS_SECONDS)[0]
    print(f"the survivor ended {time.monotonic() - killed:.1f} s after the death of {victim}")
    assert workers[1 - victim].returncode == 1, text
    print(text[-3000:])
    assert "error: training stopped because a worker was lost" in text.splitlines()[-1]
    assert "Traceback" not in text
    done = len(losses(tmp_path, 1))
    again = start_workers(images, tmp_path, epochs=200)
    wait_for_epochs(tmp_path, done + 1, again[0])
    for process in again:
        process.kill()
    text = again[0].stdout.read()
    assert f"Epoch {done + 1}/200" in text
    assert "Epoch 1/200" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "message"),
    [("plain", "Invalid reduction dimension 0"), ("dict", "Attempt to convert a value")],
)
def test_what_keras_fit_cannot_do_on_several_workers(case, message):
    """Should this fail one day, `GaussianVAE` may drop what it does about it."""
    ports = free_ports(2)
    script = ROOT / "tests" / "helpers" / "keras_multiworker.py"
    words = [[sys.executable, script, index, *ports, case] for index in (0, 1)]
    workers = [
        subprocess.Popen([*map(str, line)], stdout=subprocess.PIPE, text=True) for line in words
    ]
    for worker in workers:
        assert f"fit fails: ValueError: {message}" in worker.communicate(timeout=300)[0]
