"""Sparse and recurrent layers against measured modules, and fits that find what they were given."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.graph.operator import Elementwise, Indexer
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.specs import catalogue
from simulator.validation.calibrate.run import calibrate
from simulator.validation.calibrate.sequence import (
    Condition,
    fit_modules,
    in_short_repeats,
    predict_modules_s,
    with_constants,
)
from simulator.validation.calibrate.sequence_device import (
    FAMILIES,
    fit_family,
    read_family,
)
from simulator.validation.calibrate.sequence_tables import (
    ModuleRows,
    read_scorer_rows,
)
from simulator.validation.kernels import kernel_parts, table_samples
from simulator.validation.score import group_by
from simulator.validation.tables.modules import MODULES

DEVICES = {"h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm", "b200_sxm": "b200"}
VLLM = "vllm-0.24.0"
SCAN_VERSIONS = {"gdn": VLLM, "kda": "vllm-0.1.dev19262"}
MEAN, TIME_WEIGHTED = 0.20, 0.15
CONVOLUTIONS = {"convolution"}
"""Nothing is fitted to these; an elementwise pass tells of them as it stands."""


def device_of(folder):
    return resolve(catalogue.hardware(DEVICES[folder]))


def scored(path, folder, besides=frozenset()):
    found = group_by(table_samples(path, device_of(folder), folder), "phase")
    groups = [group for group in found if group.phase.split()[0] not in besides]
    assert groups
    for group in groups:
        assert group.mean_error <= MEAN, group.phase
        assert group.weighted_error <= TIME_WEIGHTED, group.phase
    return sum(group.rows for group in groups)


@pytest.mark.slow
@pytest.mark.parametrize("folder", DEVICES)
@pytest.mark.parametrize("table", MODULES)
def test_modules_on_rows_that_were_not_fitted(shared_data, folder, table):
    assert scored(shared_data / "kernels" / folder / VLLM / f"{table}_perf.parquet", folder) > 50


@pytest.mark.parametrize("folder", DEVICES)
@pytest.mark.parametrize("table", SCAN_VERSIONS)
def test_recurrences_on_rows_that_were_not_fitted(shared_data, folder, table):
    path = shared_data / "kernels" / folder / SCAN_VERSIONS[table]
    assert scored(path / f"{table}_perf.parquet", folder, besides=CONVOLUTIONS) > 5


def made_up(device, condition):
    """Rows of a block with one scorer and one small kernel, timed by the laws themselves."""
    generator = np.random.default_rng(4)
    batch = generator.integers(1, 300, 400).astype(float)
    shape = StepShape.decode(batch, generator.integers(100, 100_000, 400).astype(float))
    operators = (
        Indexer(name="attention.indexer", heads=64, key_size=128, bytes_per_entry=128.0),
        Elementwise(name="attention.rope", role="rope", bytes_per_row=50_000.0, kernels=2),
    )
    nothing, score = np.ones(400), generator.random(400) < 0.5
    rows = ModuleRows(operators, shape, nothing, score, np.ones(400, int), "made up")
    return replace(rows, measured_s=predict_modules_s([rows], device, condition))


def test_a_fit_finds_the_constants_that_made_the_rows():
    from simulator.validation.calibrate.least_squares import Parameter

    device = device_of("h200_sxm")
    truth = with_constants(device, {"attention.indexer.fp8": {"bandwidth_fraction": 0.6}})
    rows = made_up(truth, Condition(extra_s=4e-5))
    free = {
        "attention.indexer.fp8:bandwidth_fraction": Parameter(0.9, 0.1, 1.0),
        "table/extra_s": Parameter(1e-5, 1e-7, 1e-3),
    }
    found, conditions, _ = fit_modules({"table": [rows]}, device, free)
    assert found.book.constants["attention.indexer.fp8"]["bandwidth_fraction"] == pytest.approx(
        0.6, rel=1e-3
    )
    assert conditions["table"].extra_s == pytest.approx(4e-5, rel=1e-3)
    said_s = predict_modules_s([rows], found, conditions["table"])
    assert np.mean(np.abs(said_s / rows.measured_s - 1)) < 1e-3


def test_scored_rows_do_not_touch_the_fit():
    from simulator.validation.calibrate.least_squares import Parameter

    device = device_of("h200_sxm")
    rows = made_up(device, Condition(extra_s=4e-5))
    spoilt = replace(rows, measured_s=np.where(rows.score, 1.0, rows.measured_s))
    free = {"table/extra_s": Parameter(1e-5, 1e-7, 1e-3)}
    clean = fit_modules({"table": [rows]}, device, free)[1]
    dirty = fit_modules({"table": [spoilt]}, device, free)[1]
    assert clean == dirty


def test_short_repeats_run_at_a_higher_clock_and_start_like_an_engine():
    device = device_of("h200_sxm")
    brief = in_short_repeats(device)
    for law, rate in (
        ("matmul.fp8_block", "peak_fraction"),
        ("attention.prefill", "sustained_fraction"),
    ):
        steady, tables = (device.book.constants[name] for name in (law, f"benchmark.{law}"))
        changed = {n for n, v in brief.book.constants[law].items() if steady.get(n) != v}
        assert rate in changed <= {rate, "burst_fraction"}
        assert brief.book.constants[law][rate] == tables[rate] > steady[rate]
    assert brief.book.constants["elementwise"] == device.book.constants["elementwise"]
    assert in_short_repeats(brief).book.constants == brief.book.constants


def test_query_rows_of_a_scorers_table_are_one_sequence(shared_data):
    folder = shared_data / "kernels" / "h200_sxm" / VLLM
    (rows,) = read_scorer_rows(folder / "dsv4_paged_mqa_logits_module_perf.parquet", "h200_sxm")
    assert set(rows.shape.prefill_sequences) == {1.0}
    # 1,024 sequences of one token are scored in the time of one sequence of 1,024.
    alike = (rows.shape.prefill_tokens == 1024) & (rows.shape.prefill_past == 0)
    assert alike.sum() > 3
    assert np.ptp(rows.measured_s[alike]) < 0.1 * rows.measured_s[alike].mean()
    assert all(not op.picks for op in rows.operators)


@pytest.mark.parametrize("system", ["h100_sxm", "h200_sxm", "b200_sxm"])
def test_products_of_each_head_with_the_latent_space(shared_data, system):
    family = FAMILIES["batched"]
    tables = read_family(family, shared_data / "kernels" / system / VLLM, system)
    device, conditions, _ = fit_family(family, tables, device_of(system))
    kept = {name: [g.where(g.score) for g in groups] for name, groups in tables.items()}
    said = np.concatenate(
        [predict_modules_s(groups, device, conditions[name]) for name, groups in kept.items()]
    )
    measured = np.concatenate([g.measured_s for groups in kept.values() for g in groups])
    assert np.mean(np.abs(said / measured - 1)) < 0.2
    assert np.sum(np.abs(said - measured)) < 0.15 * measured.sum()


def test_a_table_is_fitted_with_its_whole_family(shared_data):
    path = shared_data / "kernels" / "h200_sxm" / VLLM / "mhc_module_perf.parquet"
    found = calibrate("kernels", [path], "h200-sxm")
    fitted, shipped = found.section.constants, device_of("h200_sxm").book.constants
    for name, quantity in fitted["matmul.tf32_mixing"].items():
        assert float(quantity) == pytest.approx(shipped["matmul.tf32_mixing"][name], rel=1e-3)
    assert [group.phase for group in found.after] == ["hyper-connections"]
    assert found.before[0].mean_error == pytest.approx(found.after[0].mean_error, rel=1e-2)


def test_the_host_sets_a_least_time():
    device = device_of("h200_sxm")
    rows = made_up(device, Condition())
    slow = predict_modules_s([rows], device, Condition(host_s=1e-2))
    assert np.all(slow >= 1e-2)
    assert np.all(slow >= rows.measured_s)


def test_kernels_of_a_state_space_layer_are_told_apart(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="needs roofsim[calibrate]")
    kernels = ("causal_conv1d_update", "selective_state_update", "mamba_chunk_scan_combined", "?")
    rows = [
        {
            "kernel_source": kernel, "phase": "context" if "chunk" in kernel else "generation",
            "batch_size": batch, "seq_len": 37 * batch if "chunk" in kernel else 1, "d_model": 2560,
            "nheads": 80, "head_dim": 64, "d_state": 128, "n_groups": 1, "latency": 0.02,
        }
        for kernel in kernels
        for batch in range(1, 17)
    ]  # fmt: skip
    path = tmp_path / "mamba2_perf.parquet"
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)
    parts = kernel_parts(path, "h100-sxm")
    names = {sample.phase for part in parts for sample in part.samples}
    assert names == {"Mamba-2, step", "Mamba-2, scan", "convolution before a recurrence"}
    assert sum(part.rows for part in parts if part.refused) == 16
    assert sum(part.rows for part in parts) == len(rows)
