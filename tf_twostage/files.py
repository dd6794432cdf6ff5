"""Files and folders written whole or not at all, JSON files that may be absent."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator

from tf_twostage.errors import WriteError

PathLike = str | os.PathLike

A_DAY = 86_400  # seconds; a temporary file that is older has no writer any more
_TEMPORARY = re.compile(r"\.\d+\.")  # see _temporary_beside


def replace_file(path: PathLike, write: Callable[[pathlib.Path], object]) -> None:
    """Writes a file whole or not at all: `write` gets a temporary name beside `path`, then renames.

    The folder is made if absent. If `write` raises, whatever was at `path` stays. What a killed
    writer of the same file left there goes a day later.

    Raises:
      WriteError: the disk is full, read-only or gone.
    """
    with _temporary_beside(pathlib.Path(path)) as temporary:
        try:
            write(temporary)
            _to_disk(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def replace_folder(path: str | os.PathLike, write: Callable[[pathlib.Path], object]) -> None:
    """`replace_file` for a folder: a former one is deleted once the new one is in its place."""
    path = pathlib.Path(path)
    with _temporary_beside(path) as temporary:
        former = temporary.with_name(f"{temporary.name}.former")
        try:
            write(temporary)
            for file in temporary.rglob("*"):
                _to_disk(file)
            if path.exists():
                os.replace(path, former)
            os.replace(temporary, path)
        finally:
            for left in (temporary, former):
                shutil.rmtree(left, ignore_errors=True)


def remove_temporary(folder: pathlib.Path, older_than: float = 0) -> None:
    """Deletes what killed writers left in a folder and below.

    Args:
      folder: it need not exist.
      older_than: seconds since something was last written; 0 where nobody may be writing there.
    """
    for path in [path for path in folder.rglob(".*") if _TEMPORARY.match(path.name)]:
        _delete(path, older_than)


def remove_temporary_of(path: PathLike, older_than: float = 0) -> None:
    """Deletes what killed writers of one file or folder left beside it.

    Args:
      path: the file or folder. Neither it nor its folder need exist.
      older_than: as above.
    """
    path = pathlib.Path(path)
    name = re.compile(rf"\.\d+\.{re.escape(path.name)}(\.former)?")
    with contextlib.suppress(FileNotFoundError):
        for left in [left for left in path.parent.iterdir() if name.fullmatch(left.name)]:
            _delete(left, older_than)


def _delete(path: pathlib.Path, older_than: float) -> None:
    if older_than and time.time() - path.lstat().st_mtime < older_than:
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _to_disk(path: pathlib.Path) -> None:
    """Waits until a file is on the disk: a rename must not get there before what it names."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


@contextlib.contextmanager
def _temporary_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A name in the folder of `path` that no other writer has, of whatever machine or container.

    What the disk refuses becomes one line.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another process may delete them at the same time
            remove_temporary_of(path, A_DAY)
        yield path.with_name(f".{secrets.randbits(64)}.{path.name}")
    except OSError as error:
        if isinstance(error, WriteError):
            raise
        raise refused(path, error.strerror or error) from None


def refused(path: PathLike, reason: object) -> WriteError:
    """What to say where a disk does not take a file."""
    return WriteError(
        f"cannot write {path} ({reason}): make room or mend the disk, then give the same command "
        "again"
    )


def replace_text(path: PathLike, text: str) -> None:
    """`replace_file` with a text."""
    replace_bytes(path, text.encode("utf-8", "backslashreplace"))  # file names may hold any bytes


def replace_bytes(path: PathLike, content: bytes) -> None:
    """`replace_file` with bytes."""
    replace_file(path, lambda temporary: temporary.write_bytes(content))


def read_json(path: pathlib.Path) -> dict:
    """A JSON object; empty where the file is absent, damaged or something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
