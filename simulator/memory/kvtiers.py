"""A KV cache of several tiers: what is found where, what moves down, what is written back.

Entries are pieces of prompts known by their chained hash (a block, or a run of blocks). A tier
that is full hands its least valuable entries to the next one; the last tier drops them. A hit in
a far tier brings the entry back to the nearest. Every byte is counted where it is read and
written, so that hits and traffic add up.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal

from simulator.errors import InputError
from simulator.memory.tiers import MemorySystem
from simulator.specs.offload import CacheOffload
from simulator.units import humane

Eviction = Literal["lru", "fifo", "priority"]


@dataclass(slots=True)
class TierUse:
    """What one tier served and moved: entries found, bytes read, written, and handed down."""

    hits: int = 0
    read_bytes: float = 0.0
    written_bytes: float = 0.0
    evicted_bytes: float = 0.0


Writes = Callable[[int, Hashable, float], bool]
"""(tier, entry, stored bytes) → whether the entry may be written there; otherwise it is dropped."""


@dataclass(slots=True)
class CacheTier:
    """One tier: its capacity, and the entries it holds in the order in which they leave.

    ``ranks`` is a heap of (priority, number of the use, entry) where priority decides; ``last``
    tells each entry's valid number.
    """

    name: str
    capacity_bytes: float
    used_bytes: float = 0.0
    use: TierUse = field(default_factory=TierUse)
    entries: dict[Hashable, float] = field(default_factory=dict)
    ranks: list[tuple[float, int, Hashable]] = field(default_factory=list)
    last: dict[Hashable, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The leading entries of a prompt that are cached: how many, and bytes by tier."""

    entries: int
    bytes_by_tier: dict[str, float]


class TieredCache:
    """Entries of a KV cache over tiers from near to far.

    Args:
        capacities: bytes by tier, near to far (``{"device": …, "host": …, "storage": …}``).
        eviction: which entry leaves a full tier: the one unused for longest, the oldest, or the
            one of the lowest priority (among equals, the one unused for longest).
        bytes_share: stored size over size in use, for all tiers but the nearest.
        priority: value of an entry under ``priority``, asked for whenever the entry is used;
            without it all are equal.
        nearest_shares: the nearest tier too keeps entries in ``bytes_share`` of their size.
        writes: hears of each write of an entry that comes from a nearer tier, or from outside.
    """

    def __init__(
        self,
        capacities: dict[str, float],
        eviction: Eviction = "lru",
        bytes_share: float = 1.0,
        priority: Callable[[Hashable], float] | None = None,
        *,
        nearest_shares: bool = False,
        writes: Writes | None = None,
    ) -> None:
        if not capacities:
            raise InputError("a tiered cache needs at least one tier", field="offload.kv")
        self.tiers = [CacheTier(name, size) for name, size in capacities.items()]
        self.eviction = eviction
        self.bytes_share = bytes_share
        self.priority = priority if eviction == "priority" else None
        self._first_shared = 0 if nearest_shares else 1
        self._writes = writes
        self._uses = 0
        self.looked_up = self.dropped_bytes = 0.0
        self._where: dict[Hashable, CacheTier] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._where

    @property
    def held_bytes(self) -> dict[str, float]:
        """Stored bytes by tier."""
        return {tier.name: tier.used_bytes for tier in self.tiers}

    @property
    def hit_rate(self) -> float:
        """Share of the looked-up entries that some tier held."""
        return sum(tier.use.hits for tier in self.tiers) / max(self.looked_up, 1.0)

    def match(self, keys: Sequence[Hashable]) -> int:
        """How many leading ``keys`` are cached somewhere; changes nothing."""
        count = 0
        for key in keys:
            if key not in self._where:
                break
            count += 1
        return count

    def places(self, keys: Sequence[Hashable]) -> list[int]:
        """Which tier holds each of the leading ``keys`` that are cached; changes nothing."""
        found, where, tiers = [], self._where, self.tiers
        for key in keys:
            tier = where.get(key)
            if tier is None:
                break
            found.append(tiers.index(tier) if len(tiers) > 1 else 0)
        return found

    def stored_bytes(self, key: Hashable) -> float:
        """What a cached entry takes in its tier."""
        return self._where[key].entries[key]

    def read(self, keys: Iterable[Hashable]) -> None:
        """Use cached entries where they lie; each counts as a hit."""
        for key in keys:
            tier = self._where[key]
            tier.use.hits += 1
            tier.use.read_bytes += tier.entries[key]
            self._touch(tier, key)

    def promote(self, keys: Iterable[Hashable]) -> None:
        """Move entries to the nearest tier, those that still are in a further one."""
        for key in keys:
            tier = self._where.get(key)
            if tier is None or tier is self.tiers[0]:
                continue
            size = tier.entries[key] / self.bytes_share
            if self._stored(0, size) <= self.tiers[0].capacity_bytes:
                self._remove(tier, key)
                self._store(0, key, size, told=False)

    def fetch(self, keys: Sequence[Hashable], size: float) -> Found:
        """Use the cached leading ``keys``, each of ``size`` bytes in use, and bring them near.

        Only entries that are used count as hits; the result says which tiers they came from.
        """
        leading = keys[: self.match(keys)]
        self.looked_up += len(keys)
        came_from: dict[str, float] = {}
        used = 0
        for key in leading:
            tier = self._where.get(key)
            if tier is None:
                # Bringing its predecessors near pushed it out of the last tier.
                break
            used += 1
            stored = tier.entries[key]
            tier.use.hits += 1
            tier.use.read_bytes += stored
            came_from[tier.name] = came_from.get(tier.name, 0.0) + stored
            if tier is self.tiers[0]:
                self._touch(tier, key)
            else:
                self._remove(tier, key)
                self._store(0, key, size, told=False)
        return Found(used, came_from)

    def insert(self, keys: Iterable[Hashable], size: float) -> None:
        """Enter new entries of ``size`` bytes in the nearest tier; known ones are only touched.

        Raises:
            InputError: an entry is larger than every tier.
        """
        if all(self._stored(i, size) > t.capacity_bytes for i, t in enumerate(self.tiers)):
            shown = ", ".join(f"{t.name} {humane(t.capacity_bytes, 'B')}" for t in self.tiers)
            raise InputError(
                f"an entry of {humane(size, 'B')} is larger than every tier of the cache ({shown})",
                field="offload.kv",
                remedy="give a tier more memory, or use smaller blocks",
            )
        for key in keys:
            tier = self._where.get(key)
            if tier is None:
                self._store(0, key, size)
            else:
                self._touch(tier, key)

    def _stored(self, index: int, size: float) -> float:
        return size if index < self._first_shared else size * self.bytes_share

    def _touch(self, tier: CacheTier, key: Hashable) -> None:
        if self.eviction != "fifo":
            tier.entries[key] = tier.entries.pop(key)
        if self.priority is not None:
            self._rank(tier, key, self.priority)

    def _rank(self, tier: CacheTier, key: Hashable, priority: Callable[[Hashable], float]) -> None:
        self._uses += 1
        tier.last[key] = self._uses
        heappush(tier.ranks, (priority(key), self._uses, key))

    def _remove(self, tier: CacheTier, key: Hashable) -> None:
        tier.used_bytes -= tier.entries.pop(key)
        tier.last.pop(key, None)
        del self._where[key]

    def _store(self, index: int, key: Hashable, size: float, *, told: bool = True) -> None:
        """Put ``key`` into tier ``index``, handing others down to make room."""
        if index == len(self.tiers):
            self.dropped_bytes += size
            return
        tier, stored = self.tiers[index], self._stored(index, size)
        if stored > tier.capacity_bytes:
            self._store(index + 1, key, size)
            return
        if told and self._writes is not None and not self._writes(index, key, stored):
            self.dropped_bytes += size
            return
        while tier.used_bytes + stored > tier.capacity_bytes and tier.entries:
            victim = self._victim(tier)
            before = tier.entries[victim]
            self._remove(tier, victim)
            tier.use.evicted_bytes += before
            in_use = before if index < self._first_shared else before / self.bytes_share
            self._store(index + 1, victim, in_use)
        if not tier.entries:
            tier.used_bytes = 0.0
        tier.entries[key] = stored
        tier.used_bytes += stored
        tier.use.written_bytes += stored
        self._where[key] = tier
        if self.priority is not None:
            self._rank(tier, key, self.priority)

    def _victim(self, tier: CacheTier) -> Hashable:
        ranks, last = tier.ranks, tier.last
        while ranks:
            _, use, key = heappop(ranks)
            if last.get(key) == use:
                return key
        return next(iter(tier.entries))


