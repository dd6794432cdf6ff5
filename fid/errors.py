"""The one exception that users are meant to see, and what its line is made of; warnings."""

import warnings


class Error(ValueError):
    """A mistake that the user can mend. Its text is one line: what, where, and what to do."""


def shown(text: str) -> str:
    """Names from a file for a message: on one line, whatever cannot be printed escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def reason(error: Exception) -> str:
    """What another package says went wrong, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def warn(text: str) -> None:
    """Issues a one-line `UserWarning`, attributed to the code that called into the package."""
    warnings.warn(text, UserWarning, stacklevel=3)
