"""Throughput, power and queue over time, in bins that widen as a run gets longer."""

import numpy as np

from simulator.serving.request import FloatArray

_BINS = 512
_COLUMNS = ("busy_s", "output_tokens", "prompt_tokens", "energy_j", "running_s", "waiting_s")


class Timeline:
    """Sums per time bin; memory does not grow with the run.

    Work of an event is spread evenly over the bins it covers, so totals are conserved.
    """

    def __init__(self, bin_s: float = 0.25) -> None:
        self.bin_s = bin_s
        self._sums = [[0.0] * _BINS for _ in _COLUMNS]
        self._last = 0

    def add(
        self,
        start_s: float,
        duration_s: float,
        output_tokens: float,
        prompt_tokens: float,
        energy_j: float,
        running: int,
        waiting: int,
    ) -> None:
        """Add one event of the simulation."""
        end_s = start_s + duration_s
        while end_s >= self.bin_s * _BINS:
            self._widen()
        first, last = int(start_s / self.bin_s), int(end_s / self.bin_s)
        values = (
            duration_s, output_tokens, prompt_tokens, energy_j,
            running * duration_s, waiting * duration_s,
        )  # fmt: skip
        if last > self._last:
            self._last = last
        if first == last or duration_s <= 0:
            for column, value in zip(self._sums, values, strict=True):
                column[last] += value
            return
        for i in range(first, last + 1):
            left = max(start_s, i * self.bin_s)
            right = min(end_s, (i + 1) * self.bin_s)
            share = (right - left) / duration_s
            for column, value in zip(self._sums, values, strict=True):
                column[i] += value * share

    def _widen(self) -> None:
        """Double the bins' width: neighbours become one."""
        for k, column in enumerate(self._sums):
            merged = [column[i] + column[i + 1] for i in range(0, _BINS, 2)]
            self._sums[k] = merged + [0.0] * (_BINS // 2)
        self.bin_s *= 2
        self._last //= 2

    def series(self) -> dict[str, FloatArray]:
        """Arrays over time: ``time_s`` is the middle of each bin, the others sums in it."""
        bins = self._last + 1
        found = {
            name: np.asarray(column[:bins]) for name, column in zip(_COLUMNS, self._sums, strict=True)
        }
        found["time_s"] = (np.arange(bins) + 0.5) * self.bin_s
        return found
