"""Laws against the work counted one item at a time, and in other units of time and bytes.

The laws broadcast arrays and close sums; here one product or one batch is taken apart with plain
numbers: which unit gets which tile, how many bytes each pulls. Both must come to the same time.
"""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.graph.routing import expert_loads, selection_probability
from simulator.roofline.laws.attention.constants import DecodeCalibration, PrefillCalibration
from simulator.roofline.laws.attention.formula import (
    decode_attention_time_s,
    mla_decode_time_s,
    mla_prefill_time_s,
    prefill_attention_time_s,
)
from simulator.roofline.laws.attention.kernels import KERNELS
from simulator.roofline.laws.elementwise.constants import ElementwiseCalibration
from simulator.roofline.laws.elementwise.quantise import (
    PER_GROUP_16,
    PER_GROUP_128,
    PER_TENSOR,
    PER_TOKEN,
    STATIC,
    quantise_time_s,
)
from simulator.roofline.laws.experts.constants import GroupedCalibration
from simulator.roofline.laws.experts.formula import fused_moe_time_s
from simulator.roofline.laws.experts.kernels import KERNEL_FAMILIES
from simulator.roofline.laws.matmul.constants import MatmulCalibration
from simulator.roofline.laws.matmul.formula import k_block, matmul_time_s
from simulator.roofline.laws.matmul.kernels import FAMILIES
from simulator.roofline.laws.rates import DeviceRates
from simulator.roofline.laws.recurrence.constants import (
    RecurrentScanCalibration,
    RecurrentStepCalibration,
)
from simulator.roofline.laws.recurrence.formula import (
    recurrent_scan_time_s,
    recurrent_step_time_s,
)

PEAK, BANDWIDTH, UNITS = 9e14, 3.5e12, 108
MATMUL = MatmulCalibration(
    peak_fraction=0.66, bandwidth_fraction=0.87, start_s=2.4e-6, overlap=2.7, balance_tile=90.0,
    block_s=9e-8, split_s=3e-6, write_fraction=0.75, burst_fraction=0.9, throttle_s=5e-4,
)  # fmt: skip
DECODE = DecodeCalibration(
    bandwidth_fraction=0.96, ramp_bytes=1.5e7, cache_speedup=1.2, unit_share=2.5,
    matrix_fraction=0.4, item_s=1.9e-6, sequence_s=1.4e-8, extra_pass_s=2e-6,
    window_item_factor=1.6, latency_s=8e-6,
)  # fmt: skip
PREFILL = PrefillCalibration(
    matrix_fraction=0.78, softmax_head_dims=105.0, bandwidth_fraction=0.85,
    cache_write_factor=1.7, store_token_s=6e-10, item_s=1.8e-6, imbalance=0.3,
    sustained_fraction=0.85, latency_s=1.2e-5,
)  # fmt: skip
EXPERTS = GroupedCalibration(
    peak_fraction=0.8, bandwidth_fraction=0.9, row_fraction=0.7, kernel_s=4e-6, overlap=2.5,
    balance_tile=40.0, routing_s=1.5e-6, tile_s=1e-6, visit_s=2e-7,
)  # fmt: skip
SMALL = ElementwiseCalibration(
    launch_s=2e-6, bandwidth_fraction=0.7, row_s=3e-9, element_s=2e-10, reduce_s=5e-9,
    sync_s=4e-7, atomic_s=1e-9, reduce_bandwidth_fraction=0.5,
)  # fmt: skip


def joined(one: float, other: float, exponent: float) -> float:
    """Two times that overlap imperfectly."""
    return (one**exponent + other**exponent) ** (1 / exponent)


def most_dealt(items: int, units: int) -> int:
    """Items of the unit that got most, when they are dealt one after another."""
    dealt = [0] * units
    for item in range(items):
        dealt[item % units] += 1
    return max(dealt)


# Matrix products


