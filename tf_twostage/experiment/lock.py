"""One writer at a time to an output folder."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

from tf_twostage.errors import InputError

NAME = ".lock"


@contextlib.contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Holds `folder`, made if absent, for this process; the system lets go of it if the process
    dies.

    Raises:
      InputError: another process holds it, or it cannot be written.
    """
    folder = pathlib.Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / NAME).open("a+")
    except OSError as error:
        raise InputError(
            f"cannot write {folder} ({error.strerror}): choose another --output_dir"
        ) from None
    with file:
        _hold(file, folder)
        yield


def _hold(file, folder: pathlib.Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        raise InputError(
            f"process {file.read().strip() or '?'} is writing to {folder}: wait for it, or choose "
            "another --output_dir"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
