"""What a sweep shows: a line for each event, and a line of progress for each running trial."""

import sys
import time

from tf_twostage.experiment import progress
from tf_twostage.experiment.plan import Plan

LIVE_SECONDS = 1.0  # between two drawings on a terminal
PRINTED_SECONDS = 60.0  # between two printings elsewhere


class Screen:
    """Prints for a sweep.

    Args:
      trials: how many there are in all.
      alone: one trial at a time, which prints its own progress.
    """

    def __init__(self, trials: int, alone: bool):
        self.trials = trials
        self.alone = alone
        self.live = sys.stdout.isatty()
        self.begun = 0
        self._lines = 0  # of progress at the bottom of the terminal
        self._shown = time.monotonic()
        self._waited_for: list[Plan] = []

    def begin(self, text: str) -> None:
        """A trial begins, or had ended before."""
        self.begun += 1
        self.say(f"\n[{self.begun}/{self.trials}] {text}" if self.alone else text)

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self._clear()
        print(text, flush=True)

    def complain(self, text: str) -> None:
        """Prints a line that stays, on stderr."""
        self._clear()
        print(text, file=sys.stderr, flush=True)

    def show(self, plans: list[Plan]) -> None:
        """Shows how far the running trials are, unless that was done a moment ago."""
        seconds = LIVE_SECONDS if self.live else PRINTED_SECONDS
        if self.alone or time.monotonic() - self._shown < seconds:
            return
        self._shown = time.monotonic()
        self._clear()
        lines = [progress.line(plan) for plan in plans]
        print("\n".join(lines), flush=True)
        self._lines = len(lines) if self.live else 0

    def wait_for(self, plans: list[Plan]) -> None:
        """Says once that nothing is left but what others hold."""
        if plans == self._waited_for:
            return
        self._waited_for = list(plans)
        for plan in plans:
            self.say(f"{plan.folder}: {progress.status(plan)}; waiting (Ctrl-C leaves it to them)")

    def _clear(self) -> None:
        """Takes the lines of progress away."""
        if self._lines:
            print(f"\x1b[{self._lines}F\x1b[J", end="")
            self._lines = 0
