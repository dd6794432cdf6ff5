"""Table 1 of an output folder in which other processes may train: one of them writes at a time."""

import contextlib
import os
import pathlib

from tf_twostage import files
from tf_twostage.experiment import lock
from tf_twostage.reporting import table1


def write(output_dir: str | os.PathLike) -> str:
    """`table1.write`, so that no row is lost; deletes what killed writers of a table left.

    Raises:
      InputError, WriteError: the folder cannot be written.
    """
    folder = pathlib.Path(output_dir).expanduser()
    with lock.waiting(lock_file(folder), "Table 1"):
        for name in table1.FILES:
            files.remove_temporary_of(folder / name)
        return table1.write(folder)


def rebuild(output_dir: str | os.PathLike) -> str:
    """`table1.rebuild`. A folder without locks has nobody else who writes there.

    Raises:
      InputError: no folder, no finished run with FIDs, or it cannot be written.
    """
    path = lock_file(pathlib.Path(output_dir).expanduser())
    alone = lock.waiting(path, "Table 1") if path.parent.is_dir() else contextlib.nullcontext()
    with alone:
        return table1.rebuild(output_dir)


def lock_file(folder: pathlib.Path) -> pathlib.Path:
    """Whoever holds it may write the table."""
    return folder / ".locks" / "table1"