def product_s(m, n, k, groups, family, activation_bits, weight_bits):
    """One launch: each tile's k-loop on the busiest unit, beside all bytes through memory."""
    unit_flops = PEAK / UNITS
    feed = unit_flops * activation_bits / 8 / MATMUL.balance_tile
    block = k_block(family, activation_bits)
    read = groups * (m * k * activation_bits / 8 + k * n * weight_bits / 8)
    written = groups * m * n * 2.0
    memory_s = (read + written / MATMUL.write_fraction) / (BANDWIDTH * MATMUL.bandwidth_fraction)
    best_s = math.inf
    for tile in family.tiles:
        if not tile.above_rows < m <= tile.up_to_rows:
            continue
        tiles = groups * math.ceil(m / tile.m) * math.ceil(n / tile.n)
        rows, columns = min(m, tile.m), min(n, tile.n)
        math_s = 2.0 * tile.m * tile.n * block / (unit_flops * MATMUL.peak_fraction)
        fed_s = (rows * activation_bits + columns * weight_bits) / 8 * block / feed
        for split in family.splits:
            blocks = math.ceil(k / (block * split))
            busiest = most_dealt(tiles * split, UNITS)
            waits = math.ceil(busiest / family.tiles_per_unit(tile)) * MATMUL.block_s
            loop_s = blocks * max(busiest * max(math_s, fed_s), waits)
            # A whole result leaves in 16 bits; a part in 32 is written and read again.
            left = 2.0 if split == 1 else 8.0
            store_s = busiest * rows * columns * left / feed
            join_s = 0.0 if split == 1 else MATMUL.split_s
            best_s = min(best_s, joined(memory_s, loop_s + store_s + join_s, MATMUL.overlap))
    return MATMUL.start_s + best_s


@pytest.mark.parametrize("name", sorted(FAMILIES))
@settings(max_examples=20)
@given(
    st.integers(1, 400),
    st.integers(1, 3000),
    st.integers(1, 9000),
    st.integers(1, 3),
    st.sampled_from([(16.0, 16.0), (8.0, 8.0), (16.0, 4.5)]),
)
def test_products(name, m, n, k, groups, bits):
    family = FAMILIES[name]
    expected = product_s(m, n, k, groups, family, *bits)
    if family.launch_rows is not None:
        whole = m // family.launch_rows * family.launch_rows
        apart = [rows for rows in (whole, m - whole) if rows]
        alone = (product_s(rows, n, k, groups, family, *bits) for rows in apart)
        expected = min(expected, sum(alone))
    found = matmul_time_s(
        m, n, k, peak_flops=PEAK, bandwidth_bytes_per_s=BANDWIDTH, units=UNITS,
        calibration=MATMUL, family=family, activation_bits=bits[0], weight_bits=bits[1],
        groups=groups,
    )  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-9)


def test_loads_of_products_hold_whole_lines_of_the_reduction():
    for family in nonempty(FAMILIES.values()):
        for bits in (4.0, 8.0, 16.0):
            assert k_block(family, bits) * bits / 8 == family.block_bytes
        # Scales that stand beside the values do not lengthen a block.
        assert k_block(family, 4.5) == k_block(family, 4.0)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_menus_serve_every_number_of_rows_with_tiles_that_units_can_hold(name):
    family = FAMILIES[name]
    for rows in (1, 2, 8, 16, 17, 32, 33, 64, 65, 128, 129, 256, 257, 8192):
        assert any(tile.above_rows < rows <= tile.up_to_rows for tile in family.tiles)
    for tile in family.tiles:
        # Matrix instructions are 16 wide, or (beside rows taken one by one) 8.
        assert tile.n % 16 == 0
        assert tile.m == 1 or tile.m % 8 == 0
        assert 1 <= family.tiles_per_unit(tile) <= family.max_resident
        held = family.tiles_per_unit(tile) * tile.m * tile.n
        assert held <= max(family.accumulators, tile.m * tile.n)
        assert tile.m * tile.n <= family.accumulators
        # Ranges of rows begin where a tile is full, and end where another is.
        assert tile.above_rows == 0 or math.log2(tile.above_rows).is_integer()
        assert tile.up_to_rows == math.inf or math.log2(tile.up_to_rows).is_integer()
    for number in (
        family.block_bytes, family.accumulators, family.max_resident, *family.splits,
    ):  # fmt: skip
        assert number & (number - 1) == 0
    assert family.splits[0] == 1
    assert family.row_alignment in (1, 4)


