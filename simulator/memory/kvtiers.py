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
from simulator.specs.offload import CacheOffload
from simulator.units import humane

Eviction = Literal["lru", "fifo", "priority"]


@dataclass(slots=True)
class TierUse:
    """Bytes that were read from one tier, and written into it."""

    read_bytes: float = 0.0
    written_bytes: float = 0.0


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
        self._where: dict[Hashable, CacheTier] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._where

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
        """Use cached entries where they lie."""
        for key in keys:
            tier = self._where[key]
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
            return
        tier, stored = self.tiers[index], self._stored(index, size)
        if stored > tier.capacity_bytes:
            self._store(index + 1, key, size)
            return
        if told and self._writes is not None and not self._writes(index, key, stored):
            return
        while tier.used_bytes + stored > tier.capacity_bytes and tier.entries:
            victim = self._victim(tier)
            before = tier.entries[victim]
            self._remove(tier, victim)
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


def cache_bytes_by_tier(settings: CacheOffload) -> dict[str, float]:
    """What ``settings`` give to the cache in every tier off the device, near to far."""
    sizes = {
        "host": settings.host,
        "cxl": settings.cxl,
        "storage": settings.storage,
        "remote": settings.remote,
    }
    return {name: size for name, size in sizes.items() if size > 0}
