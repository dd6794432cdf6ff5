"""Stopping at the end of an epoch, with a checkpoint, where a scheduler asks for it (SIGTERM)."""

import contextlib
import signal
from collections.abc import Iterator

GRACE = 20.0  # seconds that an epoch has to end in: schedulers wait 30 before they send SIGKILL

_training = False
_asked = False


@contextlib.contextmanager
def training() -> Iterator[None]:
    """While something trains inside, it is asked to stop rather than interrupted."""
    global _training, _asked
    _training = True
    try:
        yield
    finally:
        if _asked:
            signal.setitimer(signal.ITIMER_REAL, 0)
        _training = _asked = False


def ask() -> bool:
    """Asks what trains to stop at the end of its epoch; SIGALRM follows after `GRACE` seconds.

    Returns:
      Whether it will: False where nothing trains, or it was asked before and is asked again.
    """
    global _asked
    if not _training or _asked:
        return False
    _asked = True
    signal.setitimer(signal.ITIMER_REAL, GRACE)
    return True


def asked() -> bool:
    """Whether what trains is to stop at the end of its epoch."""
    return _asked
