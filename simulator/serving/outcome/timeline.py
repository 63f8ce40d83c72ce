"""What happened over time: the events of all replicas, summed into bins and totals."""

from dataclasses import dataclass, replace
from struct import Struct

import numpy as np

from simulator.serving.outcome.records import Counters
from simulator.serving.traffic.request import FloatArray

_BINS = 512
_COLUMNS = ("busy_s", "output_tokens", "prompt_tokens", "energy_j", "running_s", "waiting_s")

StepEvent = tuple[int, float, float, int, int, int, int, float, int, int, int]
"""Replica, start and duration in seconds, decode steps (0: prompts alone), sequences decoding,
tokens of answers, prompt tokens, joules, sequences running, requests waiting, cache blocks
held."""

_ROW = Struct("=11d")
_BUFFER = _ROW.size << 14
_pack = _ROW.pack_into

_GAP_LOW_S, _GAP_HIGH_S = 1e-6, 1e4
_GAP_BINS = 2300
"""Gaps between tokens fall into logarithmic bins 1 % wide."""


@dataclass(slots=True)
class Totals:
    """Sums over one replica's events."""

    events: int = 0
    steps: int = 0
    prefill_tokens: int = 0
    output_tokens: int = 0
    busy_s: float = 0.0
    energy_j: float = 0.0
    peak_blocks: int = 0


class Timeline:
    """Sums per time bin and per replica; memory does not grow with the run, bins widen instead.

    Work of an event is spread evenly over the bins it covers, so totals are conserved. Events
    are buffered and summed many at a time, which keeps the cost of each far below that of
    simulating it.
    """

    def __init__(self, replicas: int, bin_s: float = 0.25, *, keep_events: bool = False) -> None:
        self.bin_s = bin_s
        self._sums = np.zeros((len(_COLUMNS), _BINS))
        self._gaps = np.zeros(_GAP_BINS)
        self._totals = [Totals() for _ in range(replicas)]
        self._end_s = 0.0
        self._buffer = bytearray(_BUFFER)
        self._filled = 0
        self._kept: bytearray | None = bytearray() if keep_events else None

    def add(self, event: StepEvent) -> None:
        """Add one event of a replica."""
        _pack(self._buffer, self._filled, *event)
        self._filled += _ROW.size
        if self._filled == _BUFFER:
            self._flush()

    def add_gap(self, gap_s: float, count: int) -> None:
        """Add ``count`` gaps between tokens that are longer than the step that ends them."""
        self._gaps[_gap_bin(np.asarray(gap_s))] += count

    def _flush(self) -> None:
        """Sum the buffered events."""
        if not self._filled:
            return
        rows = self._buffer[: self._filled]
        self._filled = 0
        if self._kept is not None:
            self._kept += rows
        events = np.frombuffer(rows).reshape(-1, _ROW.size // 8).T
        (replica, start, duration, steps, decoding, outputs, prompts, energy, running, waiting,
            held) = events  # fmt: skip
        who = replica.astype(np.int64)
        self._add_totals(who, steps, prompts, outputs, duration, energy, held)
        stepping = steps > 0
        gap_s = duration[stepping] / steps[stepping]
        self._gaps += np.bincount(_gap_bin(gap_s), (steps * decoding)[stepping], _GAP_BINS)
        self._add_bins(start, duration, [outputs, prompts, energy], [running, waiting])

    def _add_totals(
        self,
        who: np.ndarray,
        steps: FloatArray,
        prompts: FloatArray,
        outputs: FloatArray,
        duration: FloatArray,
        energy: FloatArray,
        held: FloatArray,
    ) -> None:
        count = len(self._totals)
        columns = (np.maximum(steps, 1), prompts, outputs, duration, energy)
        sums = np.array([np.bincount(who, column, count) for column in columns])
        events = np.bincount(who, minlength=count)
        peak = np.zeros(count)
        np.maximum.at(peak, who, held)
        for number, total in enumerate(self._totals):
            total.events += int(events[number])
            total.steps += int(sums[0, number])
            total.prefill_tokens += int(sums[1, number])
            total.output_tokens += int(sums[2, number])
            total.busy_s += float(sums[3, number])
            total.energy_j += float(sums[4, number])
            total.peak_blocks = max(total.peak_blocks, int(peak[number]))

    def _add_bins(
        self,
        start: FloatArray,
        duration: FloatArray,
        amounts: list[FloatArray],
        levels: list[FloatArray],
    ) -> None:
        """Spread events over time bins; ``levels`` count as long as they last."""
        end = start + duration
        self._end_s = max(self._end_s, float(end.max()))
        while self._end_s >= self.bin_s * _BINS:
            self._widen()
        rows = np.stack([duration, *amounts, *(level * duration for level in levels)])
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

    def add_to(self, counters: Counters, replica: int) -> Counters:
        """``counters`` of one replica with the sums over its events."""
        self._flush()
        totals = self._totals[replica]
        return replace(
            counters,
            steps=totals.steps,
            events=totals.events,
            prefill_tokens=totals.prefill_tokens,
            decode_tokens=totals.output_tokens - counters.prompt_ends,
            peak_blocks=totals.peak_blocks,
            busy_s=totals.busy_s,
            energy_j=counters.energy_j + totals.energy_j,
        )

    def events(self) -> tuple[StepEvent, ...]:
        """All events in order of their ends, when they were kept."""
        self._flush()
        return tuple(_event(row) for row in _ROW.iter_unpack(self._kept or b""))

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
        return float(_gap_middles()[index])

    def gap_mean(self) -> float:
        """Mean inter-token latency, within 1 %; NaN when no sequence had two tokens."""
        self._flush()
        total = self._gaps.sum()
        return float(self._gaps @ _gap_middles() / total) if total else float("nan")


def _event(row: tuple[float, ...]) -> StepEvent:
    """An event as it was added: all but its times and energy are whole numbers."""
    replica, start_s, time_s, steps, decoding, outputs, prompts, energy_j, *counts = row
    running, waiting, held = map(int, counts)
    return (
        int(replica), start_s, time_s, int(steps), int(decoding), int(outputs), int(prompts),
        energy_j, running, waiting, held,
    )  # fmt: skip


def _gap_bin(gap_s: FloatArray) -> np.ndarray:
    scale = _GAP_BINS / np.log(_GAP_HIGH_S / _GAP_LOW_S)
    index = scale * np.log(np.maximum(gap_s, _GAP_LOW_S) / _GAP_LOW_S)
    return np.asarray(np.clip(index.astype(np.int64), 0, _GAP_BINS - 1))


def _gap_middles() -> FloatArray:
    span = np.log(_GAP_HIGH_S / _GAP_LOW_S)
    return np.asarray(_GAP_LOW_S * np.exp(span * (np.arange(_GAP_BINS) + 0.5) / _GAP_BINS))
