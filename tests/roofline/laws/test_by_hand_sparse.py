"""Laws of sparse attention, of exchanges among experts, and of bounds, counted by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from simulator.graph.operator import AttentionCore, LatentCore
from simulator.graph.span import Span
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.attention.constants import (
    DECODE,
    LATENT_DECODE,
    LATENT_PREFILL,
    PREFILL,
)
from simulator.roofline.laws.attention.formula import (
    decode_attention_time_s,
    mla_decode_time_s,
    mla_prefill_time_s,
    prefill_attention_time_s,
)
from simulator.roofline.laws.collective.constants import Link, LinkCalibration, Protocol
from simulator.roofline.laws.collective.experts import ExchangeMode, expert_exchange_s
from simulator.roofline.laws.collective.fabric import Fabric, FabricKind
from simulator.roofline.laws.costing import cost
from simulator.roofline.laws.indexer.constants import IndexerCalibration
from simulator.roofline.laws.indexer.formula import comparisons, indexer_time_s
from simulator.roofline.laws.load import load
from simulator.roofline.laws.rates import DeviceRates
from simulator.roofline.laws.sparse_attention.constants import GatherCalibration
from simulator.roofline.laws.sparse_attention.formula import gather_attention_time_s
from simulator.roofline.laws.sparse_attention.kernels import GATHER_KERNELS
from simulator.specs import catalogue

RATES = DeviceRates(132.0, 1e15, 4e12)
INDEXER = IndexerCalibration(0.5, 0.8, 1e-8, 5e-6, 1e-13)
GATHER = GatherCalibration(0.6, 8.0, 5e-6, 2e-6)
H200 = resolve(catalogue.hardware("h200-sxm"))


def joined(one: float, other: float, exponent: float) -> float:
    return (one**exponent + other**exponent) ** (1 / exponent)


@pytest.mark.parametrize("name", sorted(GATHER_KERNELS))
@settings(max_examples=20)
@given(
    st.integers(1, 600), st.integers(1, 5000),
    st.sampled_from([1, 8, 128]), st.sampled_from([1, 4]), st.booleans(), st.integers(1, 3),
)  # fmt: skip
def test_rows_attend_to_lists_of_their_own(name, rows, entries, heads, shared, starts, launches):
    kernel, width, size = GATHER_KERNELS[name], 1088.0, 656.0
    heads *= shared
    group = heads / shared
    tile = group if kernel.keys_stay else kernel.tile_rows
    items = rows * shared * math.ceil(group / tile)
    rounds = items / 132
    if not kernel.splits:
        rounds = math.ceil(rounds - 1e-9)
    work_s = rounds * entries * 2.0 * tile * width / (1e15 / 132 * 0.6)
    if starts:
        work_s += max(rounds, 1.0) * 5e-6
    loaded = 0.0 if kernel.keys_stay else rows * entries * size * math.ceil(group / tile)
    busy_s = joined(work_s, loaded / (4e12 * 8.0), 3)
    if kernel.joined_heads:
        parts = min(max(entries / kernel.list_tile, 1.0), max(132 / items, 1.0))
        parts = max(parts, 1.0)
        turns = max(heads * rows / kernel.joined_heads / 132, 1.0)
        part_bytes = kernel.joined_heads * width / 2 * 4
        busy_s += turns * (parts - 1) * part_bytes / (4e12 / 132 * 2.5)
    expected = busy_s + (launches * 2e-6 if starts else 0.0)
    found = gather_attention_time_s(
        RATES, kernel, GATHER, rows, rows * entries, heads, shared, width, size,
        launches=float(launches), starts=starts,
    )  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-9)


@given(st.integers(1, 9000), st.floats(1e6, 1e15), st.floats(1e3, 1e10), st.floats(1e3, 1e10))
def test_entries_are_scored_and_then_picked(rows, flops, keys, scores):
    bandwidth = 4e12 * 0.8
    busy_s = joined(flops / (1e15 * 0.5), keys / bandwidth, 3) + scores / bandwidth
    busy_s += rows * 1e-8 + 3e5 * 1e-13
    found = indexer_time_s(RATES, INDEXER, rows, flops, keys, scores, 3e5)
    assert found == pytest.approx(5e-6 + busy_s, rel=1e-9)
    assert indexer_time_s(RATES, INDEXER, rows, 0.0, 0.0, 0.0) == 0.0


@given(st.integers(1, 50), st.floats(0.0, 5000.0), st.floats(1.0, 5000.0))
def test_short_rows_compare_all_with_all(rows, first, more):
    # Rows whose entries grow evenly; those of more than 2,048 are sieved instead.
    pairs, _ = quad(lambda n: n * n if n <= 2048 else 0.0, first, first + more, points=[2048.0])
    assert comparisons(rows, first, first + more) == pytest.approx(
        rows * pairs / more, rel=1e-3, abs=1.0
    )


FREE = Protocol(2e-6, 1e-7, 0.8)
EVERYWHERE = LinkCalibration(*2 * (FREE,), 2.0, *2 * (FREE,), 2.0, *3 * (FREE,), 2.0, FREE)


def switched(devices: int, bandwidth: float) -> Link:
    return Link(Fabric(FabricKind.SWITCHED, devices, bandwidth, bandwidth), EVERYWHERE)


def to_all_s(message: float, devices: int, bandwidth: float) -> float:
    """Each of n ranks sends a share to every other, and copies its own."""
    if devices == 1:
        return 0.0
    wire_s = message * (devices - 1) / devices / bandwidth / 0.8
    return 2e-6 + (devices - 1) * 1e-7 + wire_s + message / devices / (2.0 * bandwidth)


@given(
    st.integers(1, 4096), st.sampled_from([1, 2, 8]), st.sampled_from([2, 8, 16, 64]),
    st.floats(1.0, 4.0), st.sampled_from([1, 2]),
)  # fmt: skip
def test_tokens_visit_each_rank_and_each_domain_once(tokens, top_k, ranks, imbalance, cut):
    levels = (switched(8, 4e11), switched(64, 5e10))
    inner, outer = min(ranks, 8), -(-ranks // 8)
    row = tokens * 7168 * 2.0 * imbalance

    def visited(places: float) -> float:
        return places * (1 - (1 - 1 / places) ** top_k)

    inside_s = to_all_s(row * visited(ranks / cut) * cut, inner, 4e11)
    expected = inside_s
    if outer > 1:
        between_s = to_all_s(row * visited(outer), outer, 5e10)
        starts_s = min(to_all_s(0.0, inner, 4e11), to_all_s(0.0, outer, 5e10))
        expected = max(inside_s, between_s) + starts_s
    found = expert_exchange_s(
        tokens, 7168, top_k, ranks, levels, imbalance=imbalance, ranks_per_expert=cut
    )
    assert found == pytest.approx(expected, rel=1e-9)
    each = expert_exchange_s(
        tokens, 7168, top_k, min(ranks, 8), levels, mode=ExchangeMode.LOW_LATENCY,
        imbalance=imbalance, ranks_per_expert=cut,
    )  # fmt: skip
    assert each == pytest.approx(to_all_s(row * top_k * cut, inner, 4e11), rel=1e-9)


def core(**span) -> AttentionCore:
    return AttentionCore(
        name="core", query_heads=32, kv_heads=8, key_size=128, value_size=128,
        kv_bytes_per_value=2.0, span=Span(**span), count=2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("span", "reach"), [({}, np.inf), ({"window": 1000}, 1000.0), ({"chunk": 2048}, 2048.0)]
)
def test_cores_ask_their_kernels_for_what_they_see(span, reach):
    op = core(**span)
    # A kernel leaves out by itself what lies before a window; chunks it is not told of.
    seen = op.span.entries(np.asarray(5001.0)) if "chunk" in span else 5001.0
    shape = StepShape.of(
        decode_sequences=7, decode_context=5000, prefill_sequences=2, prefill_tokens=900,
        prefill_past=100,
    )  # fmt: skip
    decode, prefill = cost(op, shape, H200, H200.book)
    _, rates = H200.attending("bf16")
    law, prompts = H200.book.law(DECODE), H200.book.law(PREFILL)
    window = {"window_tokens": float(span["window"])} if "window" in span else {}
    expected = decode_attention_time_s(
        rates, law.kernels, law.constants, 7, seen, 32, 8, 128, **window
    )
    assert decode.time_s == pytest.approx(2 * float(expected), rel=1e-9)
    expected = prefill_attention_time_s(
        rates, prompts.kernels, prompts.constants, 2, 900, 100, 32, 8, 128, window_tokens=reach
    )
    assert prefill.time_s == pytest.approx(2 * float(expected), rel=1e-9)


@pytest.mark.parametrize("absorbed", [True, False])
def test_latent_cores_are_absorbed_in_decode_and_expanded_in_prompts(absorbed):
    op = LatentCore(
        name="core", query_heads=128, kv_rank=512, nope_size=128, rope_size=64, value_size=96,
        kv_bytes_per_value=2.0, count=3, absorbed_prefill=absorbed,
    )  # fmt: skip
    shape = StepShape.of(
        decode_sequences=7, decode_context=5000, prefill_sequences=2, prefill_tokens=900,
        prefill_past=100,
    )  # fmt: skip
    decode, prefill = cost(op, shape, H200, H200.book)
    if absorbed:
        # Sparse attention picks latents, which nobody expands, in both phases.
        assert all("gather" in part.law for part in (decode, prefill))
        return
    _, rates = H200.attending("bf16")
    law, prompts = H200.book.law(LATENT_DECODE), H200.book.law(LATENT_PREFILL)
    expected = mla_decode_time_s(
        rates, law.kernels, law.constants, 7, 5001, 128, latent_dim=512, rope_dim=64
    )
    assert decode.time_s == pytest.approx(3 * float(expected), rel=1e-9)
    expected = mla_prefill_time_s(
        rates, prompts.kernels, prompts.constants, 2, 900, 100, 128, key_dim=192, value_dim=96
    )
    assert prefill.time_s == pytest.approx(3 * float(expected), rel=1e-9)
    for empty in (StepShape.decode(0, 100), StepShape.prefill(0, 100)):
        assert all(part.time_s == 0.0 for part in cost(op, empty, H200, H200.book))


def test_picked_blocks_are_gathered_in_prompts_and_read_as_a_shorter_cache_in_decode():
    op = core(top_k=1024)
    shape = StepShape.of(
        decode_sequences=7, decode_context=50_000, prefill_sequences=2, prefill_tokens=900,
        prefill_past=100,
    )  # fmt: skip
    decode, prefill = cost(op, shape, H200, H200.book)
    assert decode.law == "attention.decode"
    assert prefill.law.startswith("attention.gather.blocks")
    law = H200.book.law(DECODE)
    _, rates = H200.attending("bf16")
    expected = decode_attention_time_s(rates, law.kernels, law.constants, 7, 1024, 32, 8, 128)
    assert decode.time_s == pytest.approx(2 * float(expected), rel=1e-9)
    # One key for all heads, as a latent: both phases gather.
    shared = replace(op, shared_key_value=True)
    assert all("gather" in part.law for part in cost(shared, shape, H200, H200.book))
    plain = replace(core(), shared_key_value=True)
    assert all("gather" in part.law for part in cost(plain, shape, H200, H200.book))


@given(st.floats(1e-7, 1e-3), st.floats(1e-7, 1e-3), st.floats(1e-7, 1e-2), st.booleans())
def test_what_binds_is_the_higher_roof_unless_neither_explains_the_time(
    compute_s, memory_s, time_s, sends
):
    one = load(
        law="x", time_s=np.asarray(time_s), datatype="bf16", peak_flops=1e15,
        flops=compute_s * 1e15, memory_bytes=memory_s * 4e12, bandwidth_bytes_per_s=4e12,
        link_bytes=1.0 if sends else 0.0,
    )  # fmt: skip
    higher = max(compute_s, memory_s)
    assert one.roof_s == pytest.approx(higher)
    if higher < 0.2 * time_s * (1 - 1e-9):
        assert one.bound == "latency"
    elif higher > 0.2 * time_s * (1 + 1e-9) and abs(compute_s - memory_s) > 1e-6 * higher:
        kind = "compute" if compute_s > memory_s else "memory"
        assert one.bound == ("link" if sends else kind)
    double = one.plus(one)
    for name in ("time_s", "roof_s", "compute_roof_s", "memory_bytes", "link_bytes", "kernels"):
        assert getattr(double, name) == pytest.approx(2 * getattr(one, name))
        assert getattr(one.times(3), name) == pytest.approx(3 * getattr(one, name))
    assert double.flops["bf16"] == pytest.approx(2 * one.flops["bf16"])
    assert one.times(1) is one
