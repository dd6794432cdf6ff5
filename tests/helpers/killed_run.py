"""`run_experiments.py` in a process that ends itself when it has come so far.

    python tests/helpers/killed_run.py FOLDER AT SIGNAL DELAY COUNT run_experiments' flags ...

Progress is counted in changes of files below FOLDER that Python makes: opened for writing, renamed,
deleted, folders made. At change number AT, or DELAY seconds after it, the process sends itself
SIGNAL. How many changes there were goes into the file COUNT in the end.
"""

import atexit
import os
import pathlib
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.truncate")


class Killer:
    """Counts; see above."""

    def __init__(self, folder: str, at: int, number: signal.Signals, delay: float):
        self.folder, self.at, self.number, self.delay = folder, at, number, delay
        self.count = 0

    def __call__(self, event: str, arguments: tuple) -> None:
        """An audit hook."""
        if self._changes(event, arguments):
            self.count += 1
            if self.count == self.at:
                print(f"{self.number.name} at change {self.at}, {event} {arguments}", flush=True)
                self._kill()

    def _changes(self, event: str, arguments: tuple) -> bool:
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR):
                return False
        elif event in CHANGES:
            path = arguments[0]
        else:
            return False
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self.folder)

    def _kill(self) -> None:
        if self.delay:
            threading.Timer(self.delay, os.kill, (os.getpid(), self.number)).start()
        else:
            os.kill(os.getpid(), self.number)


def main() -> None:
    folder, at, name, delay, count, *flags = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    killer = Killer(folder, int(at), signal.Signals[name], float(delay))
    atexit.register(lambda: pathlib.Path(count).write_text(str(killer.count)))
    sys.addaudithook(killer)
    sys.argv = ["run_experiments.py", *flags]
    from tf_twostage.experiment import cli

    cli.console_script()


if __name__ == "__main__":
    main()