def tiered_cache(
    system: MemorySystem,
    settings: CacheOffload,
    device_cache_bytes: float,
    priority: Callable[[Hashable], float] | None = None,
) -> TieredCache:
    """The tiers that ``settings`` give to the cache, behind ``device_cache_bytes`` on the device.

    Raises:
        InputError: a tier is smaller than what the cache is to take of it, or is not there.
    """
    capacities = {"device": device_cache_bytes}
    for name, size in cache_bytes_by_tier(settings).items():
        system.require_room(name, {"cache": size}, field=f"offload.kv.{name}")
        capacities[name] = size
    return TieredCache(capacities, settings.eviction, settings.bytes_share, priority)


def cache_bytes_by_tier(settings: CacheOffload) -> dict[str, float]:
    """What ``settings`` give to the cache in every tier off the device, near to far."""
    sizes = {
        "host": settings.host,
        "cxl": settings.cxl,
        "storage": settings.storage,
        "remote": settings.remote,
    }
    return {name: size for name, size in sizes.items() if size > 0}


def serve_sessions(
    cache: TieredCache, requests: Iterable[Sequence[Hashable]], entry_bytes: float
) -> dict[str, float]:
    """Run prompts (as chained block hashes) through ``cache``, one after the other.

    Returns the share of all blocks that was found, as ``hit_rate``, and by tier as
    ``hit_rate.<tier>``. Time does not pass: it is what capacity alone allows.
    """
    for keys in requests:
        cache.fetch(keys, entry_bytes)
        cache.insert(keys, entry_bytes)
    looked = max(cache.looked_up, 1.0)
    rates = {f"hit_rate.{tier.name}": tier.use.hits / looked for tier in cache.tiers}
    return {"hit_rate": cache.hit_rate, **rates}
