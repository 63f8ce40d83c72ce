"""The tiered cache: conservation, order of eviction, and a published trace."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.memory.kvtiers import Eviction, TieredCache, serve_sessions, tiered_cache
from simulator.memory.tiers import memory_system
from simulator.specs import catalogue
from simulator.specs.offload import CacheOffload, Offload

prompts = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True), max_size=40)


@given(prompts, st.sampled_from(["lru", "fifo", "priority"]), st.floats(0.3, 1.0))
def test_bytes_are_conserved_tier_by_tier(
    requests: list[list[int]], eviction: Eviction, share: float
) -> None:
    cache = TieredCache({"device": 5.0, "host": 6.0, "storage": 4.0}, eviction, share, hash)
    serve_sessions(cache, requests, 1.0)
    for tier in cache.tiers:
        assert tier.used_bytes == pytest.approx(sum(tier.entries.values()))
        assert tier.used_bytes <= tier.capacity_bytes + 1e-9
        brought = tier.use.read_bytes if tier.name != "device" else 0.0
        gone = tier.use.evicted_bytes + brought
        assert tier.use.written_bytes - gone == pytest.approx(tier.used_bytes, abs=1e-9)
    keys = [key for tier in cache.tiers for key in tier.entries]
    assert len(keys) == len(set(keys))
    assert all(key in cache for key in keys)


@given(prompts)
def test_a_further_tier_never_finds_less(requests: list[list[int]]) -> None:
    few = serve_sessions(TieredCache({"device": 5.0}), requests, 1.0)
    more = serve_sessions(TieredCache({"device": 5.0, "host": 20.0}), requests, 1.0)
    assert more["hit_rate"] >= few["hit_rate"] - 1e-12


def test_what_leaves_the_device_is_found_on_the_host() -> None:
    cache = TieredCache({"device": 2.0, "host": 2.0})
    cache.insert([1, 2, 3], 1.0)
    assert cache.fetch([1], 1.0).bytes_by_tier == {"host": 1.0}
    assert cache.fetch([1], 1.0).bytes_by_tier == {"device": 1.0}
    assert cache.held_bytes == {"device": 2.0, "host": 1.0}


def test_the_unused_leave_first_and_the_oldest_under_fifo() -> None:
    cases: list[tuple[Eviction, int]] = [("lru", 2), ("fifo", 1)]
    for eviction, gone in cases:
        cache = TieredCache({"device": 2.0}, eviction)
        cache.insert([1, 2], 1.0)
        cache.fetch([1], 1.0)
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
    cache = TieredCache({"device": float("inf")})
    found = total = 0
    for row in rows:
        keys = row["hash_ids"]
        found += min(cache.fetch(keys, 1.0).entries * 512, row["input_length"])
        total += row["input_length"]
        cache.insert(keys, 1.0)
    assert found / total == pytest.approx(0.374, abs=0.003)
    tiers = {"device": 5000.0, "host": 20000.0, "storage": 100000.0}
    rates = serve_sessions(TieredCache(tiers), [row["hash_ids"] for row in rows], 1.0)
    assert 0 < rates["hit_rate.device"] < rates["hit_rate"] <= 0.374


def test_tiers_of_a_device_hold_what_the_settings_give_them() -> None:
    settings = CacheOffload(host=100e9, storage=1e12, eviction="fifo")
    system = memory_system(catalogue.hardware("h200-sxm"), Offload(kv=settings))
    cache = tiered_cache(system, settings, 60e9)
    assert [tier.name for tier in cache.tiers] == ["device", "host", "storage"]
    with pytest.raises(InputError, match="exceed the 250 GB"):
        tiered_cache(system, CacheOffload(host=300e9), 60e9)


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
    assert cache.held_bytes == {"host": 2.0, "storage": 1.0}


def test_a_refused_write_drops_its_entry_only() -> None:
    told: list[tuple[int, object]] = []

    def writes(index: int, key: object, _stored: float) -> bool:
        told.append((index, key))
        return index == 0

    cache = TieredCache({"host": 2.0, "storage": 5.0}, writes=writes)
    cache.insert([1, 2, 3], 1.0)
    assert told == [(0, 1), (0, 2), (0, 3), (1, 1)]
    assert 1 not in cache
    assert cache.dropped_bytes == 1.0
    assert cache.held_bytes == {"host": 2.0, "storage": 0.0}
