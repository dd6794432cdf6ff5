"""Trials side by side: each in a process of its own, on a GPU of its own, with a log of its own."""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection

from tf_twostage.experiment import progress, trial_process
from tf_twostage.experiment.plan import Plan
from tf_twostage.experiment.screen import Screen

POLL = 0.5  # seconds between two looks at the running trials
LOOK_AGAIN = 5.0  # seconds between two looks at trials that others hold


@dataclasses.dataclass(frozen=True)
class Job:
    """A trial that runs."""

    plan: Plan
    process: multiprocessing.Process
    gpu: str | None  # as CUDA_VISIBLE_DEVICES names it


class Jobs:
    """Runs plans, so many at a time; each takes the next trial that nobody holds.

    Args:
      plans: the trials, in the order in which they are wanted.
      count: how many run at a time.
      gpus: the GPUs that they share in turns; [] on a CPU.
      finished: called after each trial that has ended well.
    """

    def __init__(
        self, plans: list[Plan], count: int, gpus: list[str], finished: Callable[[], None]
    ):
        self.count = count
        self.gpus = gpus
        self.finished = finished
        self.waiting = list(plans)
        self.running: list[Job] = []
        self.failed: list[Plan] = []
        self.screen = Screen(len(plans), alone=count == 1)

    def run(self) -> list[Plan]:
        """Runs all to their ends; returns those that failed.

        A trial that another process holds is waited for, and taken over should that one die.
        """
        try:
            while self.waiting or self.running:
                self._start()
                if self.waiting and not self.running:
                    self.screen.wait_for(self.waiting)
                    time.sleep(LOOK_AGAIN)
                self._reap()
        except KeyboardInterrupt:
            self._stop()
            raise
        return self.failed

    def _start(self) -> None:
        """Starts the next trials that are free, as many as there is room for."""
        for plan in list(self.waiting):
            if len(self.running) >= self.count:
                return
            status = progress.status(plan)
            if status.finished:
                self.waiting.remove(plan)
                self.screen.begin(f"{plan.folder}, seed {plan.seed}: finished")
            elif status.holder is None:
                self.waiting.remove(plan)
                self.screen.begin(f"{plan.folder}, seed {plan.seed}: {status}")
                gpu = self._free_gpu()
                self.running.append(Job(plan, self._process(plan, gpu), gpu))

    def _process(self, plan: Plan, gpu: str | None) -> multiprocessing.Process:
        with _environment("CUDA_VISIBLE_DEVICES", gpu):
            return trial_process.start(plan, self._log(plan))

    def _log(self, plan: Plan) -> pathlib.Path | None:
        """Where a trial prints to; None: to the screen, which it has for itself."""
        return None if self.count == 1 else plan.folder.output

    def _free_gpu(self) -> str | None:
        """The GPU with the fewest running trials."""
        used = [job.gpu for job in self.running]
        return min(self.gpus, key=used.count) if self.gpus else None

    def _reap(self) -> None:
        """Waits a moment; takes away the trials that have ended."""
        if not self.running:
            return
        connection.wait([job.process.sentinel for job in self.running], timeout=POLL)
        self.screen.show([job.plan for job in self.running])
        for job in [job for job in self.running if not job.process.is_alive()]:
            self.running.remove(job)
            self._end(job)

    def _end(self, job: Job) -> None:
        code, plan = job.process.exitcode, job.plan
        if code == trial_process.INTERRUPTED:
            raise KeyboardInterrupt
        if code == trial_process.HELD:  # someone else was faster
            self.waiting.append(plan)
        elif reason := trial_process.reason(code, self._log(plan)):
            plan.folder.write_failure(reason)
            self.failed.append(plan)
            self.screen.complain(f"{plan.folder} failed: {reason}; going on")
        else:
            self.screen.say(f"{plan.folder}: done")
            self.finished()

    def _stop(self) -> None:
        """Ends what runs: each process has had the same Ctrl-C, or is told now."""
        for job in self.running:
            with contextlib.suppress(ProcessLookupError):
                job.process.terminate()
        for job in self.running:
            job.process.join()


@contextlib.contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Sets a variable for the processes that are started inside; None leaves it as it is."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        if value is not None:
            os.environ.pop(name)
            if before is not None:
                os.environ[name] = before
