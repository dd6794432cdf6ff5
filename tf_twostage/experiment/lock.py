"""One holder at a time for a trial, among processes and among machines that share a disk.

Two things say who holds a lock file:

* The system's lock on it (flock). The system lets go of it when the holder dies, however it dies.
* The record inside: host, process, since when. While it works, the holder touches the file every
  `RENEWED` seconds.

On one machine the system's lock decides. Some network disks have none, or one that other machines
do not see. So a record of another machine counts as well, until `SILENT` seconds have passed
without a touch: then its holder is taken for dead. Time is read from the disk, not from a clock of
this machine. Where the disk has no flock at all, a holder waits `SETTLED` seconds after it has
written its record and looks whether another one has written over it.
"""

import contextlib
import dataclasses
import os
import pathlib
import socket
import threading
import time
from collections.abc import Iterator

from tf_twostage.errors import InputError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

RENEWED = 20.0
SILENT = 120.0
SETTLED = 1.0
PATIENCE = 0.5  # seconds: `holder` takes a free lock for a moment, to see that it is free


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a lock."""

    host: str
    process: int
    since: str

    @classmethod
    def this_process(cls) -> "Holder":
        """The record of this process, from now on."""
        return cls(socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"))

    @classmethod
    def read(cls, path: pathlib.Path) -> "Holder | None":
        """The record in a lock file; None where it has none."""
        try:
            host, process, since = path.read_text(encoding="utf-8").splitlines()
            return cls(host, int(process), since)
        except (OSError, ValueError):
            return None

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since}"


class HeldError(InputError):
    """Another process holds the lock; its text is `message`, which names the holder."""


@contextlib.contextmanager
def hold(path: pathlib.Path, what: str) -> Iterator[None]:
    """Holds a lock file, made if absent, for this process.

    Args:
      path: the lock file.
      what: what it stands for, for the message.

    Raises:
      HeldError: another process holds it.
      InputError: the file cannot be written.
    """
    with _opened(path) as file:
        if not _take(file, path):
            holder = Holder.read(path) or "another process"
            raise HeldError(f"{what} is held by {holder}: wait for it")
        done = threading.Event()
        alive = threading.Thread(target=_show_life, args=(path, done), daemon=True)
        alive.start()
        try:
            yield
        finally:
            done.set()
            alive.join()
            file.truncate(0)


@contextlib.contextmanager
def waiting(path: pathlib.Path, what: str, poll: float = 0.1) -> Iterator[None]:
    """As `hold`, but waits while another process holds it."""
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(hold(path, what))
            except HeldError:
                time.sleep(poll)
                continue
            yield
            return


def holder(path: pathlib.Path) -> Holder | None:
    """Who holds a lock file at this moment; None where it is free."""
    if not path.exists():
        return None
    with _opened(path) as file:
        locked, found = _flock(file), Holder.read(path)
        if locked is False:
            return found or Holder("?", 0, "?")  # it has not written its record yet
        return found if found and _is_alive_elsewhere(found, path, locked) else None


def _opened(path: pathlib.Path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot write {path.parent} ({error.strerror}): choose another --output_dir"
        ) from None


def _take(file, path: pathlib.Path) -> bool:
    """Takes the lock and writes the record, unless someone else holds it."""
    locked = _flock(file)
    found = Holder.read(path)
    if locked is False or (found and _is_alive_elsewhere(found, path, locked)):
        return False
    mine = Holder.this_process()
    file.truncate(0)
    file.write(f"{mine.host}\n{mine.process}\n{mine.since}\n")
    file.flush()
    if locked is None:
        time.sleep(SETTLED)
    return Holder.read(path) == mine


def _flock(file) -> bool | None:
    """Whether the system's lock was free and is ours now; None where the disk has none."""
    if fcntl is None:
        return None
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(PATIENCE / 20)
        except OSError:
            return None


def _is_alive_elsewhere(found: Holder, path: pathlib.Path, locked: bool | None) -> bool:
    """Whether a record's holder lives, as far as the system's lock has not decided that."""
    if found.host != socket.gethostname():
        return _silence(path) < SILENT
    return locked is None and found.process != os.getpid() and _runs(found.process)


def _silence(path: pathlib.Path) -> float:
    """Seconds since a file was touched, by the disk's own clock."""
    probe = path.with_name(f".{path.name}.{os.getpid()}")
    probe.touch()
    try:
        return probe.stat().st_mtime - path.stat().st_mtime
    finally:
        probe.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _show_life(path: pathlib.Path, done: threading.Event) -> None:
    while not done.wait(RENEWED):
        with contextlib.suppress(OSError):
            os.utime(path)
