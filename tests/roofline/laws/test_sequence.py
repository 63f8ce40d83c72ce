"""Sparse, compressed and recurrent layers: every model has a price, and prices behave."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.operator import AttentionCore, Elementwise, Indexer, LatentCore, Recurrence
from simulator.graph.span import Span
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.costing import cost
from simulator.roofline.laws.elementwise.constants import ELEMENTWISE
from simulator.roofline.laws.indexer.constants import INDEXER as INDEXER_LAW
from simulator.roofline.laws.indexer.constants import IndexerCalibration
from simulator.roofline.laws.indexer.formula import comparisons, indexer_time_s
from simulator.roofline.laws.rates import DeviceRates
from simulator.roofline.laws.recurrence.constants import (
    RecurrentScanCalibration,
    RecurrentStepCalibration,
)
from simulator.roofline.laws.recurrence.formula import recurrent_scan_time_s, recurrent_step_time_s
from simulator.roofline.laws.sparse_attention.constants import GatherCalibration
from simulator.roofline.laws.sparse_attention.formula import gather_attention_time_s
from simulator.roofline.laws.sparse_attention.kernels import GATHER_KERNELS
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable
from simulator.specs import catalogue, folders
from simulator.validation.calibrate.sequence import with_constants

MODELS = list(folders.names(folders.data_folder("models")))
SPARSE_OR_RECURRENT = [
    "deepseek-v3.2", "deepseek-v4-flash", "deepseek-v4-pro", "glm-5", "glm-5.2", "minimax-m3",
    "qwen3-next-80b-a3b", "qwen3.5-397b-a17b", "kimi-k3", "mamba2-2.7b",
]  # fmt: skip


def seconds(op, shape, device):
    return sum(float(part.time_s) for part in cost(op, shape, device, device.book))


def step_model(name, hardware="h200-sxm"):
    device = resolve(catalogue.hardware(hardware))
    return StepModel(build(catalogue.model(name)), device, catalogue.engine_profile("generic"))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_price_in_decode_and_prefill(name):
    model = step_model(name)
    for shape in (
        StepShape.decode(np.array([1.0, 64.0]), np.array([[0.0], [500.0], [200_000.0]])),
        StepShape.prefill(np.array([1.0, 3.0]), np.array([[1.0], [4000.0]]), 700.0),
    ):
        step = model.evaluate(shape)
        assert np.all(np.isfinite(step.time_s))
        assert np.all(step.time_s > 0)
        assert np.all(np.isfinite(step.energy_j))


@pytest.mark.parametrize("name", SPARSE_OR_RECURRENT)
def test_a_mixed_step_by_table_is_near_the_step_itself(name):
    model = step_model(name)
    table = StepTable(model, max_tokens=4096, max_context=32_768)
    found, _ = table.mixed(16, 3000.0, 1, 1000, 2000.0, 1)
    shape = StepShape.of(
        decode_sequences=16,
        decode_context=3000,
        prefill_sequences=1,
        prefill_tokens=1000,
        prefill_past=2000,
    )
    assert found == pytest.approx(float(model.evaluate(shape).time_s), rel=0.03)


def device_rates():
    return DeviceRates(132.0, 1e15, 4e12)


INDEXER = IndexerCalibration(0.5, 0.8, 1e-8, 5e-6, 1e-13)
GATHER = GatherCalibration(0.6, 8.0, 5e-6, 2e-6)
SCAN = RecurrentScanCalibration(0.4, 0.6, 6e-6, 3e-6)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e4))
def test_comparisons_add_up_over_a_prompt_in_two_parts(first, grown, rows):
    middle, last = first + grown / 2, first + grown
    apart = comparisons(rows / 2, first, middle) + comparisons(rows / 2, middle, last)
    assert float(apart) == pytest.approx(float(comparisons(rows, first, last)), rel=1e-3, abs=1.0)


@given(st.integers(1, 500), st.integers(1, 5000), st.floats(1.0, 3.0))
def test_more_entries_or_rows_never_cost_less(rows, entries, more):
    def gather(count, seen):
        kernel = GATHER_KERNELS["flash-mla-sparse"]
        rates = device_rates()
        heads = (128, 1, 1088, 1152.0)
        return float(gather_attention_time_s(rates, kernel, GATHER, count, count * seen, *heads))

    base = gather(rows, entries)
    assert gather(rows, entries * more) >= base
    assert gather(int(rows * more), entries) >= base * (1 - 1e-12)


def test_a_list_is_multiplied_row_after_row_in_every_unit():
    """Two rounds of 132 units: starts, products at 60 % of a unit's peak, and two launches."""
    entries, heads, width = 256.0, 64.0, 1024.0
    found = gather_attention_time_s(
        device_rates(), GATHER_KERNELS["flash-mla-sparse-joined"], GATHER,
        200.0, 200.0 * entries, heads, 1, width, 0.0, launches=2.0,
    )  # fmt: skip
    one_s = entries * 2 * heads * width / (1e15 / 132 * 0.6)
    assert float(found) == pytest.approx(2 * 2e-6 + 2 * (5e-6 + one_s))


