"""Prefixes behind the device's cache: closed forms, conservation, and limits that hold."""

from dataclasses import replace

import numpy as np
import pytest
from closed_form_clock import (
    LIMITS,
    ClosedFormClock,
    limited,
    serve,
    serve_watched,
    settings,
    shared_table,
    table,
)
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from simulator.roofline.off_device.transfers import Channel
from simulator.serving.cluster import Failure
from simulator.serving.replica.lower_tiers import CacheTiers, LowerTier
from simulator.specs.workload import Trace
from simulator.traces.read import read_trace

CLOCK = ClosedFormClock()
TOKEN = 1e6
HOST = LowerTier("host", 1e12, None)
DRIVE = LowerTier("storage", 1e13, Channel(1e-4, 5e9))
LINK = Channel(1e-5, 50e9)
TIERS = CacheTiers((HOST,), LINK, bytes_per_token=TOKEN, layers=32, reload="always")


def with_tiers(tiers=TIERS, **options):
    return settings(**({"prefix_caching": True, "lower_tiers": tiers} | options))


def evicted_then_asked_again(after_s=100.0, prompt=640, others=3):
    """A prompt, others that push its cache out of 50 blocks, and the prompt once more."""
    unit = 32
    texts = [tuple(range(1000 * i, 1000 * i + prompt // unit)) for i in range(others + 1)]
    rows = [*texts, texts[0]]
    return table(
        [*np.arange(others + 1) * 10.0, after_s], prompt + unit, 2,
        prefix_blocks=tuple((*row, 10**6 + i) for i, row in enumerate(rows)),
        prefix_block_tokens=unit,
    )  # fmt: skip


def last_ttft_s(tiers, **options):
    options = {"kv_blocks": 50, "max_batched_tokens": 2048} | options
    outcome = serve_watched(evicted_then_asked_again(), with_tiers(tiers, **options), CLOCK)
    return outcome.records.ttft_s[-1], outcome


@pytest.mark.parametrize("bandwidth", [1e9, 50e9, 1e12])
@pytest.mark.parametrize("by_layer", [True, False])
def test_a_lone_load_takes_its_bytes_beside_the_layers_that_need_them(bandwidth, by_layer):
    tiers = replace(TIERS, link=Channel(1e-5, bandwidth), by_layer=by_layer)
    ttft_s, outcome = last_ttft_s(tiers)
    load_s = 1e-5 + 640 * TOKEN / bandwidth
    compute_s = CLOCK.mixed(0, 0, 1, 32, 640.0, 1)[0]
    # By layer, the longer of the two chains and one layer of the other.
    chains = (load_s + compute_s / 32, compute_s + load_s / 32)
    expected = max(chains) if by_layer else load_s + compute_s
    assert ttft_s == pytest.approx(float(expected), rel=1e-9)
    assert outcome.records.cached_tokens[-1] == 640
    counters = outcome.counters[0]
    assert counters.hits_by_tier == {"host": 640}
    assert counters.read_bytes_by_tier == {"host": 640 * TOKEN}


def test_compression_moves_fewer_bytes_until_the_codec_binds():
    slow = replace(TIERS, link=Channel(0.0, 1e9), by_layer=False)
    compute_s = CLOCK.mixed(0, 0, 1, 32, 640.0, 1)[0]
    plain_s = last_ttft_s(slow)[0] - compute_s
    packed, outcome = last_ttft_s(replace(slow, bytes_share=0.25, codec_bytes_per_s=1e12))
    assert packed - compute_s == pytest.approx(plain_s / 4)
    assert outcome.counters[0].read_bytes_by_tier == {"host": 160 * TOKEN}
    bound = last_ttft_s(replace(slow, bytes_share=0.25, codec_bytes_per_s=2e9))[0]
    assert bound - compute_s == pytest.approx(640 * TOKEN / 2e9)


def test_what_the_host_cannot_hold_is_found_on_the_drive():
    small = replace(HOST, capacity_bytes=500 * TOKEN)
    ttft_s, outcome = last_ttft_s(replace(TIERS, tiers=(small, DRIVE), prefetch=False))
    counters = outcome.counters[0]
    assert sum(counters.hits_by_tier.values()) == 640
    assert counters.hits_by_tier["storage"] > 0
    assert ttft_s > counters.read_bytes_by_tier["storage"] / 5e9


def test_a_slow_tier_is_computed_again_when_that_is_quicker():
    slow = replace(TIERS, link=Channel(0.0, 1e8), reload="quicker")
    ttft_s, outcome = last_ttft_s(slow)
    assert ttft_s == pytest.approx(CLOCK.mixed(0, 0, 1, 672, 0.0, 1)[0])
    assert outcome.counters[0].hits_by_tier == {"host": 0}
    fast_s, outcome = last_ttft_s(replace(TIERS, reload="quicker"))
    assert fast_s < ttft_s
    assert outcome.counters[0].hits_by_tier == {"host": 640}


def test_never_reloading_is_as_if_there_were_no_tier():
    without = serve(evicted_then_asked_again(), CLOCK, with_tiers(None, kv_blocks=50)).records
    never = last_ttft_s(replace(TIERS, reload="never"), max_batched_tokens=512)[1].records
    np.testing.assert_allclose(never.finished_s, without.finished_s)


def test_loads_share_one_link_and_wait_for_each_other():
    unit, prompt = 32, 640
    texts = [tuple(range(1000 * i, 1000 * i + prompt // unit)) for i in range(6)]
    rows = [*texts, texts[0], texts[1]]
    requests = table(
        [*np.arange(6) * 10.0, 100.0, 100.0], prompt + unit, 2,
        prefix_blocks=tuple((*row, 10**6 + i) for i, row in enumerate(rows)),
        prefix_block_tokens=unit,
    )  # fmt: skip
    tiers = replace(TIERS, link=Channel(0.0, 1e9), by_layer=False)
    outcome = serve_watched(requests, with_tiers(tiers, kv_blocks=100, max_batched_tokens=2048))
    first, second = outcome.records.first_token_s[-2:]
    assert second - first == pytest.approx(prompt * TOKEN / 1e9, rel=1e-6)


def test_a_load_does_not_hold_up_those_who_decode():
    requests = evicted_then_asked_again(after_s=40.05)
    decoding = table(
        [*requests.arrival_s[:-1], 40.0, 40.05], [*requests.input_tokens[:-1], 16, 672],
        [2, 2, 2, 2, 50, 2],
        prefix_blocks=(*requests.prefix_blocks[:-1], (), requests.prefix_blocks[-1]),
        prefix_block_tokens=32,
    )  # fmt: skip
    slow = replace(TIERS, link=Channel(0.0, 2e9), by_layer=False)
    records = serve_watched(decoding, with_tiers(slow, kv_blocks=50)).records
    alone_s = CLOCK.decode(1).run(16, 49)[0]
    assert records.finished_s[4] - records.first_token_s[4] == pytest.approx(alone_s)
    assert records.ttft_s[5] > 640 * TOKEN / 2e9


def test_prefetching_uses_the_time_that_a_request_waits():
    """One sequence at a time: the second waits for the first, and the drive works meanwhile."""
    requests = evicted_then_asked_again()
    queued = table(
        [*requests.arrival_s[:-1], 99.9, 100.0], [*requests.input_tokens[:-1], 672, 672],
        [2, 2, 2, 2, 100, 2],
        prefix_blocks=(
            *requests.prefix_blocks[:-1], (*range(5000, 5021),), requests.prefix_blocks[-1]
        ),
        prefix_block_tokens=32,
    )  # fmt: skip
    # The host holds one prompt, so the one asked for again lies on the drive.
    host = replace(HOST, capacity_bytes=672 * TOKEN)
    tiers = replace(TIERS, tiers=(host, DRIVE), link=Channel(0.0, 1e12))
    options = {"kv_blocks": 50, "max_sequences": 1, "max_batched_tokens": 2048}
    slow = replace(CLOCK, token_s=5e-4)
    early = serve_watched(queued, with_tiers(tiers, **options), slow)
    late = serve_watched(queued, with_tiers(replace(tiers, prefetch=False), **options), slow)
    for outcome in (early, late):
        assert outcome.counters[0].hits_by_tier["storage"] > 0
    read_s = early.counters[0].read_bytes_by_tier["storage"] / 5e9
    saved_s = late.records.ttft_s[-1] - early.records.ttft_s[-1]
    assert 0.5 * read_s < saved_s <= read_s


def test_dear_requests_keep_their_prefixes():
    unit = 32
    texts = [tuple(range(100 * i, 100 * i + 10)) for i in range(8)]
    rows = [*texts, texts[0]]
    priority = np.array([0, *(9 for _ in texts[1:]), 0])
    requests = table(
        np.arange(9) * 10.0, 352, 2,
        prefix_blocks=tuple((*row, 10**6 + i) for i, row in enumerate(rows)),
        prefix_block_tokens=unit, priority=priority,
    )  # fmt: skip
    small = replace(HOST, capacity_bytes=700 * TOKEN)
    found = {}
    for eviction in ("lru", "fifo", "priority"):
        tiers = replace(TIERS, tiers=(small,), eviction=eviction)
        outcome = serve_watched(requests, with_tiers(tiers, kv_blocks=30))
        found[eviction] = outcome.counters[0].hits_by_tier["host"]
    assert found == {"lru": 0, "fifo": 0, "priority": 320}


OPTIONS = st.fixed_dictionaries(
    {
        "kv_blocks": st.sampled_from([40, 64, 150]),
        "kv_block_tokens": st.sampled_from([16, 32]),
        "max_batched_tokens": st.sampled_from([64, 512]),
        "max_sequences": st.sampled_from([2, 32]),
        "whole_prompt_fits": st.booleans(),
        "output_reserve": st.sampled_from([0.0, 1.0]),
        "asynchronous": st.booleans(),
        "swap_s_per_block": st.sampled_from([None, 1e-4]),
        "composition": st.sampled_from(["mixed", "prefill-first", "static"]),
        "routing": st.sampled_from(["least-loaded", "prefix-aware"]),
        "replicas": st.sampled_from([1, 2]),
    }
)
SPECS = st.builds(
    lambda host, drive, link, **others: CacheTiers(
        (LowerTier("host", host * TOKEN, None), *drive), Channel(1e-5, link), TOKEN, 32, **others
    ),
    host=st.sampled_from([100, 1000, 10_000]),
    drive=st.sampled_from([(), (DRIVE,), (replace(DRIVE, capacity_bytes=500 * TOKEN),)]),
    link=st.sampled_from([1e9, 5e10, 1e13]),
    bytes_share=st.sampled_from([0.3, 1.0]),
    eviction=st.sampled_from(["lru", "fifo", "priority"]),
    by_layer=st.booleans(),
    reload=st.sampled_from(["quicker", "always"]),
    prefetch=st.booleans(),
)


@given(seed=st.integers(0, 10_000), options=OPTIONS, tiers=SPECS)
@effort(max_examples=100)
def test_runs_of_steps_equal_single_steps_with_tiers(seed, options, tiers):
    requests = shared_table(seed, count=40)
    swift = serve(requests, CLOCK, with_tiers(tiers, **options))
    exact = serve(requests, CLOCK, with_tiers(tiers, **options, steps_per_event=1))
    assert (swift.records.cached_tokens == exact.records.cached_tokens).all()
    np.testing.assert_allclose(swift.records.finished_s, exact.records.finished_s, rtol=1e-9)
    for one, other in zip(swift.counters, exact.counters, strict=True):
        assert one.hits_by_tier == other.hits_by_tier
        assert one.written_bytes_by_tier == pytest.approx(other.written_bytes_by_tier)


@pytest.mark.parametrize("seed", range(4420, 4425))
def test_a_prefetch_lets_the_first_in_during_a_run(seed):
    requests = shared_table(seed, count=40)
    link = Channel(1e-5, 1e13)
    tiers = CacheTiers((replace(HOST, capacity_bytes=100 * TOKEN), DRIVE), link, TOKEN, 32)
    options = {"kv_blocks": 40, "max_sequences": 2, "whole_prompt_fits": False}
    swift, exact = (
        serve(requests, CLOCK, with_tiers(tiers, **options, **steps))
        for steps in ({}, {"steps_per_event": 1})
    )
    np.testing.assert_allclose(swift.records.finished_s, exact.records.finished_s, rtol=1e-9)


@given(seed=st.integers(0, 10_000), options=OPTIONS, tiers=SPECS)
@effort(max_examples=60)
def test_tokens_and_bytes_add_up_and_no_channel_is_overrun(seed, options, tiers):
    requests = shared_table(seed, count=40)
    outcome = serve_watched(requests, with_tiers(tiers, **options))
    records = outcome.records
    prefilled = sum(c.prefill_tokens for c in outcome.counters)
    cached = sum(c.cached_tokens for c in outcome.counters)
    done = records.finished
    if records.preemptions.sum() == 0:
        assert prefilled + cached == requests.input_tokens[done].sum()
    hits = sum(sum(c.hits_by_tier.values()) for c in outcome.counters)
    assert 0 <= hits <= records.cached_tokens.sum()
    for c in outcome.counters:
        span_s = outcome.makespan_s
        assert sum(c.read_bytes_by_tier.values()) <= span_s * tiers.link.bytes_per_s * 2
        # A prompt's first token comes after the last byte, so what was read had its time.
        from_host = c.read_bytes_by_tier["host"]
        assert from_host <= span_s * tiers.link.bytes_per_s
        if "storage" in c.read_bytes_by_tier:
            assert c.read_bytes_by_tier["storage"] <= span_s * 5e9


@given(seed=st.integers(0, 10_000), small=st.integers(1, 60), more=st.integers(0, 60))
@effort(max_examples=40)
def test_a_larger_host_never_finds_less_when_requests_come_one_by_one(seed, small, more):
    requests = replace(shared_table(seed), arrival_s=np.arange(60) * 100.0)
    found = []
    for units in (small, small + more):
        tiers = replace(TIERS, tiers=(replace(HOST, capacity_bytes=units * 32 * TOKEN),))
        options = with_tiers(tiers, kv_blocks=40)
        found.append(serve(requests, CLOCK, options).records.cached_tokens.sum())
    assert found[0] <= found[1]


def test_a_replica_that_fails_loses_its_tiers_but_not_its_requests():
    requests = shared_table(5, count=80)
    options = with_tiers(
        replace(TIERS, link=Channel(0.0, 1e9)), kv_blocks=40, replicas=2,
        failures=(Failure(0, 1.0, 1.5), Failure(1, 2.0, 2.5)),
    )  # fmt: skip
    outcome = serve_watched(requests, options)
    assert outcome.records.finished.all()


def test_a_large_host_brings_mooncake_to_its_ideal_hit_rate(shared_data):
    file = shared_data / "traces" / "mooncake_fast25" / "conversation_trace.jsonl"
    requests = read_trace(Trace(kind="trace", file=file, limit=3000))
    ideal = 0.3197  # of the first 3,000 prompts' tokens, were nothing ever forgotten
    clock = ClosedFormClock(token_s=1e-5, past_s=0)
    limits = limited(
        LIMITS, kv_blocks=400_000 // 16, max_context=1 << 18, max_sequences=256,
        max_batched_tokens=8192, prefix_caching=True,
    )  # fmt: skip
    hits, ttft_s = [], []
    for capacity in (None, 100e9, 1e13):
        tiers = None
        if capacity is not None:
            tiers = CacheTiers((replace(HOST, capacity_bytes=capacity),), LINK, 65536.0, 32)
        records = serve(requests, clock, settings(limits=limits, lower_tiers=tiers)).records
        hits.append(records.cached_tokens.sum() / records.input_tokens.sum())
        ttft_s.append(records.ttft_s.mean())
    assert hits[0] < hits[1] < hits[2] <= 1.001 * ideal
    assert hits[2] > 0.97 * ideal
    assert ttft_s[0] > ttft_s[1] > ttft_s[2]
