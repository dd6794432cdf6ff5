"""A trial in a process of its own, so that one that fails or is killed leaves the others alone."""

import multiprocessing
import signal
import sys

from tf_twostage.errors import InputError
from tf_twostage.experiment.plan import Plan
from tf_twostage.quiet import plain_messages, quiet_import

INTERRUPTED = 130  # exit code after Ctrl-C, as the shell has it


def run(plan: Plan) -> str | None:
    """Runs a trial to its end; returns why it failed, None if it did not.

    Raises:
      KeyboardInterrupt: someone pressed Ctrl-C; the trial's process has ended too.
    """
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(plan,))
    process.start()
    try:
        process.join()
    except KeyboardInterrupt:
        process.join()  # it has had the same signal
        raise
    if process.exitcode == INTERRUPTED:
        raise KeyboardInterrupt
    return _reason(process.exitcode)


def _run(plan: Plan) -> None:
    """What the process does."""
    try:
        with quiet_import():
            from tf_twostage.experiment import trial
        plain_messages()
        trial.run(plan)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _reason(code: int | None) -> str | None:
    if not code:
        return None
    if code > 0:
        return "its message stands above"
    name = signal.Signals(-code).name
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
