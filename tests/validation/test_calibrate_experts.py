"""Reading, rebuilding the routing of, and fitting a table of MoE layer times."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.roofline.laws.experts.constants import GroupedCalibration
from simulator.validation.calibrate.benchmark_routing import (
    balanced_rank_loads,
    power_law_rank_loads,
    table_loads,
)
from simulator.validation.calibrate.experts import (
    DeviceSheet,
    ExpertTable,
    fit_expert_table,
    predict_table_s,
    read_expert_tables,
)

DEVICE = DeviceSheet(132, 4.8e12, 50e6, {"bf16": 989e12})
TRUTH = GroupedCalibration(
    peak_fraction=0.6, bandwidth_fraction=0.85, row_fraction=0.6, kernel_s=4e-6, overlap=2.5,
    balance_tile=30.0, routing_s=1.5e-6, tile_s=2e-6,
)  # fmt: skip


def synthetic_table() -> ExpertTable:
    grid = [
        (tokens, hidden, inter, ranks, routing)
        for tokens in (1, 4, 16, 64, 256, 1024, 4096, 16_384)
        for hidden, inter in ((2048, 768), (4096, 1536), (7168, 2048))
        for ranks in (1, 8)
        for routing in ("balanced", "power_law_1.2")
    ]
    tokens, hidden, inter, ranks, routing = zip(*grid, strict=True)
    full = np.ones(len(grid))
    table = ExpertTable(
        kernel="triton", datatype="bfloat16", tokens=np.array(tokens, float),
        hidden_size=np.array(hidden, float), intermediate_size=np.array(inter, float),
        matrices=3 * full, top_k=8 * full, experts=128 * full, ranks=np.array(ranks, float),
        distribution=np.array(routing), seconds=full, is_score=np.arange(len(grid)) // 2 % 2 == 0,
        repeats=np.ones(len(grid), int),
    )  # fmt: skip
    return replace(table, seconds=predict_table_s(table, table.loads(), TRUTH, DEVICE))


@given(st.integers(1, 4096), st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 4, 16]))
def test_benchmark_routings_deal_every_row(tokens: int, top_k: int, ranks: int):
    rng = np.random.default_rng(0)
    assert balanced_rank_loads(tokens, top_k, 64, 1).sum() == tokens * top_k
    for packed in (False, True):
        whole = power_law_rank_loads(tokens, top_k, 64, 1, 1.2, rng, packed=packed)
        assert whole.sum() == tokens * top_k
        busiest = power_law_rank_loads(tokens, top_k, 64, ranks, 1.2, rng, packed=packed)
        assert busiest.sum() >= tokens * top_k / ranks
        assert np.all(busiest >= 0)


def test_balanced_routing_touches_as_many_experts_as_there_are_rows():
    loads = table_loads([(t, 8, 128, 1, "balanced") for t in (1, 4, 16, 512)])
    assert loads.distinct().tolist() == [8, 32, 128, 128]


def test_a_fit_recovers_the_law_that_made_the_table():
    table = synthetic_table()
    fit = fit_expert_table(table, DEVICE)
    kept = table.rows(table.is_score)
    said_s = predict_table_s(kept, kept.loads(), GroupedCalibration(**fit.values), DEVICE)
    assert fit.mean_absolute_relative_error < 0.02
    for routing in ("balanced", "power_law_1.2"):
        error = np.abs(said_s / kept.seconds - 1)[kept.distribution == routing]
        assert error.mean() < 0.03
    assert fit.values["bandwidth_fraction"] == pytest.approx(0.85, rel=0.05)


def write_table(path: Path, **changes: list[object]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "kernel_source": ["vllm_fused_moe"] * 3, "moe_dtype": ["bfloat16"] * 3,
        "num_tokens": [1, 1, 64], "hidden_size": [2048] * 3, "inter_size": [768] * 3,
        "topk": [8] * 3, "num_experts": [128] * 3, "moe_tp_size": [2] * 3,
        "moe_ep_size": [1] * 3, "distribution": ["balanced"] * 3, "version": ["0.19.0"] * 3,
        "latency": [0.03, 0.05, 0.3],
    } | changes  # fmt: skip
    columns = {name: values for name, values in columns.items() if values}
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_repeated_rows_become_their_median_and_sizes_the_ranks_slice(tmp_path: Path):
    (table,) = read_expert_tables(write_table(tmp_path / "moe.parquet"))
    assert table.seconds.tolist() == pytest.approx([0.04e-3, 0.3e-3])
    assert table.intermediate_size.tolist() == [384, 384]


def test_a_table_that_misses_a_column_is_named_in_the_error(tmp_path: Path):
    path = write_table(tmp_path / "moe.parquet", latency=[])
    with pytest.raises(InputError, match="latency"):
        read_expert_tables(path)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "moe.parquet"
    path.write_text("not parquet")
    with pytest.raises(InputError, match="not a table"):
        read_expert_tables(path)
