"""Runs that are killed again and again end as an undisturbed one does.

    pytest -m slow tests/experiment/test_kills.py

Each process is killed when it has made a random number of changes to files (see
`helpers/killed_run.py`), so the moments lie everywhere in training, evaluation, export, page and
table, on any machine. Then the same command goes on, and so on until it ends by itself.
"""

import os
import pathlib
import random
import signal
import subprocess
import sys

import pytest
import run_files
import tiny_images
from fid_graph import SmallInception

KILLED_RUN = pathlib.Path(__file__).parents[1] / "helpers" / "killed_run.py"
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
NEVER = 10**9
COMMON = {"batch_size": 20, "latent_dim": 4, "stage1_epochs": 4, "fid_every": 2}
VAE = {"stage1_halve_every": 2, "stage2_width": 8, "stage2_epochs": 4, "stage2_halve_every": 2}
RUNS = {
    "two_stage": VAE,
    "gan": {"model": "ns_gan"},
    "two_trials": {"model": "ns_gan", "trials": 2},
}


class Runs:
    """Starts the runs of one kind; all find the same data."""

    def __init__(self, folder: pathlib.Path, kind: str):
        graph = folder / "graph.pb"
        graph.write_bytes(SmallInception().graph_def().SerializeToString())
        images = tiny_images.write(folder, 60, 70)
        flags = COMMON | RUNS[kind] | {"dataset": images}
        flags |= {"fid": "on", "inception": graph, "fid_dims": 64, "fid_images": 60}
        self.folder = folder
        self.flags = [f"--{name}={value}" for name, value in flags.items()]
        self.undisturbed = folder / "undisturbed"
        done = self.start(self.undisturbed)
        assert done.returncode == 0, done.stderr
        self.changes = int((folder / "count").read_text())

    def start(self, output_dir, at=NEVER, number="SIGKILL", delay=0.0):
        kill = map(str, (output_dir, at, number, delay, self.folder / "count"))
        command = [sys.executable, KILLED_RUN, *kill, *self.flags, f"--output_dir={output_dir}"]
        cache = {"XDG_CACHE_HOME": str(output_dir / "cache")}
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | cache)

    def kill_until_it_ends(self, output_dir, draws: random.Random) -> list[str]:
        """Returns where it was killed."""
        killed = []
        while True:
            number = draws.choice(SIGNALS)
            delay = draws.choice([0, draws.uniform(0, 0.5)])
            done = self.start(output_dir, draws.randint(1, self.changes), number, delay)
            run_files.check_whole(output_dir)
            if done.returncode == 0:
                return killed
            killed.append(_where(done))
            _check_end(done, number)


def _where(done) -> str:
    """The line that tells of the kill."""
    (line,) = [line for line in done.stdout.splitlines() if " at change " in line]
    return line


def _check_end(done, number: str) -> None:
    """SIGKILL says nothing; the others say in one line how to go on."""
    if number == "SIGKILL":
        assert done.returncode == -signal.SIGKILL
        return
    assert done.returncode == 130, done.stderr
    assert "stopped: the same command goes on from the last checkpoint" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNS)
def test_thirty_kills_leave_no_trace(kind, tmp_path):
    runs, draws, killed = Runs(tmp_path, kind), random.Random(0), []
    while len(killed) < 30:
        output_dir = tmp_path / f"killed_{len(killed)}"
        killed += runs.kill_until_it_ends(output_dir, draws)
        run_files.check_same(output_dir, runs.undisturbed)
    print("\n".join(killed))
