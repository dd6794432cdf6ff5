"""Runs helpers that train on several logical devices, and compares what they saved."""

import pathlib
import subprocess
import sys

import numpy as np


def run(script: str, *arguments) -> None:
    """Runs a script of this folder in a process of its own, which must end well."""
    command = [sys.executable, pathlib.Path(__file__).parent / script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def assert_agree(out: pathlib.Path, name: str) -> None:
    """`<name>-0.npz` of one device and `<name>-2.npz` of two replicas hold the same, in float64.

    The bias before a batch norm has no gradient but rounding, which Adam divides by: hence the
    absolute tolerance.
    """
    runs = []
    for count in (0, 2):
        with np.load(out / f"{name}-{count}.npz") as file:
            runs.append(dict(file))
    one, two = runs
    assert set(one) == set(two)
    for key, values in one.items():
        np.testing.assert_allclose(two[key], values, rtol=1e-6, atol=1e-6, err_msg=key)
