"""The one exception for mistakes a user can mend: its text is the whole message."""


class InputError(ValueError):
    """Bad input: says in one line what was wrong, where, and what to do.

    `run_experiments.py` prints it without a traceback and exits with code 1.
    """
