"""What a step waits for because something lies off the device: one class for each policy.

Each says for how long its bytes hold the link, how many they are, and what of that time the
rest of the step does not hide.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from simulator.graph.operator import Experts, Lookup
from simulator.graph.routing import selection
from simulator.memory.placement import Placement, expert_bytes
from simulator.memory.reuse import lru_hits, popular_hits, zipf_head_share
from simulator.roofline.laws.lookup.constants import LOOKUP
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.off_device.host_path import HostPath
from simulator.roofline.off_device.prefetch import prefetched_step_s
from simulator.roofline.off_device.traffic import FloatArray, time_beside_traffic_s
from simulator.specs.offload import TableOffload, WeightOffload

_BASE_KNOTS_S = np.geomspace(1e-6, 1e3, 1040)
_TOKEN_KNOTS = np.concatenate([[0.0], np.unique(np.round(np.geomspace(1, 1e6, 240)))])

_DISPATCH_S = 250e-6
"""Some ten calls of a Python framework: hash, index, copy, events (assumed, 0.1 to 0.5 ms)."""

_HASH_S = 20e-9
"""One vectorised n-gram hash on a host core (assumed)."""


class Exposure(Protocol):
    """Something that lies off the device. All arrays broadcast against each other."""

    def link_s(self, tokens: ArrayLike) -> FloatArray:
        """Seconds of the link that a step of ``tokens`` tokens needs."""

    def link_bytes(self, tokens: ArrayLike) -> FloatArray:
        """Bytes that cross the link in such a step."""

    def exposed_s(self, base_s: ArrayLike, tokens: ArrayLike, others_s: ArrayLike) -> FloatArray:
        """Seconds added to a step of ``base_s``, beside ``others_s`` of other link traffic."""


class ReadInPlace:
    """Weights that kernels read over the link: a layer takes the longer of work and bytes."""

    def __init__(self, placement: Placement, path: HostPath) -> None:
        self._bytes = placement.away_bytes
        self._share = placement.away_bytes / (placement.layer_bytes * len(placement.away))
        self._link_s = float(path.read_s(placement.away_bytes))

    def link_s(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return np.where(np.asarray(tokens) > 0, self._link_s, 0.0)

    def link_bytes(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return np.where(np.asarray(tokens) > 0, self._bytes, 0.0)

    def exposed_s(self, base_s: ArrayLike, tokens: ArrayLike, others_s: ArrayLike) -> FloatArray:
        """See ``Exposure``: a fair link gives half to others for as long as they last."""
        link_s = self.link_s(tokens)
        link_s = link_s + np.minimum(link_s, others_s)
        return np.maximum(link_s - self._share * np.asarray(base_s, dtype=np.float64), 0.0)


class CopiedAhead:
    """Whole layers that are copied into buffers ahead of use."""

    def __init__(self, placement: Placement, path: HostPath, settings: WeightOffload) -> None:
        self._count = sum(placement.away)
        self._fetch_s = float(path.copy_s(placement.layer_bytes, pinned=settings.pinned))
        self._bytes = placement.away_bytes
        self._slowdown = path.copy_slowdown
        self._away, self._depth = placement.away, settings.prefetch_depth

    def link_s(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return np.where(np.asarray(tokens) > 0, self._count * self._fetch_s, 0.0)

    def link_bytes(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return np.where(np.asarray(tokens) > 0, self._bytes, 0.0)

    def exposed_s(self, base_s: ArrayLike, tokens: ArrayLike, others_s: ArrayLike) -> FloatArray:
        """See ``Exposure``: other traffic lengthens the copies; kernels run slower beside them."""
        base = np.asarray(base_s, dtype=np.float64)
        others = np.asarray(others_s, dtype=np.float64)
        slower = time_beside_traffic_s(base, self.link_s(tokens), self._slowdown)
        if not others.any():
            # The rhythm is convex in the base time, so a line between knots never lies below it.
            step = np.interp(slower, _BASE_KNOTS_S, self._curve)
        else:
            fetch = self._fetch_s + np.minimum(self._fetch_s, others / self._count)
            step = prefetched_step_s(slower, fetch, self._away, self._depth)
        step = np.maximum(step, slower)
        return np.where(np.asarray(tokens) > 0, step - base, 0.0)

    @cached_property
    def _curve(self) -> FloatArray:
        return prefetched_step_s(_BASE_KNOTS_S, self._fetch_s, self._away, self._depth)


class FetchedExperts:
    """Experts that are copied when a token asks for one that the device does not hold.

    The router decides just before they are needed, so nothing is hidden but the share that is
    foreseen a layer ahead.
    """

    def __init__(self, experts: Sequence[Experts], path: HostPath, settings: WeightOffload) -> None:
        self._foreseen = settings.foreseen
        copies, nbytes, seconds = (np.zeros(_TOKEN_KNOTS.size) for _ in range(3))
        for op in experts:
            missing = op.count * missing_experts(op, settings, _TOKEN_KNOTS)
            size = expert_bytes(op)
            copies += missing
            nbytes += missing * size
            seconds += path.copy_s(size, copies=missing, pinned=settings.pinned)
        self.copies, self._nbytes, self._seconds = copies, nbytes, seconds

    def link_s(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return _at(tokens, self._seconds)

    def link_bytes(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return _at(tokens, self._nbytes)

    def exposed_s(self, base_s: ArrayLike, tokens: ArrayLike, others_s: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        link_s = self.link_s(tokens)
        link_s = link_s + np.minimum(link_s, others_s)
        hidden = np.minimum(self._foreseen * link_s, np.asarray(base_s, dtype=np.float64))
        return link_s - hidden


def _at(tokens: ArrayLike, values: FloatArray) -> FloatArray:
    """``values``, given at the token knots, for steps of ``tokens`` tokens."""
    found: FloatArray = np.interp(np.asarray(tokens, np.float64), _TOKEN_KNOTS, values)
    return found


def missing_experts(op: Experts, settings: WeightOffload, tokens: ArrayLike) -> FloatArray:
    """Experts of one layer that a step of ``tokens`` tokens asks for in vain, on one rank."""
    skew = op.skew if settings.skew is None else settings.skew
    chosen = selection(op.experts, op.top_k, skew)
    rows = np.asarray(tokens, dtype=np.float64)[..., np.newaxis] * op.data_parallel
    asked = -np.expm1(rows * np.log1p(-np.minimum(chosen, 1 - 1e-12)))
    kept = settings.experts_on_device * op.expert_parallel
    hits = lru_hits(asked, kept) if settings.eviction == "lru" else popular_hits(chosen, kept)
    return np.asarray(np.sum(asked * (1.0 - hits), axis=-1) / op.expert_parallel)


class HostExperts:
    """Routed experts that the host's processor computes; tokens travel there and back.

    ``host_s`` gives the processor's seconds for steps of so many tokens, all layers together.
    """

    def __init__(
        self, experts: Sequence[Experts], path: HostPath, host_s: Callable[[FloatArray], FloatArray]
    ) -> None:
        rows = _TOKEN_KNOTS
        self._bytes = np.zeros(rows.size)
        self._travel_s = np.zeros(rows.size)
        for op in experts:
            row_bytes = 2.0 * op.hidden * rows
            self._bytes += op.count * 2.0 * row_bytes
            self._travel_s += op.count * 2.0 * path.copy_s(row_bytes)
        self._host_s = np.asarray(host_s(rows))

    def link_s(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return _at(tokens, self._travel_s)

    def link_bytes(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return _at(tokens, self._bytes)

    def exposed_s(self, base_s: ArrayLike, tokens: ArrayLike, others_s: ArrayLike) -> FloatArray:
        """See ``Exposure``: the device waits for the host in every layer."""
        travel_s = self.link_s(tokens)
        computing_s = _at(tokens, self._host_s)
        waiting = travel_s + np.minimum(travel_s, others_s) + computing_s
        return waiting + np.zeros(np.shape(base_s))


@dataclass(frozen=True)
class FetchedRows:
    """Rows of looked-up tables, gathered while the layers before the table's run.

    Args:
        lookups: the tables, of which all rows are known when the step begins.
        layers: of the whole model, so that a layer's start is known as a share of the step.
    """

    lookups: tuple[Lookup, ...]
    layers: int
    path: HostPath
    settings: TableOffload

    def _misses(self, lookup: Lookup) -> float:
        rows = lookup.table_bytes / lookup.row_bytes
        head = self.settings.hot_rows * rows
        return 1.0 - zipf_head_share(rows, self.settings.skew, head)

    def _gathers(self, tokens: ArrayLike) -> list[tuple[float, FloatArray]]:
        """Start of each table's layer as a share of the step, and seconds of its gather."""
        count = np.asarray(tokens, dtype=np.float64)
        found = []
        for lookup in sorted(self.lookups, key=lambda op: op.earlier_layers):
            rows = count * lookup.rows_per_token * self._misses(lookup)
            one = self.path.gather_s(rows, lookup.row_bytes)
            if self.settings.collected_by == "host":
                one = self.path.collect_s(rows, lookup.row_bytes, self.settings.host_cores)
            seconds = lookup.count * one
            found.append((min(lookup.earlier_layers / self.layers, 1.0), seconds))
        return found

    def link_s(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        return sum((s for _, s in self._gathers(tokens)), start=np.zeros(()))

    def link_bytes(self, tokens: ArrayLike) -> FloatArray:
        """See ``Exposure``."""
        count = np.asarray(tokens, dtype=np.float64)
        each = (op.count * op.bytes_per_row * self._misses(op) for op in self.lookups)
        return count * sum(each)

    def hot_s(self, tokens: ArrayLike) -> FloatArray:
        """Seconds in which the rows that the device keeps itself are gathered."""
        device = self.path.device
        law, own = device.book.law(LOOKUP).constants, device.bandwidth_bytes_per_s
        count = np.asarray(tokens, dtype=np.float64)
        total = np.zeros(count.shape)
        for op in self.lookups:
            rows = count * op.rows_per_token * (1.0 - self._misses(op))
            one = gather_time_s(law, rows, op.row_bytes, own, moves_per_byte=2.0)
            total = total + op.count * one
        return total

    def _host_s(self, tokens: ArrayLike) -> FloatArray:
        """Seconds that the engine's own thread needs to hash and to start the collection."""
        count = np.asarray(tokens, dtype=np.float64)
        if self.settings.collected_by == "device":
            return np.zeros(count.shape)
        rows = sum(op.count * op.rows_per_token for op in self.lookups)
        return np.where(count > 0, _DISPATCH_S + count * rows * _HASH_S, 0.0)

    def exposed_s(self, base_s: ArrayLike, tokens: ArrayLike, others_s: ArrayLike) -> FloatArray:
        """See ``Exposure``: a gather that outlasts the layers before its table delays the rest."""
        base = np.asarray(base_s, dtype=np.float64)
        gathers = self._gathers(tokens)
        alone_s = sum((s for _, s in gathers), start=np.zeros(()))
        shared = 1.0 + np.minimum(1.0, np.asarray(others_s) / np.maximum(alone_s, 1e-12))
        hot_s = self.hot_s(tokens) if self.settings.hot_rows > 0 else np.zeros(())
        hot_s = hot_s + self._host_s(tokens)
        if not self.settings.prefetch:
            return np.asarray(alone_s * shared + hot_s)
        slowdown = self.path.copy_slowdown
        if self.settings.collected_by == "device":
            slowdown = self.path.gather_slowdown(self.settings.compute_units)
        slower = time_beside_traffic_s(base, alone_s * shared, slowdown) - base
        arrived = late = np.zeros(())
        for start, seconds in gathers:
            arrived = arrived + seconds * shared
            late = late + np.maximum(arrived - (start * (base + slower) + late), 0.0)
        return np.asarray(late + slower + hot_s)
