"""Keeps TensorFlow's chatter and Python's file names out of what a user reads."""

import contextlib
import os
import sys
import warnings


@contextlib.contextmanager
def quiet_import():
    """Hides what C++ writes to file descriptor 2 inside; Python's exceptions pass as ever.

    TF_CPP_MIN_LOG_LEVEL alone leaves half a dozen lines on oneDNN and absent GPUs.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as sink:
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def plain_messages() -> None:
    """Shows warnings as one line each, without the code, and nothing milder of TensorFlow's."""
    from absl import logging

    logging.set_verbosity(logging.WARNING)
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"


@contextlib.contextmanager
def warnings_only():
    """Hides what TensorFlow logs for information inside, such as where it wrote a model."""
    from absl import logging

    kept = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        yield
    finally:
        logging.set_verbosity(kept)
