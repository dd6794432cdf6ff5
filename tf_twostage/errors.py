"""The exceptions for mistakes a user can mend: their text is the whole message."""


class InputError(ValueError):
    """Bad input: says in one line what was wrong, where, and what to do.

    `run_experiments.py` prints it without a traceback and exits with code 1.
    """


class WriteError(InputError, OSError):
    """A file cannot be written: the disk is full, read-only or gone."""
