"""A line of progress for the command."""

import sys
import time


class Progress:
    """Draws how many images are done, and how many a second, on stderr."""

    def __init__(self, name: str, total: int | None):
        self._name, self._total = name, total
        self._start = self._drawn = time.monotonic()
        self._live = sys.stderr.isatty()
        self._done = 0

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, done: int) -> None:
        self._done = done
        if self._live and time.monotonic() - self._drawn > 0.2:
            self._draw("")

    def __exit__(self, *_: object) -> None:
        if self._done:
            self._draw("\n")

    def _draw(self, end: str) -> None:
        self._drawn = time.monotonic()
        rate = self._done / max(self._drawn - self._start, 1e-9)
        total = f"/{self._total:,}" if self._total else ""
        text = f"{self._name}: {self._done:,}{total} images, {rate:.1f} images/s {self._bar()}"
        clear = "\r" if self._live else ""
        print(clear + text.rstrip(), end=end, file=sys.stderr, flush=True)

    def _bar(self) -> str:
        if not (self._live and self._total):
            return ""
        filled = min(20 * self._done // self._total, 20)
        return "[" + "#" * filled + " " * (20 - filled) + "]"
