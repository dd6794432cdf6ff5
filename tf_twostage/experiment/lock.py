"""One holder at a time for a trial, among processes and among machines that share a disk.

Two things say who holds a lock file:

* The system's lock on it (flock). The system lets go of it when the holder dies, however it dies.
* The record inside: host, process, since when. While it works, the holder touches the file every
  `RENEWED` seconds.

On one machine the system's lock decides. Some network disks have none, or one that other machines
do not see. So a record of another machine counts as well, until `SILENT` seconds have passed
without a touch: then its holder is taken for dead. Time is read from the disk, not from a clock of
this machine. A container counts as a machine of its own, whatever its host is called: numbers of
processes mean nothing outside it.

Where the disk has no flock at all, the lock belongs to whoever makes the file `<lock>.claim`, which
only one can. Of a dead holder's claim the last one to write its record has it: a new holder waits
`SETTLED` seconds and looks whether another one has written over it.
"""

import contextlib
import dataclasses
import functools
import math
import os
import pathlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import IO

from tf_twostage.errors import InputError, shown

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
    place: str = ""  # tells machines and containers of one name apart; "": not known

    @classmethod
    def this_process(cls) -> "Holder":
        """The record of this process, from now on."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        return cls(socket.gethostname(), os.getpid(), now, _this_place())

    @classmethod
    def read(cls, path: pathlib.Path) -> "Holder | None":
        """The record in a lock file; None where it has none."""
        try:
            host, process, since, *place = path.read_text(encoding="utf-8").splitlines()
            return cls(host, int(process), since, *place)
        except (OSError, TypeError, ValueError):
            return None

    def write(self, file: IO[str]) -> None:
        """Puts the record into a lock file in place of what it holds."""
        file.truncate(0)
        file.write(f"{self.host}\n{self.process}\n{self.since}\n{self.place}\n")
        file.flush()

    @property
    def is_here(self) -> bool:
        """Whether it counts its processes as this one does."""
        return self.host == socket.gethostname() and self.place in ("", _this_place())

    @property
    def has_ended(self) -> bool:
        """Whether it certainly holds no longer: it has died, or was this process itself."""
        return self.is_here and (self.process == os.getpid() or not _runs(self.process))

    def __str__(self) -> str:
        return shown(f"process {self.process} on {self.host} since {self.since}")


@functools.cache
def _this_place() -> str:
    """The machine since its last start and the container, on Linux; else ""."""
    try:
        start = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
        return f"{start.strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


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
        mine = _take(file, path)
        if mine is None:
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
            if Holder.read(path) == mine:  # else it was silent for long, and lost the lock
                _claim_of(path).unlink(missing_ok=True)
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
        return found if found and _is_alive(found, path, locked) else None


def _opened(path: pathlib.Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot write {path.parent} ({error.strerror}): choose another --output_dir"
        ) from None


def _take(file: IO[str], path: pathlib.Path) -> Holder | None:
    """Takes the lock and writes the record, unless someone else holds it."""
    locked = _flock(file)
    found = Holder.read(path)
    if locked is False or (found and _is_alive(found, path, locked)):
        return None
    mine = Holder.this_process()
    if locked:
        mine.write(file)
    elif not _claim(path, file, mine, found):
        return None
    return mine if Holder.read(path) == mine else None


def _claim(path: pathlib.Path, file: IO[str], mine: Holder, found: Holder | None) -> bool:
    """Without flock: makes the claim and writes the record, unless another one is faster."""
    claim = _claim_of(path)
    left_behind = claim.exists()
    if left_behind and not found and _silence(claim) < SILENT:
        return False  # its maker is about to write its record
    if left_behind:
        claim.unlink(missing_ok=True)
    if not _made(claim):
        return False
    mine.write(file)
    if left_behind:
        time.sleep(SETTLED)
    return True


def _claim_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(f"{path.name}.claim")


def _made(claim: pathlib.Path) -> bool:
    """Whether this process is the one that made the file."""
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


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


def _is_alive(found: Holder, path: pathlib.Path, locked: bool | None) -> bool:
    """Whether a record's holder lives, as far as the system's lock has not decided that."""
    if found.is_here and locked:
        return False
    return not found.has_ended and _silence(path) < SILENT


def _silence(path: pathlib.Path) -> float:
    """Seconds since a file was touched, by the disk's own clock; of one that is gone, infinite."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".") as probe:
        try:
            return os.fstat(probe.fileno()).st_mtime - path.stat().st_mtime
        except FileNotFoundError:
            return math.inf


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # the latter: no number of a process
        return False
    except PermissionError:
        return True
    return True


def _show_life(path: pathlib.Path, done: threading.Event) -> None:
    while not done.wait(RENEWED):
        with contextlib.suppress(OSError):
            os.utime(path)
