"""Files that are written whole or not at all; JSON files that may be absent."""

import json
import os
import pathlib
from collections.abc import Callable

PathLike = str | os.PathLike


def replace_file(path: PathLike, write: Callable[[pathlib.Path], object]) -> None:
    """Writes a file whole or not at all: `write` gets a temporary name beside `path`, then renames.

    The folder is made if absent. If `write` raises, whatever was at `path` stays.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: PathLike, text: str) -> None:
    """`replace_file` with a text."""
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: pathlib.Path) -> dict:
    """A JSON object; empty where the file is absent, damaged or something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