# Attention


def keys_in_tile(kernel, dim):
    """A tile of keys holds as many values, whatever the head dimension, where it is even."""
    if not kernel.even_key_tiles:
        return kernel.tile_keys
    if dim <= 64:
        return kernel.tile_keys * 2
    return kernel.tile_keys if dim <= 128 else kernel.tile_keys / 2


def attention_decode_s(kernel, batch, context, heads, group, dim, kv_bytes, window):
    """Items dealt to units; a unit streams and multiplies its key tiles one after another."""
    out = heads * group
    windowed = context > window
    read = min(context, window)
    alone = window < math.inf and not kernel.packs_windows
    items = batch * out if alone else batch * heads * math.ceil(group / kernel.tile_rows)
    keys = keys_in_tile(kernel, dim)
    tiles = max(read / keys, 1.0) + windowed
    padded = math.ceil(dim / kernel.head_dim_granule) * kernel.head_dim_granule
    tile_bytes = keys * 2 * dim * kv_bytes
    tile_flops = 2.0 * kernel.tile_rows * keys * 2 * padded
    stream_s = tile_bytes / (DECODE.unit_share * BANDWIDTH / UNITS)
    multiply_s = tile_flops / (PEAK / UNITS * DECODE.matrix_fraction)
    tile_s = max(stream_s, multiply_s)
    item_s = DECODE.item_s * (DECODE.window_item_factor if windowed else 1.0)
    moved = batch * heads * read * 2 * dim * kv_bytes + batch * out * 2 * dim * 2.0
    ramp = moved * DECODE.ramp_bytes / (moved + DECODE.ramp_bytes + 1.0)
    read_s = (moved + ramp) / (BANDWIDTH * DECODE.bandwidth_fraction)
    rounds = most_dealt(items, UNITS)
    whole_s = rounds * item_s + joined(read_s, rounds * tiles * tile_s, 6)
    whole_s += DECODE.extra_pass_s * windowed
    best_s = whole_s
    most = min(tiles, kernel.max_splits)
    if (group > 1 or kernel.splits_ungrouped) and not alone:
        # Cut so that the last round is full; no unit then has less to do than another.
        splits = min(rounds * UNITS / items, most)
        if splits > 1:
            rounds = math.ceil(items * splits / UNITS - 1e-9)
            loop_s = rounds * tiles / splits * tile_s
            split_s = DECODE.extra_pass_s + rounds * item_s + joined(read_s, loop_s, 6)
            best_s = min(whole_s, split_s)
    if kernel.regroups_queries and batch > 1 and heads > 1 and group > 1 and not alone:
        best_s += DECODE.extra_pass_s
    return DECODE.latency_s + batch * DECODE.sequence_s + best_s


@pytest.mark.parametrize("name", sorted(KERNELS))
@settings(max_examples=20)
@example(3, 500, 8, 2, 128, 2.0, math.inf)
@example(2, 500, 2, 4, 128, 2.0, math.inf)
@example(1, 5000, 8, 4, 128, 1.0, 4096.0)
@given(
    st.integers(1, 200),
    st.integers(1, 30_000),
    st.sampled_from([1, 2, 8, 32]),
    st.sampled_from([1, 4, 7, 16, 64]),
    st.sampled_from([64, 72, 128, 256]),
    st.sampled_from([1.0, 2.0]),
    st.sampled_from([128.0, 4096.0, math.inf]),
)
def test_decode_attention(name, batch, context, heads, group, dim, kv_bytes, window):
    kernel, rates = KERNELS[name], DeviceRates(UNITS, PEAK, BANDWIDTH)
    expected = attention_decode_s(kernel, batch, context, heads, group, dim, kv_bytes, window)
    found = decode_attention_time_s(
        rates, kernel, DECODE, batch, context, heads * group, heads, dim,
        kv_bytes_per_value=kv_bytes, window_tokens=window,
    )  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-9)


