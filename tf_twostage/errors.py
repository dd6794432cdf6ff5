"""The exceptions for mistakes a user can mend: their text is the whole message."""

import os


def shown(text: str | os.PathLike) -> str:
    """A text or a path for a message: on one line, and whatever can't be printed escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in os.fspath(text))


def reason(error: Exception) -> str:
    """What another package says went wrong, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


class InputError(ValueError):
    """Bad input: says in one line what was wrong, where, and what to do.

    `run_experiments.py` prints it without a traceback and exits with code 1. Names of files and
    other texts from outside may stand in it as they are: it is `shown`.
    """

    def __init__(self, text: str):
        super().__init__(shown(text))


class WriteError(InputError, OSError):
    """A file cannot be written: the disk is full, read-only or gone."""


def in_one_line(error: InputError | OSError) -> str:
    """What to say of a mistake, of a file that cannot be read, or of another trouble with the disk.

    Raises:
      OSError: `error`, where it is not about a file.
    """
    if isinstance(error, InputError):
        return str(error)
    if error.filename is None:
        raise error
    text = f"{error.filename}: {error.strerror}: mend that, then give the same command again"
    return shown(text)
