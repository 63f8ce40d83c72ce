"""Calibrating the matrix-product law: what is read, what is kept back, what a fit finds."""

import builtins
from dataclasses import replace

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.roofline.laws.elementwise.constants import ElementwiseCalibration
from simulator.roofline.laws.elementwise.quantise import STATIC
from simulator.roofline.laws.matmul.constants import MatmulCalibration
from simulator.roofline.laws.matmul.kernels import CUBLAS, KernelFamily, Tile
from simulator.validation.calibrate.matmul import (
    Condition,
    DeviceFacts,
    GemmRows,
    MatmulSetup,
    fit_matmul,
    lab_gemm_rows,
    predict_rows,
    read_gemm_table,
)
from simulator.validation.split import is_score_row

DEVICE = DeviceFacts("made-up", 1e15, 4e12, 100, 50e6)
TRUTH = MatmulCalibration(
    peak_fraction=0.6,
    bandwidth_fraction=0.85,
    start_s=3e-6,
    overlap=2.5,
    balance_tile=90.0,
    block_s=9e-8,
    split_s=3e-6,
    write_fraction=0.8,
)
STEADY = MatmulSetup(DEVICE, CUBLAS, 16.0, Condition(burst=False))


def made_rows(setup, calibration, values=None):
    m, n, k = (
        x.reshape(-1).astype(float)
        for x in np.meshgrid(
            [1, 16, 64, 256, 1024, 8192], [512, 4096, 16_384], [64, 512, 4096, 16_384]
        )
    )
    keys = [f"gemm/{a}x{b}x{c}" for a, b, c in zip(m, n, k, strict=True)]
    rows = GemmRows(
        m, n, k, np.ones(len(m)), np.full(len(m), "made"),
        np.array([is_score_row(key) for key in keys]),
    )  # fmt: skip
    return replace(rows, seconds=predict_rows(rows, setup, calibration, values or {}))


def test_fit_finds_the_constants_that_made_the_rows():
    rows = made_rows(STEADY, TRUTH)
    fit = fit_matmul(rows, STEADY)
    kept = rows.take(rows.kept_back)
    said_s = predict_rows(kept, STEADY, fit.calibration, {})
    assert np.mean(np.abs(said_s / kept.seconds - 1)) < 0.02
    assert fit.calibration.peak_fraction == pytest.approx(0.6, rel=0.03)
    assert fit.calibration.bandwidth_fraction == pytest.approx(0.85, rel=0.05)
    assert fit.calibration.start_s == pytest.approx(3e-6, rel=0.1)
    assert set(fit.standard_errors) >= {"peak_fraction", "bandwidth_fraction", "start_s"}


def test_fixed_constants_stay_where_they_were_put():
    setup = replace(STEADY, fixed={"balance_tile": 90.0})
    fit = fit_matmul(made_rows(STEADY, TRUTH), setup)
    assert fit.calibration.balance_tile == 90.0
    assert "balance_tile" not in fit.standard_errors


def test_host_launched_tables_never_show_less_than_the_host_needs():
    setup = replace(STEADY, condition=Condition(burst=False, host_launched=True))
    values = {"host_s made": 5e-5}
    rows = made_rows(setup, TRUTH, values)
    assert rows.seconds.min() == 5e-5
    fit = fit_matmul(rows, setup)
    assert fit.condition_values["host_s made"] == pytest.approx(5e-5, rel=0.02)


def test_quantising_and_padding_come_on_top_of_the_product():
    padded = KernelFamily("padded", (Tile(64, 64),), row_alignment=4)
    elementwise = ElementwiseCalibration(launch_s=2e-6, bandwidth_fraction=0.8)
    condition = Condition(burst=False, scheme=STATIC, elementwise=elementwise)
    bare, full = replace(STEADY, family=padded), MatmulSetup(DEVICE, padded, 16.0, condition)
    rows = made_rows(bare, TRUTH)
    extra = predict_rows(rows, full, TRUTH, {"pad_s": 4e-6}) - rows.seconds
    assert extra[rows.m % 4 == 0].min() >= 2e-6
    assert extra[rows.m % 4 != 0].min() >= 6e-6


def test_scheme_without_its_constants_is_refused():
    setup = replace(STEADY, condition=Condition(scheme=STATIC))
    with pytest.raises(ValueError, match="elementwise"):
        predict_rows(made_rows(STEADY, TRUTH), setup, TRUTH, {})


def test_lab_points_are_read_and_split_by_shape():
    point = {"prec": "bf16", "M": 8, "N": 4096, "K": 4096, "s": 1e-5}
    rows = lab_gemm_rows([point, {**point, "prec": "fp8"}], "h200", "bf16")
    assert (rows.m[0], rows.n[0], rows.k[0], rows.seconds[0]) == (8, 4096, 4096, 1e-5)
    assert rows.kept_back[0] == is_score_row("gemm/h200/bf16/8x4096x4096")


def test_kernel_table_is_read_in_seconds_and_one_datatype(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="needs roofsim[calibrate]")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs roofsim[calibrate]")
    columns = {
        "m": [8, 8], "n": [64, 64], "k": [32, 32], "latency": [0.002, 0.003],
        "gemm_dtype": ["bfloat16", "fp8"], "kernel_source": ["a", "b"],
    }  # fmt: skip
    path = tmp_path / "gemm_perf.parquet"
    parquet.write_table(arrow.table(columns), path)
    rows = read_gemm_table(path, "h200", "fp8")
    assert rows.seconds.tolist() == pytest.approx([3e-6])
    assert rows.kernel.tolist() == ["b"]
    with pytest.raises(InputError, match="nvfp4"):
        read_gemm_table(path, "h200", "nvfp4")


def test_missing_pyarrow_names_the_extra(tmp_path, monkeypatch):
    original = builtins.__import__

    def without_pyarrow(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(InputError, match=r"roofsim\[calibrate\]"):
        read_gemm_table(tmp_path / "none.parquet", "h200", "fp8")


def test_a_table_that_misses_columns_names_them(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="needs roofsim[calibrate]")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs roofsim[calibrate]")
    path = tmp_path / "gemm_perf.parquet"
    parquet.write_table(arrow.table({"m": [1], "n": [2], "latency": [0.1]}), path)
    with pytest.raises(InputError, match="no column k, gemm_dtype, kernel_source"):
        read_gemm_table(path, "h200", "fp8")
