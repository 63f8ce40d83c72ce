"""Every exposure by its closed form on a path whose rates are round numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.operator import Experts, Lookup
from simulator.graph.routing import selection
from simulator.memory.placement import Placement, expert_bytes
from simulator.memory.reuse import lru_hits
from simulator.memory.tiers import memory_system
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.lookup.constants import LOOKUP, GatherCalibration
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.off_device.exposure import (
    CopiedAhead,
    FetchedExperts,
    FetchedRows,
    HostExperts,
    ReadInPlace,
    missing_experts,
)
from simulator.roofline.off_device.host_path import HostPath
from simulator.roofline.off_device.prefetch import prefetched_step_s
from simulator.roofline.off_device.traffic import (
    ContentionCalibration,
    CopyCalibration,
    HostLinkCalibration,
    copy_time_s,
    time_beside_traffic_s,
)
from simulator.specs import catalogue
from simulator.specs.offload import TableOffload, WeightOffload
from simulator.specs.precision import precision

H200 = catalogue.hardware("h200-sxm")
DEVICE = resolve(H200)
LINK = 50e9
COPY_S = 2e-6
GATHER = GatherCalibration(
    efficiency=0.8, floor_s=1e-6, latency_s=3e-6, granule_bytes=64.0, lookups_per_s=1e9,
    resident_rows=1000.0, exposed=0.25,
)  # fmt: skip
COPY = CopyCalibration(
    efficiency=0.9, floor_s=6e-6, overhead_s=4e-6, duplex_efficiency=0.8, pageable_bytes_per_s=8e9
)
CALIBRATION = HostLinkCalibration(COPY, GATHER, ContentionCalibration(1.5, 0.6))
HOST = memory_system(H200).tier("host", field="offload")
PATH = HostPath(
    tier=replace(HOST, latency_s=1e-7, granule_bytes=64.0),
    link_bytes_per_s=LINK, stream_bytes_per_s=LINK, calibration=CALIBRATION, device=DEVICE,
)  # fmt: skip
SLOW = replace(PATH, stream_bytes_per_s=10e9)
NOTHING = np.zeros(())
BF16 = precision("bf16")


def copied_s(nbytes: float, link: float = LINK, memory: float = np.inf) -> float:
    """One copy: its bytes after what every copy costs, or those of the memory behind the link."""
    by_link = max(COPY.floor_s, COPY.overhead_s + nbytes / (COPY.efficiency * link))
    return max(by_link, 1e-7 + nbytes / memory)


@given(st.floats(1.0, 1e9), st.integers(1, 9))
def test_copies(nbytes, copies):
    assert PATH.copy_s(nbytes, copies=copies) == pytest.approx(copies * copied_s(nbytes))
    assert SLOW.copy_s(nbytes) == pytest.approx(copied_s(nbytes, memory=10e9))
    paged_s = max(COPY.floor_s, COPY.overhead_s + nbytes / 8e9)
    assert PATH.copy_s(nbytes, pinned=False) == pytest.approx(max(paged_s, 1e-7))
    assert PATH.copy_s(0.0) == 0.0
    both_s = copy_time_s(COPY, nbytes, LINK, both_ways=True)
    expected = max(COPY.floor_s, COPY.overhead_s + nbytes / (COPY.efficiency * 0.8 * LINK))
    assert both_s == pytest.approx(expected)


@given(st.floats(1.0, 1e9))
def test_reads_in_place(nbytes):
    assert PATH.read_s(nbytes) == pytest.approx(3e-6 + nbytes / (0.8 * LINK))
    assert SLOW.read_s(nbytes) == pytest.approx(3e-6 + nbytes / 10e9)
    assert PATH.read_s(0.0) == 0.0


def gathered_s(rows: float, row_bytes: float, rate: float, per_byte: float = 1.0) -> float:
    """Whole granules over the link, or the lookups of rows that translation does not know."""
    moved = rows * np.ceil(row_bytes / 64) * 64 * per_byte
    transfer = moved / (GATHER.efficiency * rate)
    lookups = max(rows - GATHER.resident_rows, 0.0) / GATHER.lookups_per_s
    streaming = max(transfer, lookups + GATHER.exposed * transfer)
    return max(GATHER.floor_s, GATHER.latency_s + streaming) if rows else 0.0


@given(st.integers(0, 10**6), st.sampled_from([16.0, 64.0, 100.0, 4096.0]))
def test_gathers(rows, row_bytes):
    assert PATH.gather_s(rows, row_bytes) == pytest.approx(
        max(gathered_s(rows, row_bytes, LINK), 1e-7 if rows else 0.0), rel=1e-9
    )
    moved = rows * np.ceil(row_bytes / 64) * 64
    behind = 1e-7 + moved / 10e9 if rows else 0.0
    assert SLOW.gather_s(rows, row_bytes) == pytest.approx(
        max(gathered_s(rows, row_bytes, LINK), behind), rel=1e-9
    )
    own = gather_time_s(GATHER, rows, row_bytes, 4e12, moves_per_byte=2.0)
    assert own == pytest.approx(gathered_s(rows, row_bytes, 4e12, 2.0), rel=1e-9)
    drive = replace(SLOW, tier=replace(SLOW.tier, name="storage", latency_s=1e-4))
    # A drive works at 64 requests at a time.
    waits = 1e-4 * np.ceil(rows / 64)
    assert drive.gather_s(rows, row_bytes) == pytest.approx(
        max(gathered_s(rows, row_bytes, LINK), waits + moved / 10e9), rel=1e-9
    )


@given(st.integers(1, 10**6), st.integers(1, 64))
def test_collections_by_the_host(rows, cores):
    # Ten loads in flight hide a load's latency, and a core copies 7.88 GB/s.
    one_s = 1e-7 / 10 + 320 / 7.88e9
    expected = rows * one_s / cores + copied_s(rows * 320.0)
    assert PATH.collect_s(rows, 320.0, cores) == pytest.approx(expected, rel=1e-9)


def test_kernels_beside_traffic():
    share = 0.9 * LINK / DEVICE.bandwidth_bytes_per_s
    assert PATH.usable_bytes_per_s == pytest.approx(0.9 * LINK)
    assert SLOW.usable_bytes_per_s == 10e9
    assert PATH.copy_slowdown == pytest.approx(1 + 1.5 * share)
    held = 33 / 132
    expected = 1 + 1.5 * share + 0.6 * held / (1 - held)
    assert PATH.gather_slowdown(33) == pytest.approx(expected)
    assert PATH.gather_slowdown(10_000) == pytest.approx(1 + 1.5 * share + 0.6 * 0.99 / 0.01)
    # Slower while the traffic lasts, at the own pace afterwards.
    assert time_beside_traffic_s(1.0, 10.0, 1.25) == pytest.approx(1.25)
    assert time_beside_traffic_s(1.0, 0.5, 1.25) == pytest.approx(1.0 + 0.5 * (1 - 1 / 1.25))


LAYER = 2e8
PLACED = Placement(
    away=(False, True) * 4, layer_bytes=LAYER, weight_bytes=8 * LAYER, away_bytes=4 * LAYER,
    buffer_bytes=2 * LAYER,
)  # fmt: skip


@given(st.floats(1e-4, 1.0), st.floats(0.0, 0.2))
def test_weights_read_in_place_bind_the_layers_that_lie_away(base_s, others_s):
    exposure = ReadInPlace(PLACED, PATH)
    read_s = 3e-6 + 4 * LAYER / (0.8 * LINK)
    assert exposure.link_s(5) == pytest.approx(read_s)
    assert exposure.link_s(0) == 0.0
    assert exposure.link_bytes(np.array([0, 5])).tolist() == [0.0, 4 * LAYER]
    # Half of the layers lie away, and half of the step is theirs to hide in.
    expected = max(read_s + min(read_s, others_s) - base_s / 2, 0.0)
    assert exposure.exposed_s(base_s, 5, np.asarray(others_s)) == pytest.approx(expected)


@given(st.floats(1e-4, 1.0), st.sampled_from([0.0, 0.004]), st.integers(1, 4))
def test_layers_copied_ahead_keep_the_rhythm_of_link_and_kernels(base_s, others_s, depth):
    settings = WeightOffload(policy="prefetch", layers=4, prefetch_depth=depth)
    exposure = CopiedAhead(PLACED, PATH, settings)
    fetch_s = copied_s(LAYER)
    assert exposure.link_s(1) == pytest.approx(4 * fetch_s)
    assert exposure.link_s(0) == 0.0
    assert exposure.link_bytes(np.array([0, 1])).tolist() == [0.0, 4 * LAYER]
    slower = time_beside_traffic_s(base_s, 4 * fetch_s, PATH.copy_slowdown)
    longer = fetch_s + min(fetch_s, others_s / 4)
    step = max(float(prefetched_step_s(slower, longer, PLACED.away, depth)), float(slower))
    found = exposure.exposed_s(base_s, 1, np.asarray(others_s))
    assert found == pytest.approx(step - base_s, rel=1e-3, abs=1e-9)
    assert exposure.exposed_s(base_s, 0, np.asarray(others_s)) == 0.0


def experts(**changes):
    given_ = {
        "name": "experts", "hidden": 1024, "width": 512, "experts": 16, "top_k": 2, "gated": True,
        "precision": BF16, "count": 3,
    }  # fmt: skip
    return Experts(**(given_ | changes))


@given(st.integers(1, 400), st.integers(0, 16))
def test_experts_that_are_not_there_are_asked_for_as_often_as_chance_has_it(tokens, kept):
    op = experts()
    settings = WeightOffload(policy="experts", experts_on_device=kept, eviction="popular")
    asked = 1 - (1 - 2 / 16) ** tokens
    missing = asked * (16 - kept)
    assert missing_experts(op, settings, float(tokens)) == pytest.approx(missing, rel=1e-9)


@given(
    st.integers(1, 60), st.integers(1, 15), st.sampled_from(["lru", "popular"]),
    st.sampled_from([1, 4]), st.floats(0.0, 2.0),
)  # fmt: skip
def test_each_rank_misses_its_share_by_the_eviction_that_is_asked(tokens, kept, by, ranks, skew):
    op = experts(expert_parallel=ranks, data_parallel=ranks)
    settings = WeightOffload(policy="experts", experts_on_device=kept, eviction=by, skew=skew)
    found = float(missing_experts(op, settings, float(tokens)))
    chosen = selection(16, 2, skew)
    asked = 1 - (1 - chosen) ** (tokens * ranks)
    hits = {
        "lru": lru_hits(asked, kept * ranks),
        # The most wanted stay for good.
        "popular": np.arange(16) < kept * ranks,
    }[by]
    assert found == pytest.approx(float(np.sum(asked * (1 - hits))) / ranks, rel=1e-6, abs=1e-9)


def test_missing_experts_are_copied_one_by_one():
    op = experts()
    settings = WeightOffload(policy="experts", experts_on_device=4, foreseen=0.25)
    exposure = FetchedExperts([op], PATH, settings)
    assert expert_bytes(op) == 3 * 1024 * 512 * 2
    for tokens in (1.0, 8.0):
        copies = 3 * float(missing_experts(op, settings, tokens))
        link_s = copies * copied_s(expert_bytes(op))
        assert exposure.link_s(tokens) == pytest.approx(link_s, rel=1e-9)
        assert exposure.link_bytes(tokens) == pytest.approx(copies * expert_bytes(op), rel=1e-9)
        for base_s, others_s in ((10.0, 0.0), (1e-5, 0.0), (10.0, 1e-3), (10.0, 1e9)):
            both_s = link_s + min(link_s, others_s)
            expected = both_s - min(0.25 * both_s, base_s)
            found = exposure.exposed_s(base_s, tokens, np.asarray(others_s))
            assert found == pytest.approx(expected, rel=1e-9)


def test_tokens_travel_to_the_host_that_computes_experts_and_back():
    exposure = HostExperts([experts()], PATH, lambda tokens: 1e-3 * tokens)
    row = 2.0 * 1024
    for tokens in (1.0, 8.0):
        travel_s = 3 * 2 * copied_s(row * tokens)
        assert exposure.link_s(tokens) == pytest.approx(travel_s, rel=1e-9)
        assert exposure.link_bytes(tokens) == pytest.approx(3 * 2 * row * tokens, rel=1e-9)
        for others_s in (0.0, 1e-5, 1.0):
            waiting = travel_s + min(travel_s, others_s) + 1e-3 * tokens
            found = exposure.exposed_s(np.ones(2), tokens, np.asarray(others_s))
            assert found == pytest.approx(np.full(2, waiting), rel=1e-9)


def rows(layer: int, count: int = 1, **settings):
    table = Lookup(
        name="rows", table_parameters=50_000_000_000, bytes_per_value=2.0, rows_per_token=16,
        row_bytes=320.0, earlier_layers=layer, count=count,
    )  # fmt: skip
    return FetchedRows((table,), 10, PATH, TableOffload.model_validate(settings))


@given(st.integers(1, 20_000), st.floats(1e-3, 0.1), st.integers(0, 9), st.sampled_from([1, 2]))
def test_rows_are_late_by_what_the_layers_before_do_not_cover(tokens, base_s, layer, count):
    exposure = rows(layer, count)
    gather_s = count * gathered_s(tokens * 16, 320.0, LINK)
    assert exposure.link_s(tokens) == pytest.approx(gather_s, rel=1e-9)
    assert exposure.link_bytes(tokens) == pytest.approx(tokens * count * 16 * 320.0)
    factor = PATH.gather_slowdown(TableOffload().compute_units)
    beside_s = float(time_beside_traffic_s(base_s, gather_s, factor))
    late_s = max(gather_s - layer / 10 * beside_s, 0.0)
    found = exposure.exposed_s(base_s, tokens, NOTHING)
    assert found == pytest.approx(late_s + beside_s - base_s, rel=1e-6, abs=1e-9)


@given(
    st.integers(1, 20_000), st.floats(1e-3, 0.1), st.integers(0, 9),
    st.sampled_from([1e-7, 1e-4, 1e-2, 1e9]), st.booleans(),
)  # fmt: skip
def test_rows_share_the_link_fairly(tokens, base_s, layer, others_s, prefetch):
    """Others take half of the link for as long as they last, and never more than half."""
    exposure = rows(layer, prefetch=prefetch)
    alone_s = float(exposure.link_s(tokens))
    both_s = alone_s + min(alone_s, others_s)
    found = exposure.exposed_s(base_s, tokens, np.asarray(others_s))
    if not prefetch:
        assert found == pytest.approx(both_s, rel=1e-9)
        return
    factor = PATH.gather_slowdown(TableOffload().compute_units)
    beside_s = float(time_beside_traffic_s(base_s, both_s, factor))
    late_s = max(both_s - layer / 10 * beside_s, 0.0)
    assert found == pytest.approx(late_s + beside_s - base_s, rel=1e-6, abs=1e-9)


def test_a_step_without_tokens_waits_for_no_rows():
    for prefetch in (True, False):
        found = rows(3, prefetch=prefetch).exposed_s(0.01, 0, np.asarray(0.5))
        assert found == 0.0


@given(st.integers(1, 20_000), st.integers(1, 8))
def test_rows_that_the_host_collects_cost_its_thread(tokens, cores):
    exposure = rows(10, collected_by="host", host_cores=cores, prefetch=False)
    collect_s = float(PATH.collect_s(tokens * 16, 320.0, cores))
    assert exposure.link_s(tokens) == pytest.approx(collect_s, rel=1e-9)
    # A quarter of a millisecond to begin, and 20 ns to hash each row's n-gram.
    thread_s = 250e-6 + tokens * 16 * 20e-9
    found = exposure.exposed_s(1e-2, tokens, NOTHING)
    assert found == pytest.approx(collect_s + thread_s, rel=1e-9)


def test_rows_kept_on_the_device_are_gathered_there():
    exposure = rows(1, hot_rows=0.1, skew=0.0)
    law = DEVICE.book.law(LOOKUP).constants
    own_s = gather_time_s(
        law, 1000 * 16 * 0.1, 320.0, DEVICE.bandwidth_bytes_per_s, moves_per_byte=2.0
    )
    assert exposure.hot_s(1000) == pytest.approx(float(own_s), rel=1e-6)
    assert exposure.link_bytes(1000) == pytest.approx(1000 * 16 * 0.9 * 320.0, rel=1e-6)
