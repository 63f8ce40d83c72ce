"""Throughput, power and queue over time, and gaps between tokens, from a stream of events."""

from array import array

import numpy as np

from simulator.serving.request import FloatArray

_BINS = 512
_COLUMNS = ("busy_s", "output_tokens", "prompt_tokens", "energy_j", "running_s", "waiting_s")
_BUFFER = 8 << 14

_GAP_LOW_S, _GAP_HIGH_S, _GAP_BINS = 1e-6, 1e4, 2300
"""Gaps between tokens fall into logarithmic bins 1 % wide."""


StepEvent = tuple[float, float, int, int, float, int, int, float]
"""Start, duration, output tokens, prompt tokens, joules, running, waiting, gap between tokens."""


class Timeline:
    """Sums per time bin; memory does not grow with the run, bins widen instead.

    Work of an event is spread evenly over the bins it covers, so totals are conserved. Events
    are buffered and summed many at a time.
    """

    def __init__(self, bin_s: float = 0.25, *, keep_events: bool = False) -> None:
        self.bin_s = bin_s
        self._kept: list[tuple[int, StepEvent]] | None = [] if keep_events else None
        self._sums = np.zeros((len(_COLUMNS), _BINS))
        self._gaps = np.zeros(_GAP_BINS)
        self._end_s = 0.0
        self._buffer = array("d")

    def add(self, replica: int, event: StepEvent) -> None:
        """Add one event of a replica."""
        self._buffer.extend(event)
        if self._kept is not None:
            self._kept.append((replica, event))
        if len(self._buffer) >= _BUFFER:
            self._flush()

    def events(self, replicas: int) -> tuple[tuple[StepEvent, ...], ...]:
        """The events of each replica, when they were kept."""
        if self._kept is None:
            return ()
        return tuple(
            tuple(event for who, event in self._kept if who == number) for number in range(replicas)
        )

    def add_gap(self, gap_s: float, count: int) -> None:
        """Add ``count`` gaps between tokens that no event's own duration shows."""
        self._gaps[_gap_bin(np.asarray(gap_s))] += count

    def _flush(self) -> None:
        """Sum the buffered events into bins."""
        if not self._buffer:
            return
        events = np.frombuffer(self._buffer, np.float64).reshape(-1, 8).T
        start, duration, outputs, prompts, energy, running, waiting, gap = events
        self._buffer = array("d")
        gaps = outputs > 0
        self._gaps += np.bincount(_gap_bin(gap[gaps]), outputs[gaps], _GAP_BINS)
        end = start + duration
        self._end_s = max(self._end_s, float(end.max()))
        while self._end_s >= self.bin_s * _BINS:
            self._widen()
        held = (running * duration, waiting * duration)
        rows = np.stack([duration, outputs, prompts, energy, *held])
        first = (start / self.bin_s).astype(np.int64)
        last = (end / self.bin_s).astype(np.int64)
        inside = first == last
        self._spread(first[inside], rows[:, inside], np.ones(int(inside.sum())))
        while not inside.all():
            first, last, start, end = (x[~inside] for x in (first, last, start, end))
            rows, duration = rows[:, ~inside], duration[~inside]
            left = np.maximum(start, first * self.bin_s)
            right = np.minimum(end, (first + 1) * self.bin_s)
            self._spread(first, rows, (right - left) / duration)
            first = first + 1
            inside = first > last

    def _spread(self, bins: np.ndarray, rows: FloatArray, share: FloatArray) -> None:
        for sums, row in zip(self._sums, rows, strict=True):
            sums += np.bincount(bins, row * share, _BINS)

    def _widen(self) -> None:
        """Double the bins' width: neighbours become one."""
        merged = self._sums[:, 0::2] + self._sums[:, 1::2]
        self._sums = np.concatenate([merged, np.zeros_like(merged)], axis=1)
        self.bin_s *= 2

    def series(self) -> dict[str, FloatArray]:
        """Arrays over time: ``time_s`` is the middle of each bin, the others sums in it."""
        self._flush()
        bins = int(self._end_s / self.bin_s) + 1
        found = dict(zip(_COLUMNS, self._sums[:, :bins], strict=True))
        found["time_s"] = (np.arange(bins) + 0.5) * self.bin_s
        return found

    def gap_percentile(self, percent: float) -> float:
        """Inter-token latency that ``percent`` % of gaps stay below, within 1 %; NaN for none."""
        self._flush()
        total = self._gaps.cumsum()
        if not total[-1]:
            return float("nan")
        index = int(np.searchsorted(total, percent / 100 * total[-1]))
        return float(_gap_edges()[min(index, _GAP_BINS - 1)])

    def gap_mean(self) -> float:
        """Mean inter-token latency, within 1 %; NaN when no sequence had two tokens."""
        self._flush()
        total = self._gaps.sum()
        return float(self._gaps @ _gap_edges() / total) if total else float("nan")


def _gap_bin(gap_s: FloatArray) -> np.ndarray:
    scale = _GAP_BINS / np.log(_GAP_HIGH_S / _GAP_LOW_S)
    index = scale * np.log(np.maximum(gap_s, _GAP_LOW_S) / _GAP_LOW_S)
    return np.clip(index.astype(np.int64), 0, _GAP_BINS - 1)


def _gap_edges() -> FloatArray:
    """The middle of each bin of gaps."""
    span = np.log(_GAP_HIGH_S / _GAP_LOW_S)
    return np.asarray(_GAP_LOW_S * np.exp(span * (np.arange(_GAP_BINS) + 0.5) / _GAP_BINS))
