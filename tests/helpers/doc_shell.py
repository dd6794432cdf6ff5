"""A shell whose programs do nothing but tell what they were called with."""

import os
import pathlib
import shutil
import subprocess
from typing import NamedTuple

_FIELD, _CALL = "\x1f", "\x1e"  # end a field of a call, and a call
_PROGRAM = """#!/bin/bash
IFS=$'\\x1f'
printf '%s\\x1e' "$TF_CONFIG$IFS${0##*/}$IFS$*" >> "$CALLS"
"""


class Call(NamedTuple):
    """A program as a shell started it."""

    tf_config: str  # the environment variable TF_CONFIG; "" if unset
    program: str
    arguments: list[str]


def write_programs(folder: pathlib.Path, names: list[str]) -> None:
    """Puts such programs into the folder `.venv/bin` of a folder."""
    place = folder / ".venv" / "bin"
    place.mkdir(parents=True)
    (place / "activate").touch()
    for name in names:
        (place / name).write_text(_PROGRAM)
        (place / name).chmod(0o755)


def calls(code: str, folder: pathlib.Path) -> list[Call]:
    """What code in a shell's language calls, in a folder that `write_programs` has prepared.

    Raises AssertionError for code that the shell refuses, and for any other program.
    """
    told = folder / "calls"
    told.write_text("")
    environment = {"PATH": str(folder / ".venv" / "bin"), "HOME": str(folder), "TF_CONFIG": ""}
    done = subprocess.run(
        [shutil.which("bash"), "-euo", "pipefail", "-c", code],
        cwd=folder,
        env=environment | {"CALLS": os.fspath(told)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = (line.split(_FIELD) for line in told.read_text().split(_CALL)[:-1])
    return [Call(config, program, rest if rest != [""] else []) for config, program, *rest in found]
