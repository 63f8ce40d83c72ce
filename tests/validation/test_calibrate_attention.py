"""Fitting the attention laws: known numbers come back, and tables are read as they are meant."""

import sys

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.roofline.laws.attention.constants import DecodeCalibration, PrefillCalibration
from simulator.roofline.laws.attention.kernels import KERNELS
from simulator.roofline.laws.rates import DeviceRates
from simulator.validation.calibrate.attention import (
    fit_decode,
    fit_prefill,
    predict_decode_s,
    predict_prefill_s,
)
from simulator.validation.calibrate.attention_tables import (
    AttentionRows,
    read_attention_rows,
    read_mla_rows,
)

RATES = DeviceRates(units=132, peak_flops=1e15, bandwidth_bytes_per_s=4.8e12)


def grid(batches, tokens, decode):
    batch, token, kv = (
        a.ravel().astype(float) for a in np.meshgrid(batches, tokens, [1, 2, 8], indexing="ij")
    )
    one = np.ones_like(batch)
    return AttentionRows(
        batch=batch,
        query_tokens=one if decode else token,
        past_tokens=token - 1 if decode else 0 * one,
        query_heads=kv * 4,
        kv_heads=kv,
        head_dim=128 * one,
        kv_bytes_per_value=2 * one,
        window_tokens=np.inf * one,
        reference_batch=np.nan * one,
        reference_tokens=np.nan * one,
        measured_s=one,
        score=np.arange(len(batch)) % 2 == 1,
    )


def measured(rows, seconds):
    values = {name: getattr(rows, name) for name in AttentionRows.__dataclass_fields__}
    return AttentionRows(**{**values, "measured_s": seconds})


def test_decode_numbers_come_back():
    kernel = KERNELS["flash-3-decode"]
    truth = DecodeCalibration(0.9, 2e7, 1.5, 2.5, 0.4, 2e-6, 1e-8, 2e-6, 1.0, 8e-6)
    rows = grid([1, 4, 16, 64, 256, 1024], [16, 128, 1024, 4096, 32768], decode=True)
    rows = measured(rows, predict_decode_s(rows, RATES, kernel, truth))
    fixed = {"cache_speedup": 1.5, "window_item_factor": 1.0, "unit_share": 2.5}
    found, fit = fit_decode(rows, RATES, kernel, fixed=fixed)
    assert fit.mean_absolute_relative_error < 1e-3
    assert found.bandwidth_fraction == pytest.approx(0.9, rel=0.01)
    assert found.latency_s == pytest.approx(8e-6, rel=0.02)
    said_s = predict_decode_s(rows, RATES, kernel, found)
    assert np.mean(np.abs(said_s / rows.measured_s - 1)) < 1e-3


def test_prefill_numbers_come_back():
    kernel = KERNELS["flash-3-prefill"]
    truth = PrefillCalibration(0.7, 60.0, 0.8, 1.5, 5e-10, 1.5e-6, 0.3, 1.0, 1e-5)
    rows = grid([1, 4, 16, 64], [16, 128, 512, 2048, 8192], decode=False)
    rows = measured(rows, predict_prefill_s(rows, RATES, kernel, truth))
    fixed = {"softmax_head_dims": 60.0}
    found, fit = fit_prefill(rows, RATES, kernel, fixed=fixed)
    assert fit.mean_absolute_relative_error < 1e-3
    assert found.matrix_fraction == pytest.approx(0.7, rel=0.01)


def write_table(path, columns):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), path)


def test_attention_table_is_read_in_seconds_with_its_context(tmp_path):
    columns = {
        "op_name": ["generation_attention"] * 2,
        "kernel_source": ["one", "other"],
        "batch_size": [4, 8],
        "isl": [1, 1],
        "step": [1023, 2047],
        "num_heads": [32, 32],
        "num_key_value_heads": [8, 8],
        "head_dim": [128, 128],
        "kv_cache_dtype": ["fp8", "bfloat16"],
        "window_size": [0, 128],
        "latency": [0.05, 0.1],
    }
    write_table(tmp_path / "table.parquet", columns)
    rows = read_attention_rows(tmp_path / "table.parquet", "device")
    assert rows.measured_s.tolist() == [5e-5, 1e-4]
    assert rows.past_tokens.tolist() == [1023, 2047]
    assert rows.kv_bytes_per_value.tolist() == [1.0, 2.0]
    assert rows.window_tokens.tolist() == [np.inf, 128.0]
    assert len(read_attention_rows(tmp_path / "table.parquet", "device", ["one"])) == 1


def test_latent_attention_is_the_difference_to_the_shortest_context(tmp_path):
    columns = {
        "op_name": ["mla_generation_module"] * 3,
        "kernel_source": ["kernel"] * 3,
        "kv_cache_dtype": ["bfloat16"] * 3,
        "gemm_type": ["bfloat16"] * 3,
        "num_heads": [128] * 3,
        "batch_size": [64, 64, 32],
        "step": [2, 8192, 2],
        "latency": [0.2, 0.5, 0.1],
    }
    write_table(tmp_path / "table.parquet", columns)
    rows = read_mla_rows(tmp_path / "table.parquet", "device")
    assert rows.measured_s.tolist() == [pytest.approx(3e-4)]
    assert rows.reference_tokens.tolist() == [2.0]


def test_missing_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"roofsim\[calibrate\]"):
        read_attention_rows(tmp_path / "table.parquet", "device")