def attention_prefill_s(kernel, batch, new, past, heads, group, dim, kv_bytes, window, causal):
    """Items of query rows that visit the key tiles they see, and what moves around them."""
    rows = kernel.wide_tile_rows if dim > 128 else kernel.tile_rows
    keys = keys_in_tile(kernel, dim)
    if kernel.packs_groups:
        items = batch * heads * math.ceil(new * group / rows)
        tokens = max(rows / group, 1.0)
    else:
        items, tokens = batch * heads * group * math.ceil(new / rows), rows
    longest = math.ceil((past + new) / keys)
    visited = float(longest)
    if causal:
        padded_new = math.ceil(new / keys) * keys
        visited = min(visited, (past + (padded_new + max(tokens, keys)) / 2) / keys)
    if window < math.inf:
        reach = math.ceil((window + tokens) / keys)
        longest, visited = min(longest, reach), min(visited, reach)
    padded = math.ceil(dim / kernel.head_dim_granule) * kernel.head_dim_granule
    unit = PEAK / UNITS * PREFILL.sustained_fraction
    multiply_s = 2.0 * rows * keys * 2 * padded / unit / PREFILL.matrix_fraction
    softmax_s = 2.0 * rows * keys * 2 * PREFILL.softmax_head_dims / unit
    tile_s = joined(multiply_s, softmax_s, 3)
    rounds = items / UNITS
    busy_s = rounds * (visited * tile_s + PREFILL.item_s)
    # The last units to finish leave the others waiting for a share of the longest item.
    waits_s = PREFILL.imbalance * (longest * tile_s + PREFILL.item_s)
    moved = batch * new * heads * group * 2 * dim * 2.0
    moved += batch * heads * (past + new) * 2 * dim * kv_bytes
    stored_s = 0.0
    if causal:
        stored = batch * new * heads * 2 * dim * (2.0 + kv_bytes)
        moved += PREFILL.cache_write_factor * stored
        stored_s = batch * new * PREFILL.store_token_s
    move_s = moved / (BANDWIDTH * PREFILL.bandwidth_fraction)
    return PREFILL.latency_s + busy_s + waits_s + move_s + stored_s


@pytest.mark.parametrize("name", sorted(KERNELS))
@settings(max_examples=20)
@example(3, 500, 100, 8, 4, 129, 2.0, math.inf, True)
@example(3, 500, 100, 8, 4, 128, 2.0, 128.0, True)
@given(
    st.integers(1, 20),
    st.integers(1, 5000),
    st.sampled_from([0, 100, 20_000]),
    st.sampled_from([1, 8]),
    st.sampled_from([1, 4, 64, 300]),
    st.sampled_from([64, 72, 128, 192]),
    st.sampled_from([1.0, 2.0]),
    st.sampled_from([128.0, math.inf]),
    st.booleans(),
)
def test_prefill_attention(name, batch, new, past, heads, group, dim, kv_bytes, window, causal):
    kernel, rates = KERNELS[name], DeviceRates(UNITS, PEAK, BANDWIDTH)
    expected = attention_prefill_s(
        kernel, batch, new, past, heads, group, dim, kv_bytes, window, causal
    )
    found = prefill_attention_time_s(
        rates, kernel, PREFILL, batch, new, past, heads * group, heads, dim,
        kv_bytes_per_value=kv_bytes, window_tokens=window, causal=causal,
    )  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-9)


def test_kernels_of_attention_cut_work_as_matrix_units_do():
    for kernel in nonempty(KERNELS.values()):
        for tile in (kernel.tile_rows, kernel.wide_tile_rows, kernel.tile_keys):
            assert tile == 1 or math.log2(tile).is_integer()
        assert math.log2(kernel.head_dim_granule).is_integer()
        assert math.log2(kernel.max_splits).is_integer()
        # Head dimensions in use are not padded.
        assert all(dim % kernel.head_dim_granule == 0 for dim in (64, 96, 128, 192, 256))


# Mixtures of experts


