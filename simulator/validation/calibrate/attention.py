"""Fitting the attention laws to tables of measured kernel latencies, and scoring them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.device.device import Device
from simulator.roofline.laws.attention.constants import DecodeCalibration, PrefillCalibration
from simulator.roofline.laws.attention.formula import (
    decode_attention_time_s,
    mla_decode_time_s,
    mla_prefill_time_s,
    prefill_attention_time_s,
)
from simulator.roofline.laws.attention.kernels import AttentionKernel
from simulator.roofline.laws.law import LawKind
from simulator.roofline.laws.rates import DeviceRates
from simulator.validation.calibrate.attention_tables import AttentionRows
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time

FloatArray = NDArray[np.float64]

# Enough to pin ten numbers, and a fit stays within seconds.
_MAX_FIT_ROWS = 4000

PREFILL_PARAMETERS: Mapping[str, Parameter] = {
    "matrix_fraction": Parameter(0.6, 0.01, 1.0),
    "softmax_head_dims": Parameter(40.0, 1.0, 600.0),
    "bandwidth_fraction": Parameter(0.8, 0.05, 0.97),
    "cache_write_factor": Parameter(1.5, 0.2, 30.0),
    "store_token_s": Parameter(3e-10, 1e-12, 1e-8),
    "item_s": Parameter(1e-6, 1e-8, 3e-5),
    "imbalance": Parameter(0.5, 0.01, 1.0),
    "sustained_fraction": Parameter(1.0, 0.5, 1.0),
    "cache_speedup": Parameter(1.5, 1.0, 10.0),
    "latency_s": Parameter(1e-5, 1e-7, 5e-5),
}
DECODE_PARAMETERS: Mapping[str, Parameter] = {
    "bandwidth_fraction": Parameter(0.9, 0.05, 0.97),
    "ramp_bytes": Parameter(2e7, 1e5, 2e8),
    "cache_speedup": Parameter(1.5, 0.4, 4.0),
    "unit_share": Parameter(2.5, 1.0, 5.0),
    "matrix_fraction": Parameter(0.4, 0.01, 1.0),
    "item_s": Parameter(1.5e-6, 1e-8, 2e-5),
    "sequence_s": Parameter(3e-9, 1e-10, 1e-7),
    "extra_pass_s": Parameter(1e-6, 1e-8, 2e-5),
    "window_item_factor": Parameter(1.5, 1.0, 4.0),
    "latency_s": Parameter(8e-6, 1e-7, 3e-5),
}


def attending(
    device: Device, kind: LawKind[Any, AttentionKernel], variant: str = ""
) -> DeviceRates:
    """The rates at which the kernels of a benchmark multiply over a cache of that ``variant``."""
    widens = device.book.in_benchmark(kind, variant).kernels.widens_cache
    peak_flops = device.peaks["bf16" if widens or not variant else variant]
    return DeviceRates(device.units, peak_flops, device.bandwidth_bytes_per_s)


def predict_prefill_s(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: PrefillCalibration,
    *,
    causal: bool = True,
    cache_bytes: float = 0.0,
) -> FloatArray:
    """The prefill law (or the encoder's, ``causal=False``) for every row."""
    return prefill_attention_time_s(
        rates,
        kernel,
        calibration,
        rows.batch,
        rows.query_tokens,
        rows.past_tokens,
        rows.query_heads,
        rows.kv_heads,
        rows.head_dim,
        kv_bytes_per_value=rows.kv_bytes_per_value,
        window_tokens=rows.window_tokens,
        causal=causal,
        cache_bytes=cache_bytes,
    )


def predict_decode_s(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: DecodeCalibration,
    *,
    cache_bytes: float = 0.0,
) -> FloatArray:
    """The decode law for every row; ``cache_bytes`` as the benchmark left its KV in cache."""
    return decode_attention_time_s(
        rates,
        kernel,
        calibration,
        rows.batch,
        rows.past_tokens + 1,
        rows.query_heads,
        rows.kv_heads,
        rows.head_dim,
        kv_bytes_per_value=rows.kv_bytes_per_value,
        window_tokens=rows.window_tokens,
        cache_bytes=cache_bytes,
    )


def predict_mla_decode_s(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: DecodeCalibration,
    *,
    cache_bytes: float = 0.0,
) -> FloatArray:
    """Differences of the latent decode law, as `read_mla_rows` returns the measured ones."""

    def core(tokens: FloatArray) -> FloatArray:
        return mla_decode_time_s(
            rates,
            kernel,
            calibration,
            rows.batch,
            tokens,
            rows.query_heads,
            kv_bytes_per_value=rows.kv_bytes_per_value,
            cache_bytes=cache_bytes,
        )

    return core(rows.past_tokens + 1) - core(rows.reference_tokens + 1)


def predict_mla_prefill_s(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    calibration: PrefillCalibration,
) -> FloatArray:
    """Differences of the latent prefill law, as `read_mla_rows` returns the measured ones."""

    def core(batch: FloatArray, tokens: FloatArray) -> FloatArray:
        return mla_prefill_time_s(rates, kernel, calibration, batch, tokens, 0.0, rows.query_heads)

    own = core(rows.batch, rows.query_tokens)
    return own - core(rows.reference_batch, rows.reference_tokens)


def fit_rows(rows: AttentionRows) -> AttentionRows:
    """The rows that may be fitted, thinned evenly to what a fit needs."""
    fitted = rows.where(~rows.score)
    order = np.arange(len(fitted))
    return fitted.where(order % max(1, -(-len(fitted) // _MAX_FIT_ROWS)) == 0)


def _fit(
    predict: Callable[[Mapping[str, float]], FloatArray],
    measured_s: FloatArray,
    parameters: Mapping[str, Parameter],
    fixed: Mapping[str, float],
) -> Fit:
    free = {name: bounds for name, bounds in parameters.items() if name not in fixed}
    # A key tile is bound by its loads or by its products: two valleys, so start in both.
    fits = []
    for start in (0.12, 0.6):
        if "matrix_fraction" in free:
            free["matrix_fraction"] = replace(free["matrix_fraction"], start=start)
        fits.append(fit_log_time(lambda values: predict({**fixed, **values}), measured_s, free))
    return min(fits, key=lambda fit: fit.mean_absolute_relative_error)


def fit_prefill(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    *,
    fixed: Mapping[str, float] | None = None,
    causal: bool = True,
    cache_bytes: float = 0.0,
) -> tuple[PrefillCalibration, Fit]:
    """Fit the prefill numbers to the rows that may be fitted; ``fixed`` ones stay as given."""
    # Short kernels of a benchmark run at full clock; only an engine's prefill tells the rest.
    known = {"sustained_fraction": 1.0, **(fixed or {})}
    if cache_bytes == 0.0:
        known = {"cache_speedup": 1.0, **known}
    if not causal:
        known = {"cache_write_factor": 0.0, "store_token_s": 0.0, **known}
    used = fit_rows(rows)

    def predict(values: Mapping[str, float]) -> FloatArray:
        calibration = PrefillCalibration(**values)
        return predict_prefill_s(
            used, rates, kernel, calibration, causal=causal, cache_bytes=cache_bytes
        )

    fit = _fit(predict, used.measured_s, PREFILL_PARAMETERS, known)
    return PrefillCalibration(**{**known, **fit.values}), fit


def fit_decode(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    *,
    cache_bytes: float = 0.0,
    fixed: Mapping[str, float] | None = None,
) -> tuple[DecodeCalibration, Fit]:
    """Fit the decode numbers to the rows that may be fitted; ``fixed`` ones stay as given."""
    known = dict(fixed or {})
    used = fit_rows(rows)

    def predict(values: Mapping[str, float]) -> FloatArray:
        calibration = DecodeCalibration(**values)
        return predict_decode_s(used, rates, kernel, calibration, cache_bytes=cache_bytes)

    fit = _fit(predict, used.measured_s, DECODE_PARAMETERS, known)
    return DecodeCalibration(**{**known, **fit.values}), fit


def fit_mla_decode(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    start: DecodeCalibration,
    free: Collection[str] = ("bandwidth_fraction", "matrix_fraction"),
    *,
    cache_bytes: float = 0.0,
) -> tuple[DecodeCalibration, Fit]:
    """Fit the ``free`` numbers of latent decode; differences cannot tell the rest from 0."""
    fixed = {f.name: getattr(start, f.name) for f in fields(start) if f.name not in free}
    used = fit_rows(rows)

    def predict(values: Mapping[str, float]) -> FloatArray:
        calibration = DecodeCalibration(**values)
        times = predict_mla_decode_s(used, rates, kernel, calibration, cache_bytes=cache_bytes)
        return np.maximum(times, 1e-9)

    fit = _fit(predict, used.measured_s, DECODE_PARAMETERS, fixed)
    return DecodeCalibration(**{**fixed, **fit.values}), fit


def fit_mla_prefill(
    rows: AttentionRows,
    rates: DeviceRates,
    kernel: AttentionKernel,
    start: PrefillCalibration,
    free: Collection[str] = ("matrix_fraction",),
) -> tuple[PrefillCalibration, Fit]:
    """Fit the ``free`` numbers of latent prefill; differences cannot tell the rest from 0."""
    fixed = {f.name: getattr(start, f.name) for f in fields(start) if f.name not in free}
    used = fit_rows(rows)

    def predict(values: Mapping[str, float]) -> FloatArray:
        times = predict_mla_prefill_s(used, rates, kernel, PrefillCalibration(**values))
        return np.maximum(times, 1e-9)

    fit = _fit(predict, used.measured_s, PREFILL_PARAMETERS, fixed)
    return PrefillCalibration(**{**fixed, **fit.values}), fit