def test_partial_results_of_a_shared_list_are_joined_by_one_unit():
    """One row of 64 heads: 33 parts of eight heads' values, at 2.5 times a unit's share."""
    instant = GatherCalibration(1.0, 1e9, 0.0, 0.0)

    def seconds(rows, entries):
        kernel = GATHER_KERNELS["flash-mla-sparse-decode"]
        rates = DeviceRates(132.0, 1e30, 4e12)
        found = gather_attention_time_s(
            rates, kernel, instant, rows, rows * entries, 64, 1, 1024, 0.0
        )
        return float(found)

    part_s = 8 * 512 * 4 / (4e12 / 132 * 2.5)
    assert seconds(1.0, 64.0) == pytest.approx(0.0, abs=1e-12)
    assert seconds(1.0, 33 * 64.0) == pytest.approx(32 * part_s)
    # No more parts than units; and full units share nothing.
    assert seconds(1.0, 1e6) == pytest.approx(131 * part_s)
    assert seconds(200.0, 1e6) == pytest.approx(0.0, abs=1e-12)


def test_where_keys_stay_heads_need_no_padding_and_entries_no_second_load():
    """Four heads on one KV head: a quarter of the products of a tile of sixteen."""

    def seconds(kernel, speedup):
        calibration = GatherCalibration(0.6, speedup, 0.0, 0.0)
        found = gather_attention_time_s(
            device_rates(), GATHER_KERNELS[kernel], calibration,
            1000.0, 1000.0 * 2048, 4, 1, 256, 512.0,
        )  # fmt: skip
        return float(found)

    products_s = 1000 * 2048 * 2 * 4 * 256 / (1e15 * 0.6)
    assert seconds("fmha-sm100-blocks", 1e-3) == pytest.approx(products_s)
    assert seconds("triton-blocks", 1e9) == pytest.approx(4 * products_s)


def gathered(kernel_law, shape, span):
    """Seconds of a shared-key core of 64 heads over ``span`` on an H200."""
    device = with_constants(
        resolve(catalogue.hardware("h200-sxm")),
        {kernel_law: {"matrix_fraction": 0.5, "item_s": 0.0, "gather_speedup": 1e6,
                      "latency_s": 1.0}},
    )  # fmt: skip
    core = AttentionCore(
        name="x",
        query_heads=64,
        kv_heads=1,
        key_size=512,
        value_size=512,
        kv_bytes_per_value=1.125,
        span=span,
        shared_key_value=True,
    )
    return sum(float(part.time_s) for part in cost(core, shape, device, device.book)), device


def test_prompts_share_a_launch_by_four_and_compressed_entries_start_nothing():
    law = "attention.gather.compressed"
    window, entries = Span(window=128), Span(compression=128)
    for prompts, launches in ((1.0, 1), (4.0, 1), (5.0, 2), (9.0, 3)):
        seconds, _ = gathered(law, StepShape.prefill(prompts, 1.0, 500.0), window)
        assert seconds == pytest.approx(launches, abs=1e-3)
    assert gathered(law, StepShape.prefill(9.0, 1.0, 500.0), entries)[0] < 1e-3