FUSED = {"triton_kernels", "trtllm_gen"}
"""Gate and up leave the first product combined: gpt-oss' own kernels and Blackwell's."""
IN_ORDER = {"cutlass", "deepgemm", "mul_mat_id", "mul_mat_q_id", "mul_mat_id_cuda"}
"""Their products want an expert's rows side by side, so these are copied first."""
BY_MASK = {"triton", "marlin", "trtllm_gen_block"}
"""Rows of experts on other ranks are passed over too."""
FURTHER = {"mul_mat_q_id": 3 * 3, "triton_kernels": 2}
"""llama.cpp sorts, quantises and joins for each of three products; gpt-oss routes in three."""
SIDE_BY_SIDE = {"triton": 16, "triton_kernels": 8}
"""Row blocks that share a pass over weights, which Triton's kernels group on purpose."""
NARROWS = {"triton": 2, "cutlass": 1, "deepgemm": 1, "trtllm_gen": 1, "trtllm_gen_block": 1}
"""Kernels that make activations of 8 or 4 bits; vLLM's Triton path does so before each product."""


def launches(family) -> int:
    """Rows are sorted, multiplied twice and summed; not fused or not in order is one more."""
    name = family.name
    return 4 + (name not in FUSED) + (name in IN_ORDER) + FURTHER.get(name, 0)


def experts_s(
    family, tokens, experts, top_k, hidden, inter, weight_bits, activation_bits, cache, ranks
):
    """Two products over all experts in shared waves, and the small kernels around them."""
    chosen = selection_probability(np.ones(experts), top_k)
    loads = expert_loads(float(tokens), chosen, ranks)
    rows, distinct = float(loads.total_rows()), float(loads.distinct())
    kernels = launches(family) + (NARROWS.get(family.name, 0) if activation_bits < 16 else 0)
    # vLLM's Triton path maps experts to those of the rank, and clears what others will add.
    kernels += 2 * (family.name == "triton" and ranks > 1)
    total_s = kernels * EXPERTS.kernel_s + math.log2(tokens) * EXPERTS.routing_s
    feed = PEAK / UNITS * activation_bits / 8 / EXPERTS.balance_tile
    tallest = max(tile[0] for tile in family.tiles)
    for width, depth in ((2 * inter, hidden), (hidden, inter)):
        one = width * depth * weight_bits / 8
        passes = max(
            float(loads.row_blocks(tallest)) / distinct / SIDE_BY_SIDE.get(family.name, 1), 1.0
        )
        missed = min(max(2 * one / cache - 1, 0.0), 1.0)
        streamed = distinct * one * (1 + (passes - 1) * missed)
        memory_s = streamed / (BANDWIDTH * EXPERTS.bandwidth_fraction)
        compute_s = math.inf
        for tile_rows, tile_columns in family.tiles:
            unit = PEAK / UNITS * EXPERTS.peak_fraction
            step_s = 2.0 * tile_rows * tile_columns / unit
            step_s += (tile_rows * activation_bits + tile_columns * weight_bits) / 8 / feed
            tiles = float(loads.row_blocks(tile_rows)) * math.ceil(width / tile_columns)
            waves = math.ceil(tiles / UNITS - 1e-9)
            compute_s = min(compute_s, waves * (step_s * depth + EXPERTS.tile_s))
        total_s += joined(memory_s, compute_s, EXPERTS.overlap)
        if family.walked_tile is not None:
            high, wide = family.walked_tile
            walked = experts / ranks * math.ceil(tokens / high) * math.ceil(width / wide)
            total_s += walked / UNITS * EXPERTS.visit_s
    narrow = activation_bits / 8
    # Every row leaves the first product and enters the second, narrow; and is summed at the end.
    passed = tokens * top_k if family.name in BY_MASK else rows
    moved = passed * (2 * narrow * inter + 4.0 * hidden)
    if family.name not in FUSED:
        moved += passed * 4.0 * 2 * inter
    if family.name in IN_ORDER:
        moved += rows * 2 * narrow * hidden
    moved += tokens * (4.0 * hidden + (2 * narrow * hidden if activation_bits < 16 else 0.0))
    return total_s + moved / (BANDWIDTH * EXPERTS.row_fraction)


