"""Keeps TensorFlow's chatter and Python's file names out of what a user reads."""

import contextlib
import logging
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
    """Shows warnings as one line each, without the code, and nothing milder of TensorFlow's.

    Every stage of every trial traces a step of its own. TensorFlow takes the fifth for a mistake
    where a new step lies where a former one lay in memory; that warning is left out.
    """
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.WARNING)
    logging.getLogger("tensorflow").addFilter(_tells_of_no_retracing)
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"


def _tells_of_no_retracing(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()


@contextlib.contextmanager
def warnings_only():
    """Hides what TensorFlow logs for information inside, such as where it wrote a model."""
    from absl import logging as absl_logging

    kept = absl_logging.get_verbosity()
    absl_logging.set_verbosity(absl_logging.WARNING)
    try:
        yield
    finally:
        absl_logging.set_verbosity(kept)
