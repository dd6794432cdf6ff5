"""A trial in a process of its own, so that one that fails or is killed leaves the others alone."""

import multiprocessing
import os
import pathlib
import signal
import sys
import threading

from tf_twostage.errors import InputError, in_one_line
from tf_twostage.experiment.lock import HeldError
from tf_twostage.experiment.plan import Plan
from tf_twostage.quiet import plain_messages, quiet_import
from tf_twostage.training import stopping

INTERRUPTED = 130  # exit code after Ctrl-C, as the shell has it
HELD = 75  # exit code where another process holds the trial: EX_TEMPFAIL of sysexits.h


def start(plan: Plan, log: pathlib.Path | None) -> multiprocessing.Process:
    """Starts a trial.

    Args:
      plan: the trial.
      log: the file that what it prints is added to; None: it prints where this process does.
    """
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(plan, log))
    process.start()
    return process


def reason(code: int | None, log: pathlib.Path | None) -> str | None:
    """Why a trial's process failed, by its exit code; None if it did not."""
    if not code:
        return None
    if code > 0:
        return "its message stands above" if log is None else _last_line(log)
    name = signal.Signals(-code).name
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def stop_on_sigterm() -> None:
    """Makes SIGTERM, which schedulers send, end this process as Ctrl-C does.

    What trains ends its epoch first, if that is soon, and writes a checkpoint; a second SIGTERM
    does not wait for that.
    """
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGALRM, _interrupt)
    sys.unraisablehook = _repeat_a_lost_interrupt


def ignore_signals() -> None:
    """For the end of a process: its exit code is decided, and no signal may change it.

    While Python ends it would drop an interrupt, and die of the alarm that is to repeat it.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)


def _terminate(number, frame) -> None:
    if stopping.ask():
        os.write(2, f"\nstopping after this epoch, in {stopping.GRACE:.0f} s at most\n".encode())
    else:
        raise KeyboardInterrupt


def _interrupt(number, frame) -> None:
    raise KeyboardInterrupt


def _repeat_a_lost_interrupt(unraisable) -> None:
    """Python drops what is raised inside a callback, such as a weak reference's: raise it later."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    else:
        sys.__unraisablehook__(unraisable)


def _run(plan: Plan, log: pathlib.Path | None) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which tells us
    stop_on_sigterm()
    _end_with_parent()
    try:
        if log is not None:
            _redirect(log)
        with quiet_import():
            from tf_twostage.experiment import trial
        plain_messages()
        trial.run(plan)
    except HeldError:
        sys.exit(HELD)
    except (InputError, OSError) as error:
        sys.exit(f"error: {in_one_line(error)}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        ignore_signals()


def _end_with_parent() -> None:
    """Ends this trial when its parent is killed: nobody would see that it still holds its lock."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _redirect(log: pathlib.Path) -> None:
    """Adds stdout and stderr, those of C++ too, to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _last_line(log: pathlib.Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
    return f"{last.removeprefix('error: ')} (see {log})"
