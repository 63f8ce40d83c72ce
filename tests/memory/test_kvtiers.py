"""The tiered cache: conservation, order of eviction, and a published trace."""

import json
from collections.abc import Hashable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.memory.kvtiers import Eviction, TieredCache

prompts = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True), max_size=40)


def held_bytes(cache: TieredCache) -> dict[str, float]:
    return {tier.name: tier.used_bytes for tier in cache.tiers}


def serve(cache: TieredCache, keys: Sequence[Hashable]) -> int:
    """One prompt: use what is cached of it and bring it near, then enter the rest."""
    leading = keys[: len(cache.places(keys))]
    cache.read(leading)
    cache.promote(leading)
    cache.insert(keys, 1.0)
    return len(leading)


@given(prompts, st.sampled_from(["lru", "fifo", "priority"]), st.floats(0.3, 1.0))
def test_every_entry_is_in_one_tier_and_no_tier_overflows(
    requests: list[list[int]], eviction: Eviction, share: float
) -> None:
    cache = TieredCache({"device": 5.0, "host": 6.0, "storage": 4.0}, eviction, share, hash)
    for keys in requests:
        serve(cache, keys)
    for tier in cache.tiers:
        assert tier.used_bytes == pytest.approx(sum(tier.entries.values()))
        assert tier.used_bytes <= tier.capacity_bytes + 1e-9
        assert tier.use.written_bytes >= tier.used_bytes - 1e-9
    held = [key for tier in cache.tiers for key in tier.entries]
    assert len(held) == len(set(held))
    assert all(key in cache for key in held)


@given(prompts)
def test_a_further_tier_never_finds_less(requests: list[list[int]]) -> None:
    few, more = TieredCache({"device": 5.0}), TieredCache({"device": 5.0, "host": 20.0})
    assert sum(serve(more, k) for k in requests) >= sum(serve(few, k) for k in requests)


def test_what_leaves_the_device_is_found_on_the_host() -> None:
    cache = TieredCache({"device": 2.0, "host": 2.0})
    cache.insert([1, 2, 3], 1.0)
    assert cache.places([1]) == [1]
    serve(cache, [1])
    assert cache.places([1]) == [0]
    assert held_bytes(cache) == {"device": 2.0, "host": 1.0}


def test_the_unused_leave_first_and_the_oldest_under_fifo() -> None:
    cases: list[tuple[Eviction, int]] = [("lru", 2), ("fifo", 1)]
    for eviction, gone in cases:
        cache = TieredCache({"device": 2.0}, eviction)
        cache.insert([1, 2], 1.0)
        cache.read([1])
        cache.insert([3], 1.0)
        assert gone not in cache


def test_the_least_valued_leaves_first() -> None:
    cache = TieredCache({"device": 2.0}, "priority", priority=lambda key: -float(str(key)))
    cache.insert([1, 9, 2], 1.0)
    assert 9 not in cache


def test_an_entry_larger_than_all_tiers_is_refused() -> None:
    cache = TieredCache({"device": 10.0, "host": 20.0})
    with pytest.raises(InputError, match="larger than every tier"):
        cache.insert([1], 30.0)


def test_multi_turn_conversations_reach_the_ideal_hit_rate(shared_data: Path) -> None:
    path = shared_data / "traces" / "mooncake_fast25" / "conversation_trace.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    ideal = TieredCache({"device": float("inf")})
    found = sum(min(serve(ideal, row["hash_ids"]) * 512, row["input_length"]) for row in rows)
    share = found / sum(row["input_length"] for row in rows)
    assert share == pytest.approx(0.374, abs=0.003)
    first = [row["hash_ids"] for row in rows[:3000]]
    tiers = TieredCache({"device": 5000.0, "host": 20000.0, "storage": 100000.0})
    unbounded = TieredCache({"device": float("inf")})
    near, all_of_it, most = (
        sum(serve(cache, keys) for keys in first)
        for cache in (TieredCache({"device": 5000.0}), tiers, unbounded)
    )
    assert 0 < near < all_of_it <= most


def test_an_entry_is_read_where_it_lies_and_moves_near_when_told() -> None:
    cache = TieredCache({"host": 2.0, "storage": 5.0}, bytes_share=0.5, nearest_shares=True)
    cache.insert(range(6), 1.0)
    assert cache.places([0, 1, 5, 9, 2]) == [1, 1, 0]
    assert cache.stored_bytes(0) == 0.5
    cache.read([0, 5])
    assert [tier.use.read_bytes for tier in cache.tiers] == [0.5, 0.5]
    assert cache.places([0]) == [1]
    cache.promote([0])
    assert cache.places([0]) == [0]
    assert held_bytes(cache) == {"host": 2.0, "storage": 1.0}


def test_a_refused_write_drops_its_entry_only() -> None:
    told: list[tuple[int, object]] = []

    def writes(index: int, key: object, _stored: float) -> bool:
        told.append((index, key))
        return index == 0

    cache = TieredCache({"host": 2.0, "storage": 5.0}, writes=writes)
    cache.insert([1, 2, 3], 1.0)
    assert told == [(0, 1), (0, 2), (0, 3), (1, 1)]
    assert 1 not in cache
    assert held_bytes(cache) == {"host": 2.0, "storage": 0.0}
