"""Runs on disks that are full, read-only or gone.

    pytest -m slow tests/experiment/test_disks.py

A tmpfs grows from test to test; whoever may not mount one skips these.
"""

import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
import run_files
import tiny_images

ROOT = pathlib.Path(__file__).parents[2]
RUN = (  # its disk looks large enough before it starts, and is not
    "from tf_twostage.experiment import cli, room; room.check = lambda *_: None;"
    "cli.console_script()"
)
FLAGS = (  # small networks, so that checkpoints and pictures fill a disk in like steps
    *("--network=own_networks:dense", "--batch_size=20", "--latent_dim=4", "--stage2_width=16"),
    *("--stage1_epochs=3", "--stage1_halve_every=1", "--stage2_epochs=3", "--stage2_halve_every=1"),
)
FULL_AT = [*np.geomspace(0.002, 0.15, 12), *np.linspace(0.2, 0.95, 12)]  # of what a run takes


@pytest.fixture
def disk(tmp_path):
    """A folder on a tmpfs of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).returncode:
        pytest.skip("may not mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", folder])


def mounted_again(disk, options):
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def start(images, output_dir, *more):
    flags = (f"--dataset={images}", f"--output_dir={output_dir}", *FLAGS, *more)
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests" / "helpers")},
    )


def finish(process):
    output, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def run(images, output_dir):
    return finish(start(images, output_dir))


def check_refused(done, message):
    """Exit code 1 and one line, which says what was wrong."""
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: "), done.stderr
    assert message in last
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_disk_that_is_full_at_every_write(disk, tmp_path):
    images = tiny_images.write(tmp_path, 60, 16)
    whole = tmp_path / "whole"
    assert run(images, whole).returncode == 0
    size = sum(path.stat().st_size for path in run_files.files(whole))
    for share in FULL_AT:
        mounted_again(disk, f"size={int(size * share)}")
        check_refused(run(images, disk), "No space left on device")
        run_files.check_whole(disk)
    mounted_again(disk, f"size={3 * size}")
    done = run(images, disk)
    assert done.returncode == 0, done.stderr
    run_files.check_same(disk, whole)


@pytest.mark.slow
def test_a_read_only_disk(disk, tmp_path):
    mounted_again(disk, "ro")
    check_refused(run(tiny_images.write(tmp_path, 60, 16), disk), "Read-only file system")
    assert not list(disk.iterdir())


@pytest.mark.slow
def test_a_disk_that_is_unmounted_while_a_run_trains(disk, tmp_path):
    mounted_again(disk, "size=100m")
    process = start(tiny_images.write(tmp_path, 60, 16), disk, "--stage1_epochs=100000")
    wait_for(disk, "stage1.csv", process)
    subprocess.run(["umount", "--lazy", disk], check=True)
    check_refused(finish(process), "has vanished: its disk was unmounted")
    assert not list(disk.rglob("*.csv"))  # nothing was written below the mount point


def wait_for(folder, name, process):
    """Until a file is there, or the process has ended."""
    while not list(folder.rglob(name)) and process.poll() is None:
        time.sleep(0.05)