@pytest.mark.parametrize("name", sorted(KERNEL_FAMILIES))
@settings(max_examples=20)
@given(
    st.integers(1, 5000),
    st.sampled_from([(8, 2), (64, 6), (128, 8)]),
    st.sampled_from([1024, 2880, 4096]),
    st.sampled_from([768, 1536, 3000]),
    st.sampled_from([(16.0, 16.0), (8.0, 8.0), (4.25, 16.0)]),
    st.sampled_from([6e6, 5e7, 1e12]),
    st.sampled_from([1, 2, 8]),
)
def test_mixtures_of_experts(name, tokens, routed, hidden, inter, bits, cache, ranks):
    family = KERNEL_FAMILIES[name]
    experts, top_k = routed
    chosen = selection_probability(np.ones(experts), top_k)
    loads = expert_loads(float(tokens), chosen, ranks)
    found = fused_moe_time_s(
        loads, tokens, top_k, hidden, inter, peak_flops=PEAK, bandwidth_bytes_per_s=BANDWIDTH,
        units=UNITS, calibration=EXPERTS, family=family, weight_bits=bits[0],
        activation_bits=bits[1], cache_bytes=cache, sharded=ranks > 1,
    )  # fmt: skip
    expected = experts_s(family, tokens, experts, top_k, hidden, inter, *bits, cache, ranks)
    assert found == pytest.approx(expected, rel=1e-9)


def test_menus_of_experts_are_of_whole_instructions():
    for family in nonempty(KERNEL_FAMILIES.values()):
        for rows, columns in (*family.tiles, family.walked_tile or (128, 128)):
            assert rows == 1 or rows % 8 == 0
            assert columns % 16 == 0
        # The host starts what the device runs, fills of buffers come on top.
        assert family.host_launches >= launches(family)
        assert family.kernels == launches(family)
        assert math.log2(family.blocks_per_pass).is_integer()
        assert (family.beyond is None) == (family.most_tokens == math.inf)


# Small kernels


@given(st.integers(1, 4000), st.integers(1, 9000), st.sampled_from([0.0, 1e6, 5e7]))
def test_quantising(rows, width, cache):
    def seconds(scheme):
        return quantise_time_s(
            rows, width, scheme, bandwidth_bytes_per_s=BANDWIDTH, units=UNITS, calibration=SMALL,
            cache_bytes=cache,
        )  # fmt: skip

    bandwidth = BANDWIDTH * SMALL.bandwidth_fraction
    walked_s = max(rows * SMALL.row_s, width * SMALL.element_s)

    def pass_s(scales):
        return SMALL.launch_s + max((3.0 * rows * width + scales) / bandwidth, walked_s)

    assert seconds(STATIC) == pytest.approx(pass_s(0.0), rel=1e-12)
    assert seconds(PER_GROUP_128) == pytest.approx(
        pass_s(rows * math.ceil(width / 128) * 4.0), rel=1e-12
    )
    assert seconds(PER_GROUP_16) == pytest.approx(
        pass_s(rows * math.ceil(width / 16) * 1.0), rel=1e-12
    )
    # A row's maximum is known before it is read again, from memory as far as it was evicted.
    flight = min(rows, 4 * UNITS) * width * 2.0
    spilled = min(1.0, flight / cache) if cache else 1.0
    again_s = max(
        2.0 * rows * width * spilled / bandwidth,
        rows * SMALL.reduce_s * min(1.0, width / 512),
        width * SMALL.element_s,
    )
    assert seconds(PER_TOKEN) == pytest.approx(pass_s(0.0) + SMALL.sync_s + again_s, rel=1e-12)
    maximum_s = max(
        2.0 * rows * width / (BANDWIDTH * SMALL.reduce_bandwidth_fraction), rows * SMALL.atomic_s
    )
    assert seconds(PER_TENSOR) == pytest.approx(pass_s(0.0) + SMALL.launch_s + maximum_s, rel=1e-12)


# Recurrences


