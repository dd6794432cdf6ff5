"""The one exception that users are meant to see, and the way to write one-line warnings."""

import warnings


class Error(ValueError):
    """A mistake that the user can mend. Its text is one line: what, where, and what to do."""


def warn(text: str) -> None:
    """Issues a one-line `UserWarning`, attributed to the code that called into the package."""
    warnings.warn(text, UserWarning, stacklevel=3)
