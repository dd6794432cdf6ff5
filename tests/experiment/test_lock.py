"""Locks: the system's, and the record where another machine or no system lock is in play."""

import multiprocessing
import os
import signal
import socket
import time

import pytest

from tf_twostage.errors import InputError
from tf_twostage.experiment import lock


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0.02)
    monkeypatch.setattr(lock, "SETTLED", 0.05)
    return tmp_path / ".locks" / "trial_000"


def record(path, host, process):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{host}\n{process}\n2026-01-01 00:00:00\n")


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_one_holder_at_a_time(path):
    with lock.hold(path, "trial 0"):
        found = lock.holder(path)
        assert (found.host, found.process) == (socket.gethostname(), os.getpid())
        with pytest.raises(lock.HeldError, match=rf"trial 0 is held by process {os.getpid()} on"):
            lock.hold(path, "trial 0").__enter__()
    assert lock.holder(path) is None
    with lock.hold(path, "trial 0"):
        pass


def test_nobody_holds_what_was_never_locked(path):
    assert lock.holder(path) is None
    assert not path.parent.exists()


def test_an_error_inside_lets_go(path):
    with pytest.raises(ValueError, match="inside"), lock.hold(path, "trial 0"):
        raise ValueError("inside")
    assert lock.holder(path) is None


def _hold_for_ever(path, ready):
    with lock.hold(path, "trial 0"):
        ready.set()
        time.sleep(600)


def test_a_killed_holder_lets_go_at_once(path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold_for_ever, args=(path, ready))
    process.start()
    assert ready.wait(60)
    assert lock.holder(path).process == process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert lock.holder(path) is None
    with lock.hold(path, "trial 0"):
        pass


def test_another_machine_holds_until_it_has_been_silent_for_long(path):
    record(path, "elsewhere", 1)
    assert lock.holder(path).host == "elsewhere"
    age(path, lock.SILENT - 10)
    with pytest.raises(lock.HeldError, match="process 1 on elsewhere since 2026"):
        lock.hold(path, "trial 0").__enter__()
    age(path, lock.SILENT + 10)
    assert lock.holder(path) is None
    with lock.hold(path, "trial 0"):
        assert lock.holder(path).process == os.getpid()


def test_a_holder_shows_that_it_lives(path, monkeypatch):
    monkeypatch.setattr(lock, "RENEWED", 0.01)
    with lock.hold(path, "trial 0"):
        age(path, 1000)
        deadline = time.monotonic() + 10
        while lock._silence(path) > 500:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def without_flock(monkeypatch):
    """A disk that has no flock."""
    monkeypatch.setattr(lock, "fcntl", None)


@pytest.mark.usefixtures("without_flock")
def test_without_flock_the_record_decides(path):
    with lock.hold(path, "trial 0"):
        assert lock.holder(path) is None  # its own process does not keep itself out
    record(path, socket.gethostname(), os.getppid())  # it lives
    with pytest.raises(lock.HeldError):
        lock.hold(path, "trial 0").__enter__()
    record(path, socket.gethostname(), 2**22 + 1)  # no process has this number
    with lock.hold(path, "trial 0"):
        pass


@pytest.mark.usefixtures("without_flock")
def test_without_flock_the_last_to_write_has_it(path, monkeypatch):
    def other_writes(seconds):
        record(path, "elsewhere", 1)

    monkeypatch.setattr(lock.time, "sleep", other_writes)
    with pytest.raises(lock.HeldError, match="on elsewhere"):
        lock.hold(path, "trial 0").__enter__()


def test_waiting_waits(path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold_for_ever, args=(path, ready))
    process.start()
    assert ready.wait(60)
    killer = multiprocessing.get_context("fork").Process(
        target=lambda: (time.sleep(0.5), os.kill(process.pid, signal.SIGKILL))
    )
    killer.start()
    with lock.waiting(path, "Table 1"):
        assert not process.is_alive()
    killer.join()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write .*choose another --output_dir"):
        lock.hold(tmp_path / "file" / "lock", "trial 0").__enter__()
