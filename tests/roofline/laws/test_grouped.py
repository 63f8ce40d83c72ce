"""The fused MoE law: floors, closed forms and monotonicity on any device."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.routing import (
    ExpertLoads,
    expert_loads,
    selection_probability,
)
from simulator.roofline.laws.experts.constants import GroupedCalibration
from simulator.roofline.laws.experts.formula import fused_moe_time_s
from simulator.roofline.laws.experts.kernels import (
    KERNEL_FAMILIES,
    MUL_MAT_Q_ID,
    TRITON,
    TRTLLM_GEN,
    GroupedKernelFamily,
)

CALIBRATION = GroupedCalibration(
    peak_fraction=0.8, bandwidth_fraction=0.9, row_fraction=0.7, kernel_s=4e-6, overlap=2.5,
    balance_tile=40.0, routing_s=1.5e-6, tile_s=1e-6,
)  # fmt: skip
FAMILY = st.sampled_from(sorted(KERNEL_FAMILIES))


def layer_s(
    tokens,
    family: GroupedKernelFamily = TRITON,
    experts: int = 128,
    top_k: int = 8,
    hidden: float = 2048,
    inter: float = 768,
    ranks: int = 1,
    calibration: GroupedCalibration = CALIBRATION,
    **changes,
) -> np.ndarray:
    loads = expert_loads(tokens, selection_probability(np.ones(experts), top_k), ranks)
    device = {"peak_flops": 989e12, "bandwidth_bytes_per_s": 4.8e12, "units": 132} | changes
    return fused_moe_time_s(
        loads, tokens, top_k, hidden, inter, calibration=calibration, family=family,
        sharded=ranks > 1, **device,
    )  # fmt: skip


@given(FAMILY, st.integers(1, 30_000), st.sampled_from([4.5, 8.0, 16.0]), st.integers(1, 3))
def test_never_below_the_weight_and_arithmetic_floors(
    family: str, tokens: int, weight_bits: float, scale: int
):
    inter = 256.0 * scale
    loads = expert_loads(tokens, selection_probability(np.ones(64), 4))
    seconds = layer_s(tokens, KERNEL_FAMILIES[family], 64, 4, inter=inter, weight_bits=weight_bits)
    weights = float(loads.distinct()) * 3 * 2048 * inter * weight_bits / 8
    flops = 2.0 * tokens * 4 * 3 * 2048 * inter
    assert seconds >= weights / 4.8e12
    assert seconds >= flops / 989e12


@given(FAMILY, st.integers(1, 20_000), st.integers(0, 2000))
def test_more_tokens_are_never_faster(family: str, tokens: int, more: int):
    few, many = layer_s(np.array([tokens, tokens + more]), KERNEL_FAMILIES[family])
    assert many >= few * (1 - 1e-9)


@given(FAMILY, st.integers(1, 20_000), st.floats(1.0, 8.0))
def test_more_bandwidth_or_compute_is_never_slower(family: str, tokens: int, factor: float):
    kernels = KERNEL_FAMILIES[family]
    base = layer_s(tokens, kernels)
    assert layer_s(tokens, kernels, bandwidth_bytes_per_s=4.8e12 * factor) <= base * (1 + 1e-9)
    assert layer_s(tokens, kernels, peak_flops=989e12 * factor) <= base * (1 + 1e-9)


def test_decode_reads_the_distinct_experts_not_top_k_and_not_all():
    free = GroupedCalibration(1.0, 1.0, 1.0, kernel_s=0.0, overlap=50.0, balance_tile=0.0)
    tokens = np.array([1.0, 8.0, 64.0])
    touched = 128 * (1 - (1 - 8 / 128) ** tokens)
    expected = touched * 3 * 4096 * 4096 * 2 / 1e12
    seconds = layer_s(
        tokens, hidden=4096, inter=4096, calibration=free, bandwidth_bytes_per_s=1e12,
        peak_flops=1e18,
    )  # fmt: skip
    assert seconds == pytest.approx(expected, rel=0.01)


def test_a_large_batch_approaches_the_sustained_peak_of_its_tiles():
    flops = 2.0 * 65_536 * 2 * 3 * 4096 * 14_336
    seconds = layer_s(65_536, experts=8, top_k=2, hidden=4096, inter=14_336)
    tile_edge = 2 * 128 * 256 / (128 + 256)
    sustained = 989e12 / (1 / 0.8 + 40 / tile_edge)
    assert 0.85 * sustained < flops / seconds < sustained


def test_sharding_experts_over_ranks_divides_the_weights_read():
    tokens = 4096
    assert layer_s(tokens, hidden=7168, inter=2048, ranks=8) < 0.3 * layer_s(
        tokens, hidden=7168, inter=2048
    )


def test_an_expert_wider_than_the_cache_is_read_again_for_every_row_block():
    wide = {"experts": 8, "top_k": 2, "hidden": 4096, "inter": 14_336}
    fits = layer_s(16_384, TRTLLM_GEN, **wide)
    spills = layer_s(16_384, TRTLLM_GEN, **wide, cache_bytes=126e6)
    narrow = {**wide, "inter": 1792}
    assert spills > 1.05 * fits
    assert layer_s(16_384, TRTLLM_GEN, **narrow, cache_bytes=126e6) == layer_s(
        16_384, TRTLLM_GEN, **narrow
    )


def test_weights_found_in_the_cache_are_not_read():
    assert layer_s(64, cached_fraction=1.0) < 0.5 * layer_s(64)


def test_an_expert_without_gate_costs_less():
    assert layer_s(64, matrices=2) < 0.8 * layer_s(64)


def test_a_kernel_that_walks_all_experts_looks_at_every_tile_of_each():
    walking = replace(CALIBRATION, visit_s=1e-6)
    experts, units, tokens = 128, 48, 300
    walked = layer_s(tokens, MUL_MAT_Q_ID, experts, calibration=walking, units=units)
    passed = layer_s(tokens, MUL_MAT_Q_ID, experts, calibration=CALIBRATION, units=units)
    row_tiles, columns_first, columns_second = 3, 2 * 768 / 128, 2048 / 128
    tiles = experts * row_tiles * (columns_first + columns_second)
    assert walked - passed == pytest.approx(tiles / units * 1e-6)
    assert layer_s(tokens, TRITON, experts, calibration=walking) == layer_s(tokens, TRITON, experts)


def test_narrow_weights_speed_up_decode():
    assert layer_s(64, weight_bits=4.5) < 0.5 * layer_s(64)


def test_arrays_broadcast_row_by_row():
    tokens, hidden = np.array([1.0, 64.0, 4096.0]), np.array([1024.0, 2048.0, 4096.0])
    together = layer_s(tokens, hidden=hidden)
    apart = [float(layer_s(t, hidden=h)) for t, h in zip(tokens, hidden, strict=True)]
    assert together == pytest.approx(apart, rel=1e-12)


def test_an_idle_rank_costs_only_its_launches():
    nothing = ExpertLoads(np.zeros(1), np.zeros(1), np.full(1, 16.0), is_random=False)
    seconds = fused_moe_time_s(
        nothing, 0, 8, 2048, 768, peak_flops=989e12, bandwidth_bytes_per_s=4.8e12, units=132,
        calibration=CALIBRATION, family=TRTLLM_GEN,
    )  # fmt: skip
    assert float(seconds) == pytest.approx(TRTLLM_GEN.kernels * CALIBRATION.kernel_s)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("peak_fraction", 1.2),
        ("bandwidth_fraction", 0.0),
        ("overlap", 0.5),
        ("tile_s", -1.0),
        ("visit_s", -1.0),
    ],
)
def test_constants_that_no_machine_can_have_are_refused(field: str, value: float):
    constants = {name: getattr(CALIBRATION, name) for name in CALIBRATION.__slots__}
    with pytest.raises(ValueError, match=field):
        GroupedCalibration(**(constants | {field: value}))
