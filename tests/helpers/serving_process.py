"""`examples/serve.py` in a process of its own."""

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]


class Running(NamedTuple):
    url: str  # ends with a slash
    pid: int


@contextlib.contextmanager
def running(model: pathlib.Path, log: pathlib.Path, *flags: str) -> Iterator[Running]:
    """Serves a model as "tiny"; at the end it is told to end, and must do so without a word.

    Args:
      model: a SavedModel.
      log: the file that its stderr goes to.
      *flags: of the example.
    """
    command = [sys.executable, "examples/serve.py", str(model), "--name", "tiny", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, *flags], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    try:
        said = process.stdout.readline()
        assert "http://" in said, log.read_text()
        yield Running(said.split()[-1], process.pid)
    finally:
        process.terminate()
        code = process.wait(60)
        process.stdout.close()
    assert code == 0
    assert "Traceback" not in log.read_text()
