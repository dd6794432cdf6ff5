"""Locks: the system's, and the record where another machine or no system lock is in play."""

import contextlib
import errno
import fcntl
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


def record(path, host, process, place=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{host}\n{process}\n2026-01-01 00:00:00\n{place}\n")


def test_a_record_is_shown_in_one_line(path):
    record(path, "a\x1b[2Jb", 1)
    with pytest.raises(lock.HeldError, match=r"process 1 on a\\x1b\[2Jb since"):
        lock.hold(path, "trial 0").__enter__()


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


def test_a_container_of_the_same_name_is_another_machine(path):
    """Its process 1 is not ours, and its number says nothing of whether it lives."""
    for process in (os.getpid(), 2**22 + 1):
        record(path, socket.gethostname(), process, place="another start, another namespace")
        with pytest.raises(lock.HeldError, match=f"process {process} on {socket.gethostname()}"):
            lock.hold(path, "trial 0").__enter__()
        age(path, lock.SILENT + 10)
        assert lock.holder(path) is None


def test_who_lost_the_lock_leaves_the_new_holder_alone(path):
    with lock.hold(path, "trial 0"):
        record(path, "elsewhere", 1)
    assert lock.holder(path).host == "elsewhere"


def test_a_holder_shows_that_it_lives(path, monkeypatch):
    monkeypatch.setattr(lock, "RENEWED", 0.01)
    with lock.hold(path, "trial 0"):
        age(path, 1000)
        deadline = time.monotonic() + 10
        while lock._silence(path) > 500:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def refuse_flock(code):
    def flock(file, operation):
        raise OSError(code, os.strerror(code))

    return flock


@pytest.fixture(params=[None, errno.ENOLCK, errno.ENOTSUP])
def without_flock(request, monkeypatch):
    """A system or a disk that has no flock."""
    if request.param is None:
        monkeypatch.setattr(lock, "fcntl", None)
    else:
        monkeypatch.setattr(fcntl, "flock", refuse_flock(request.param))


@pytest.mark.usefixtures("without_flock")
def test_without_flock_the_record_decides(path):
    with lock.hold(path, "trial 0"):
        assert lock.holder(path) is None  # its own process does not keep itself out
    record(path, socket.gethostname(), os.getppid())  # it lives
    with pytest.raises(lock.HeldError):
        lock.hold(path, "trial 0").__enter__()
    age(path, lock.SILENT + 10)  # its number went to another process
    with lock.hold(path, "trial 0"):
        pass
    for none in (2**22 + 1, 10**40):  # no process has this number
        record(path, socket.gethostname(), none)
        with lock.hold(path, "trial 0"):
            pass
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("without_flock")
def test_without_flock_whoever_claims_first_has_it(path):
    path.parent.mkdir()
    claim = path.with_name(f"{path.name}.claim")
    claim.touch()  # its maker has not written its record yet
    with pytest.raises(lock.HeldError, match="held by another process"):
        lock.hold(path, "trial 0").__enter__()
    age(claim, lock.SILENT + 10)  # its maker died
    with lock.hold(path, "trial 0"):
        assert claim.exists()


@pytest.mark.usefixtures("without_flock")
def test_without_flock_the_last_to_write_inherits(path, monkeypatch):
    def other_writes(seconds):
        record(path, "elsewhere", 1)

    record(path, socket.gethostname(), 2**22 + 1)  # has died
    path.with_name(f"{path.name}.claim").touch()
    monkeypatch.setattr(lock.time, "sleep", other_writes)
    with pytest.raises(lock.HeldError, match="on elsewhere"):
        lock.hold(path, "trial 0").__enter__()


def _count(path, times):
    """Adds to the number in a file, which comes out wrong where two do it at once."""
    fcntl.flock = refuse_flock(errno.ENOLCK)
    number = path.with_name("number")
    for _ in range(times):
        with lock.waiting(path, "the number", poll=0.001):
            found = int(number.read_text())
            os.sched_yield()
            number.write_text(str(found + 1))


def test_without_flock_processes_take_turns(path):
    path.parent.mkdir()
    path.with_name("number").write_text("0")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(path, 50)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert path.with_name("number").read_text() == "150"


def _hold_without_flock(path, ready):
    fcntl.flock = refuse_flock(errno.ENOLCK)
    _hold_for_ever(path, ready)


@contextlib.contextmanager
def held(path, hold=_hold_for_ever):
    """A process that holds the lock; it is killed in the end."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(path, ready))
    process.start()
    try:
        assert ready.wait(600)
        yield process
    finally:
        process.kill()
        process.join()


def test_a_killed_holder_lets_go_at_once(path):
    with held(path) as process:
        assert lock.holder(path).process == process.pid
    assert lock.holder(path) is None
    with lock.hold(path, "trial 0"):
        pass


def test_without_flock_a_killed_holder_lets_go_at_once(path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refuse_flock(errno.ENOLCK))
    with held(path, _hold_without_flock) as process:
        assert lock.holder(path).process == process.pid
        with pytest.raises(lock.HeldError, match=f"held by process {process.pid}"):
            lock.hold(path, "trial 0").__enter__()
    assert lock.holder(path) is None
    with lock.hold(path, "trial 0"):
        pass


def test_waiting_waits(path, monkeypatch):
    with held(path) as process:
        looks = iter(range(3))

        def look_again(seconds):
            if next(looks, None) is None:
                os.kill(process.pid, signal.SIGKILL)
                process.join()

        monkeypatch.setattr(lock, "PATIENCE", 0)
        monkeypatch.setattr(lock.time, "sleep", look_again)
        with lock.waiting(path, "Table 1"):
            assert not process.is_alive()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write .*choose another --output_dir"):
        lock.hold(tmp_path / "file" / "lock", "trial 0").__enter__()