def test_lists_are_padded_to_the_kernels_tile():
    """132 rows that see one or two whole entries take as long as rows that see 126."""
    law, entries = "attention.gather.compressed", Span(compression=128)
    few, device = gathered(law, StepShape.prefill(1.0, 132.0, 200.0), entries)
    full, _ = gathered(law, StepShape.prefill(1.0, 132.0, 16_000.0), entries)
    unit_flops = device.peaks["bf16"] / device.units * 0.5
    assert few == full == pytest.approx(128 * 2 * 64 * 1024 / unit_flops)
    assert gathered(law, StepShape.prefill(1.0, 100.0, 0.0), entries)[0] == 0.0


def test_a_scorer_alone_writes_its_scores_once_and_ranks_nothing():
    device = resolve(catalogue.hardware("h200-sxm"))
    whole = Indexer(
        name="x",
        heads=64,
        key_size=128,
        bytes_per_entry=64.0,
        span=Span(compression=4),
        compute="fp4",
    )
    alone = replace(whole, picks=False)
    shape = StepShape.prefill(1.0, 1000.0, 3000.0)
    pairs = float(whole.span.pairs(1000.0, 3000.0))
    both, one = (cost(op, shape, device, device.book)[1] for op in (whole, alone))
    constants = device.book.law(INDEXER_LAW, "fp4").constants
    bandwidth = device.bandwidth_bytes_per_s * constants.bandwidth_fraction
    ranked = float(comparisons(1000.0, 750.0, 1000.0)) * constants.rank_s
    saved = pairs * 4.0 / bandwidth + ranked
    assert float(both.time_s - one.time_s) == pytest.approx(saved)
    assert (both.kernels, one.kernels) == (2.0, 1.0)


def test_a_token_is_no_faster_than_the_walk_through_its_streams():
    """Few tokens wait for one thread block each, many for the memory."""
    device = resolve(catalogue.hardware("h200-sxm"))
    law = device.book.law(ELEMENTWISE).constants
    width = 4 * 7168
    op = Elementwise(name="x", role="residual", bytes_per_row=2.0 * 2.0 * width, row_elements=width)

    def busy_s(tokens):
        return (
            float(cost(op, StepShape.prefill(1.0, tokens), device, device.book)[0].time_s)
            - law.launch_s
        )

    assert busy_s(1.0) == pytest.approx(width * law.element_s)
    moved_s = 4.0 * width / (device.bandwidth_bytes_per_s * law.bandwidth_fraction)
    assert busy_s(50_000.0) == pytest.approx(50_000 * moved_s)


@given(st.integers(1, 64), st.integers(1, 20_000), st.integers(1, 128))
def test_a_scan_of_one_sequence_is_as_long_as_its_chunks(sequences, tokens, heads):
    def scan(count, length):
        state, flops, size = heads * 65536.0, heads * 180_000.0, heads * 1024.0
        return float(recurrent_scan_time_s(device_rates(), SCAN, count, length, state, flops, size))

    assert scan(sequences, 2 * tokens) >= scan(sequences, tokens)
    assert scan(sequences + 1, tokens) >= scan(sequences, tokens)
    # Chains that fit the units side by side take no longer than one.
    if 2 * heads <= 132:
        moved_s = 2 * heads * (2 * 65536.0 + tokens * 1024.0) / (4e12 * 0.6)
        assert scan(2, tokens) <= scan(1, tokens) + moved_s


def test_nothing_to_do_takes_no_time():
    rates = device_rates()
    assert float(indexer_time_s(rates, INDEXER, 0, 0, 0, 0)) == 0
    kernel = GATHER_KERNELS["flash-mla-sparse"]
    assert float(gather_attention_time_s(rates, kernel, GATHER, 0, 0, 64, 1, 1088, 1152)) == 0
    assert float(recurrent_scan_time_s(rates, SCAN, 0, 5, 65536, 1, 1)) == 0
    step = RecurrentStepCalibration(0.8, 3e-6)
    assert float(recurrent_step_time_s(rates, step, 0, 0)) == 0


