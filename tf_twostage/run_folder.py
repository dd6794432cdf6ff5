"""The run folder of one trial: its config, which must not change, and its files."""

import dataclasses
import json
import os
import pathlib
import platform
import subprocess
import sys

from tf_twostage import files
from tf_twostage.errors import InputError

# What makes a run another run; the rest of config.json only tells how it was done.
IDENTITY = ("recipe", "dataset", "seed")


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """`<output_dir>/<dataset>/<setting>/trial_000`, made on first use."""

    path: pathlib.Path

    def open(self, config: dict) -> None:
        """Creates the folder and `config.json`, or checks that it holds a run of this config.

        Raises:
          InputError: the folder cannot be written, or holds a run of another configuration.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            existing = self.read("config.json")
            if existing:
                self._check_same(existing, config)
            else:
                self.write("config.json", config)
        except OSError as error:
            raise InputError(
                f"cannot write {self.path} ({error.strerror}): choose another --output_dir"
            ) from None

    def read(self, name: str) -> dict:
        """A JSON file of the folder; {} where there is none."""
        path = self.path / name
        if not path.exists():
            return {}
        try:
            return json.loads(path.read_text())
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}): delete it") from None

    def write(self, name: str, content: dict) -> None:
        """Writes a JSON file, atomically."""
        files.replace_text(self.path / name, json.dumps(content, indent=2) + "\n")

    def _check_same(self, existing: dict, config: dict) -> None:
        theirs, ours = (_flat({key: c.get(key) for key in IDENTITY}) for c in (existing, config))
        differing = [key for key in ours | theirs if theirs.get(key) != ours.get(key)]
        if differing:
            key = differing[0]
            was, is_ = theirs.get(key), ours.get(key)
            more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
            raise InputError(
                f"{self.path} holds a run with {key} = {was}, not {is_}{more}: "
                "choose another --output_dir, or delete that folder"
            )


def _flat(tree: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        inner = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{key}.") if inner else {prefix + key: _plain(value)}
    return flat


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


def environment() -> dict:
    """Versions, devices, command line and git commit, for the record."""
    import keras
    import numpy as np
    import tensorflow as tf

    return {
        "argv": sys.argv,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "cpu": f"{_cpu_name()}, {os.cpu_count()} cores",
        "devices": [device.name for device in tf.config.list_physical_devices()],
    }


def _git_commit() -> str | None:
    """The commit of this checkout, with '+' where files differ from it; None outside git."""
    here = pathlib.Path(__file__).parent
    try:
        answers = [
            subprocess.run(
                ["git", "-C", here, *words], capture_output=True, text=True, timeout=5, check=True
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return answers[0] + ("+" if answers[1] else "")


def _cpu_name() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
