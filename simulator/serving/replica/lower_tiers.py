"""Cache behind the device's own: what evicted prefixes go down to, and when they are back.

Every tier off the device has a channel of its own (a drive, a network path), and what goes to or
from the device crosses the one host link too. Transfers on a channel wait for each other; the two
directions of a link do not. Copies down run beside compute and ahead of the eviction they are
for, so nobody waits for one, but what it carries can be loaded only when it is over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from heapq import heapreplace
from typing import Literal

from simulator.memory.kvtiers import TieredCache
from simulator.roofline.off_device.transfers import Channel
from simulator.serving.outcome.records import Counters

WRITE_QUEUE_S = 5.0
"""A copy down that would have to wait longer than this is left out, and its entry dropped:
engines bound the buffers from which they write (assumed)."""


@dataclass(frozen=True, slots=True)
class LowerTier:
    """One tier; ``channel`` is None where the host link alone decides."""

    name: str
    capacity_bytes: float
    channel: Channel | None
    joules_per_byte: float = 0.0


@dataclass(frozen=True, slots=True)
class CacheTiers:
    """What lies behind the device caches of one replica, near to far.

    Args:
        tiers: capacities are those of all ``lanes`` together; sizes of entries, and times, those
            of one device.
        link: the host link, if the tiers lie behind one.
        bytes_per_token, bytes_per_load: cache of a token, and what every load has besides
            (states and windows that do not grow with the prompt).
        layers: parts in which a load arrives.
        lanes: ranks that load for sequences of their own, side by side.
        devices: that each hold a part of a sequence's cache, for totals.
        eviction, bytes_share, codec_bytes_per_s, by_layer, reload, prefetch: see
            ``simulator.specs.offload.CacheOffload``.
    """

    tiers: tuple[LowerTier, ...]
    link: Channel | None
    bytes_per_token: float
    layers: int
    bytes_per_load: float = 0.0
    lanes: int = 1
    devices: int = 1
    eviction: Literal["lru", "fifo", "priority"] = "lru"
    bytes_share: float = 1.0
    codec_bytes_per_s: float | None = None
    by_layer: bool = True
    reload: Literal["quicker", "always", "never"] = "quicker"
    prefetch: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """The next ``units`` of a prompt, on their way: everything is there at ``ready_s``, and
    compute that begins at ``begins_s`` never waits for a layer."""

    units: int
    begins_s: float
    ready_s: float


class LowerTiers:
    """The tiers of one replica while time passes.

    ``prefill_s(start, end)`` and ``first_step_s(start, end)`` estimate how long the replica would
    compute tokens ``start`` to ``end`` of a prompt, all of them or in the first step.
    """

    def __init__(
        self,
        spec: CacheTiers,
        block_tokens: int,
        prefill_s: Callable[[int, int], float],
        first_step_s: Callable[[int, int], float],
    ) -> None:
        self.now_s = 0.0
        # Tokens found by name of tier, joules of the transfers, bytes of tiers that were lost.
        self.hit_tokens = {tier.name: 0 for tier in spec.tiers}
        self.energy_j = 0.0
        self._past_use = [(0.0, 0.0)] * len(spec.tiers)
        self._spec = spec
        self._block_bytes = block_tokens * spec.bytes_per_token
        self.prompt_s, self._first_step_s = prefill_s, first_step_s
        self._empty()

    def _empty(self) -> None:
        spec, lanes = self._spec, self._spec.lanes
        self._values: dict[int, float] = {}
        self._ready: dict[int, float] = {}
        self._origin: dict[int, int] = {}
        self._cache = TieredCache(
            {tier.name: tier.capacity_bytes for tier in spec.tiers},
            spec.eviction,
            spec.bytes_share,
            lambda key: self._values.get(int(str(key)), 0.0),
            nearest_shares=True,
            writes=self._write,
        )
        self._link_free = [0.0] * lanes
        self._read_free = [[0.0] * lanes for _ in spec.tiers]
        self._write_free = [[0.0] * lanes for _ in spec.tiers]

    def clear(self) -> None:
        """Lose everything, as when the replica goes down."""
        self._past_use = list(self._use())
        self._empty()

    def _use(self) -> list[tuple[float, float]]:
        """Bytes read from and written to each tier, of one device."""
        return [
            (read + tier.use.read_bytes, written + tier.use.written_bytes)
            for (read, written), tier in zip(self._past_use, self._cache.tiers, strict=True)
        ]

    def add_to(self, counters: Counters) -> Counters:
        """``counters`` with what these tiers found, moved and drew."""
        devices = self._spec.devices
        used = list(zip(self._spec.tiers, self._use(), strict=True))
        return replace(
            counters,
            energy_j=counters.energy_j + self.energy_j,
            hits_by_tier=dict(self.hit_tokens),
            read_bytes_by_tier={tier.name: devices * read for tier, (read, _) in used},
            written_bytes_by_tier={tier.name: devices * wrote for tier, (_, wrote) in used},
        )

    def waits_s(self, missing_s: float, step_s: float) -> float:
        """How much longer a step of ``step_s`` takes whose last layer comes in ``missing_s``."""
        return max(0.0, missing_s - step_s * (1 - 1 / self._spec.layers)) if missing_s > 0 else 0.0

    def value(self, units: Sequence[int], priority: int) -> None:
        """Remember whose ``units`` these are, for eviction by priority; smaller is dearer."""
        if self._spec.eviction == "priority":
            self._values.update(dict.fromkeys(units, -float(priority)))

    def store(self, evicted: Sequence[tuple[int, int]]) -> None:
        """Take what the device evicts, as (unit, blocks); what lies here already only stays."""
        cache, size = self._cache, self._block_bytes
        for unit, blocks in evicted:
            cache.insert((unit,), blocks * size)

    def _write(self, index: int, key: object, stored: float) -> bool:
        """Book the copy of an entry into a tier; False when too many wait already."""
        tier, free = self._spec.tiers[index], self._write_free[index]
        unit = int(str(key))
        start = max(self.now_s, free[0], self._ready.get(unit, 0.0))
        if start > self.now_s + WRITE_QUEUE_S:
            self._ready.pop(unit, None)
            return False
        ways = [tier.channel, self._spec.link if index == 0 else None]
        rates = [way.bytes_per_s for way in ways if way is not None]
        # Copies follow on one another, so a channel's first byte is waited for once a queue.
        end = start + stored / min(rates)
        heapreplace(free, end)
        self._ready[unit] = end
        self.energy_j += stored * tier.joules_per_byte / self._spec.lanes
        return True

    def count(self, units: Sequence[int]) -> int:
        """How many leading ``units`` lie here."""
        return len(self._cache.places(units))

    def prefetch(self, units: Sequence[int], within_s: float) -> None:
        """Begin to bring leading ``units`` from further tiers to the nearest.

        Those of a tier are left where they are when that would take longer than ``within_s``.
        """
        spec, cache, now = self._spec, self._cache, self.now_s
        if not spec.prefetch or len(spec.tiers) == 1 or spec.reload == "never":
            return
        places = cache.places(units)
        for index in range(1, len(spec.tiers)):
            keys = [unit for unit, place in zip(units, places, strict=False) if place == index]
            channel, free = spec.tiers[index].channel, self._read_free[index]
            if not keys or channel is None:
                continue
            stored = sum([cache.stored_bytes(key) for key in keys])
            start = max(now, free[0], *(self._ready.get(key, 0.0) for key in keys))
            end = start + channel.seconds(stored)
            if end > now + within_s:
                continue
            heapreplace(free, end)
            self.energy_j += stored * spec.tiers[index].joules_per_byte / spec.lanes
            cache.read(keys)
            cache.promote(keys)
            for key in keys:
                self._ready[key] = end
                self._origin[key] = index

    def choose(
        self, units: Sequence[int], tokens: Callable[[int], int], target: int
    ) -> Load | None:
        """How many of the next ``units`` of a prompt to load; None computes all of them.

        ``tokens(n)`` says where the prompt would go on, with n of them loaded; ``target`` where
        it ends. A load ends where the tier changes, or with the last entry found.
        """
        spec, now = self._spec, self.now_s
        places = self._cache.places(units)
        if not places or spec.reload == "never":
            return None
        found = len(places)
        quicker = spec.reload == "quicker"
        best: Load | None = None
        best_s = self.prompt_s(tokens(0), target) if quicker else float("inf")
        cuts = [n for n in range(1, found) if places[n] != places[n - 1]] if quicker else []
        for cut in (*cuts, found):
            start = tokens(cut)
            if start <= tokens(0):
                continue
            first_s, ready_s = self._arrival(units[:cut], places[:cut])
            step_s = self._first_step_s(start, target)
            hidden_s = step_s * (1 - 1 / spec.layers) if spec.by_layer else 0.0
            begins_s = max(now, first_s, ready_s - hidden_s)
            rest_s = self.prompt_s(start, target)
            if begins_s - now + rest_s <= best_s:
                best, best_s = Load(cut, begins_s, ready_s), begins_s - now + rest_s
        return best

    def load(self, units: Sequence[int], tokens: Callable[[int], int] | None) -> None:
        """Begin to load ``units``, as ``choose`` said a moment ago.

        With ``tokens`` they count as hits of the tier in which the request found them.
        """
        cache, spec = self._cache, self._spec
        places = cache.places(units)
        self._arrival(units, places, book=True)
        origins = [self._origin.pop(u, place) for u, place in zip(units, places, strict=True)]
        if tokens is not None:
            ends = [n for n in range(1, len(origins)) if origins[n] != origins[n - 1]]
            for start, end in zip((0, *ends), (*ends, len(origins)), strict=True):
                found = tokens(end) - tokens(start)
                self.hit_tokens[spec.tiers[origins[start]].name] += found
        for unit, place in zip(units, places, strict=True):
            joules = spec.tiers[place].joules_per_byte
            self.energy_j += cache.stored_bytes(unit) * joules / spec.lanes
        cache.read(units)
        cache.promote(units)

    def _arrival(
        self, units: Sequence[int], places: Sequence[int], *, book: bool = False
    ) -> tuple[float, float]:
        """When the first layer of ``units`` would be there, and when all are; books it if asked."""
        spec, now, ready = self._spec, self.now_s, self._ready
        sizes = [self._cache.stored_bytes(unit) for unit in units]
        extra = spec.bytes_per_load * spec.bytes_share
        total = sum(sizes) + extra
        ways: list[tuple[Channel, list[float], float]] = []
        if spec.link is not None:
            ways.append((spec.link, self._link_free, total))
        for index, tier in enumerate(spec.tiers):
            if tier.channel is not None:
                own = sum([size for size, p in zip(sizes, places, strict=True) if p == index])
                own += extra if index == places[-1] else 0.0
                if own:
                    ways.append((tier.channel, self._read_free[index], own))
        # When the last entry came, or will come, to where it lies; it moves on after that.
        latest_s = max([ready.get(unit, 0.0) for unit in units])
        first_s = all_s = started_s = now
        for channel, free, nbytes in ways:
            start = max(now, free[0])
            span = channel.seconds(nbytes)
            end = start + span
            if latest_s > start:
                late = sum(
                    [s for s, u in zip(sizes, units, strict=True) if ready.get(u, 0.0) > start]
                )
                end = max(end, latest_s + min(late, nbytes) / channel.bytes_per_s)
            if book:
                heapreplace(free, start + span)
            # Layer by layer in equal parts: the first when all but the others' time has passed.
            first_s = max(first_s, end - span * (1 - 1 / spec.layers))
            all_s = max(all_s, end)
            started_s = max(started_s, start)
        if spec.codec_bytes_per_s is not None:
            expand_s = total / spec.bytes_share / spec.codec_bytes_per_s
            first_s = max(first_s, started_s + expand_s / spec.layers)
            all_s = max(all_s, started_s + expand_s)
        return first_s, all_s