@given(st.integers(0, 600), st.integers(0, 3000), st.sampled_from([32_768.0, 1e6]))
def test_scans_follow_their_chunks(sequences, tokens, state):
    law = RecurrentScanCalibration(
        matrix_fraction=0.3, bandwidth_fraction=0.8, item_s=1e-6, latency_s=5e-6
    )
    rates = DeviceRates(UNITS, PEAK, BANDWIDTH)
    found = recurrent_scan_time_s(rates, law, sequences, tokens, state, 4e5, 600.0, 2)
    if sequences * tokens == 0:
        assert found == 0.0
        return
    # A chain is a state of 128 × 128 numbers of four bytes; a chunk is 64 tokens.
    chains = sequences * state / (128 * 128 * 4)
    rounds = math.ceil(chains / UNITS - 1e-9)
    chunk_s = 4e5 * 64 * (128 * 128 * 4) / state / (PEAK / UNITS * 0.3)
    work_s = rounds * (1e-6 + math.ceil(tokens / 64) * chunk_s)
    moved_s = sequences * (2 * state + tokens * 600.0) / (BANDWIDTH * 0.8)
    assert found == pytest.approx(2 * 5e-6 + joined(work_s, moved_s, 3), rel=1e-9)


def test_a_decode_step_reads_and_writes_each_state_once():
    law = RecurrentStepCalibration(bandwidth_fraction=0.5, latency_s=4e-6)
    rates = DeviceRates(UNITS, PEAK, BANDWIDTH)
    found = recurrent_step_time_s(rates, law, 3e8, 1e6, 3)
    assert found == pytest.approx(3 * 4e-6 + (2 * 3e8 + 1e6) / (BANDWIDTH * 0.5), rel=1e-12)
    assert recurrent_step_time_s(rates, law, 0.0, 0.0, 3) == 0.0


# Units of time


def slower(calibration, factor):
    """Constants that are seconds, ``factor`` times as long."""
    seconds = {
        f.name: getattr(calibration, f.name) * factor
        for f in fields(calibration)
        if f.name.endswith("_s")
    }
    return replace(calibration, **seconds)


@given(st.floats(0.1, 10.0), st.integers(1, 3000))
def test_a_device_that_is_slower_in_everything_takes_so_much_longer(factor, rows):
    def product(f):
        return matmul_time_s(
            rows, 4096, 4096, peak_flops=PEAK / f, bandwidth_bytes_per_s=BANDWIDTH / f,
            units=UNITS, calibration=slower(MATMUL, f), family=FAMILIES["cublas"],
            cache_bytes=3e7, cached_bytes=1e6, burst=True,
        )  # fmt: skip

    def attention(f):
        rates = DeviceRates(UNITS, PEAK / f, BANDWIDTH / f)
        return decode_attention_time_s(
            rates, KERNELS["flash-3-decode"], slower(DECODE, f), rows, 3000, 32, 8, 128,
            cache_bytes=5e7,
        )  # fmt: skip

    for law in (product, attention):
        assert law(factor) == pytest.approx(float(law(1.0)) * factor, rel=1e-9)


def test_latent_attention_is_that_of_deepseek_where_nothing_else_is_said():
    """192 values of a key, 128 of a value, 576 of them kept (arXiv:2405.04434)."""
    rates, kernel = DeviceRates(UNITS, PEAK, BANDWIDTH), KERNELS["flash-3-prefill"]
    found = mla_prefill_time_s(rates, kernel, PREFILL, 3, 700, 100, 16)
    expected = prefill_attention_time_s(
        rates, kernel, PREFILL, 3, 700, 100, 16, 16, 192, value_dim=128, stored_dims=576
    )
    assert found == expected
    decoded = mla_decode_time_s(rates, KERNELS["flash-mla-decode"], DECODE, 9, 5000, 128)
    expected = decode_attention_time_s(
        rates, KERNELS["flash-mla-decode"], DECODE, 9, 5000, 128, 1, 576, value_dim=512,
        values_within_keys=True,
    )  # fmt: skip
    assert decoded == expected