def test_a_decode_step_moves_every_state_twice():
    step = RecurrentStepCalibration(0.8, 3e-6)
    found = recurrent_step_time_s(device_rates(), step, 189e6, 0.0)
    assert float(found) == pytest.approx(3e-6 + 2 * 189e6 / (0.8 * 4e12))


@pytest.mark.parametrize("name", SPARSE_OR_RECURRENT)
@pytest.mark.parametrize("hardware", ["h200-sxm", "b200", "mi300x", "tpu-v6e", "apple-m4-pro"])
def test_no_operator_beats_its_roof(name, hardware):
    model = step_model(name, hardware)
    shapes = (
        StepShape.decode(np.array([1.0, 32.0]), np.array([[100.0], [100_000.0]])),
        StepShape.prefill(np.array([1.0, 4.0]), np.array([[64.0], [16_384.0]])),
    )
    for shape in shapes:
        loads = [
            part
            for op, parts in model.loads(shape)
            if isinstance(op, Indexer | Recurrence | LatentCore)
            for part in parts
        ]
        for part in nonempty(loads):
            assert np.all(part.time_s >= part.roof_s * (1 - 1e-9)), part.law


@pytest.mark.parametrize("name", SPARSE_OR_RECURRENT)
def test_a_mixed_step_is_its_decode_and_its_prefill(name, mixed_step):
    model = step_model(name)
    mixed, phases = mixed_step
    for op in nonempty([op for op in model.graph.operators if op.driver == "context"]):
        apart = sum(
            float(part.time_s)
            for shape in phases
            for part in cost(op, shape, model.device, model.device.book)
        )
        together = sum(
            float(part.time_s) for part in cost(op, mixed, model.device, model.device.book)
        )
        assert together == pytest.approx(apart)


def test_sparse_attention_stops_growing_where_dense_goes_on():
    contexts = np.array([65_536.0, 1_048_576.0])

    def core_s(name):
        model = step_model(name)
        found = model.loads(StepShape.decode(1.0, contexts))
        parts = [p for op, loads in found if isinstance(op, LatentCore) for p in loads]
        return np.sum([p.time_s for p in parts], axis=0)

    dense, sparse = core_s("deepseek-v3"), core_s("deepseek-v3.2")
    assert dense[1] > 10 * dense[0]
    assert sparse[1] == pytest.approx(sparse[0])


@pytest.mark.parametrize("name", ["mamba2-2.7b", "qwen3-next-80b-a3b"])
def test_a_recurrent_layers_decode_does_not_see_the_context(name):
    model = step_model(name)
    found = model.loads(StepShape.decode(4.0, np.array([10.0, 1e6])))
    of_recurrences = [part for op, loads in found if isinstance(op, Recurrence) for part in loads]
    for part in nonempty(of_recurrences):
        assert part.time_s[0] == part.time_s[1]


def test_only_rows_with_a_decay_for_each_channel_scan_by_that_law():
    def law(name):
        found = step_model(name).loads(StepShape.prefill(1.0, 100.0))
        scans = [loads[1] for op, loads in found if isinstance(op, Recurrence)]
        return {scan.law for scan in scans}

    assert law("kimi-k3") == {"attention.recurrent_scan.channel_decay"}
    for name in ("qwen3-next-80b-a3b", "qwen3.5-397b-a17b", "mamba2-2.7b"):
        assert law(name) == {"attention.recurrent_scan"}


def test_an_encoder_sees_all_pairs():
    """Bidirectional attention does about twice the products of a causal prompt."""
    device = resolve(catalogue.hardware("h200-sxm"))
    shape = StepShape.prefill(8.0, 8192.0)

    def seconds(causal):
        core = AttentionCore(
            name="x",
            query_heads=16,
            kv_heads=16,
            key_size=64,
            value_size=64,
            kv_bytes_per_value=2.0,
            span=Span(causal=causal),
        )
        return sum(float(part.time_s) for part in cost(core, shape, device, device.book))

    assert 1.6 < seconds(False) / seconds(True) < 2.2
