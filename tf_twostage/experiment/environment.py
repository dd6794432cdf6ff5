"""Versions, devices, command line and git commit of this process, for `config.json`."""

import os
import pathlib
import platform
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf


def environment() -> dict:
    """What a result may depend on besides the setting."""
    return {
        "argv": sys.argv,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "cpu": f"{_cpu_name()}, {os.cpu_count()} cores",
        "devices": [device.name for device in tf.config.list_physical_devices()],
        "gpus": [_gpu_name(gpu) for gpu in tf.config.list_physical_devices("GPU")],
    }


def _git_commit() -> str | None:
    """The commit of this checkout, with '+' where files differ from it.

    None where git does not know this file: an installed copy may lie inside another checkout.
    """
    try:
        _git("ls-files", "--error-unmatch", __file__)
        commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "-uno")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changes else "")


def _git(*words: str) -> str:
    """What git says, run where this file lies."""
    command = ["git", "-C", pathlib.Path(__file__).parent, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    return done.stdout.strip()


def _gpu_name(gpu) -> str:
    return tf.config.experimental.get_device_details(gpu).get("device_name", "unknown")


def _cpu_name() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
