"""How far a long piece of work is, how fast it goes and how long it will take, on stderr."""

import sys
import time
from dataclasses import dataclass
from typing import Any

from simulator.units import seconds, significant

_LINE_EVERY_S = 10.0
"""Between two lines where stderr is a file or a pipe."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Where work stood when it was first looked at, and where it stands."""

    first: int
    done: int
    total: int
    elapsed_s: float

    @property
    def rate_per_s(self) -> float:
        """What was done a second since the first look; what was there before does not count."""
        return (self.done - self.first) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def words(self, what: str) -> str:
        """``1,204 of 5,000 rows, 42 rows/s, 90 s left``.

        >>> Pace(200, 1200, 5000, 50.0).words("rows")
        '1,200 of 5,000 rows, 20 rows/s, 190 s left'
        """
        text = f"{self.done:,} of {self.total:,} {what}"
        rate = self.rate_per_s
        if not rate or self.done >= self.total:
            return text
        left = seconds((self.total - self.done) / rate)
        return f"{text}, {significant(rate)} {what}/s, {left} left"


class PaceReport:
    """A line on a terminal that is written anew; elsewhere a line now and then.

    Args:
        what: what is counted, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._first: tuple[int, float] | None = None
        self._told_at = time.monotonic()
        self._line: Any = None

    def __enter__(self) -> "PaceReport":
        if sys.stderr.isatty():
            from rich.console import Console

            self._line = Console(stderr=True).status(self._what)
            self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.stop()

    def __call__(self, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` are done."""
        now = time.monotonic()
        first, began = self._first = self._first or (done, now)
        text = Pace(first, done, total, now - began).words(self._what)
        if self._line is not None:
            self._line.update(text)
        elif now - self._told_at >= _LINE_EVERY_S:
            self._told_at = now
            print(f"roofsim: {text}", file=sys.stderr, flush=True)
