"""Fitting the matrix-product law to kernel tables and to the H200 laboratory points.

A kernel table times a whole linear layer of an engine: quantising the activations, padding odd
row counts and the product itself, sometimes launched kernel by kernel from the host. What the
table measured beside the product is its :class:`Condition`; only the product's own constants
become the device's calibration.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.roofline.laws.elementwise.constants import ElementwiseCalibration
from simulator.roofline.laws.elementwise.quantise import QuantiseScheme, quantise_time_s
from simulator.roofline.laws.matmul.constants import MatmulCalibration
from simulator.roofline.laws.matmul.formula import matmul_time_s, resident_share
from simulator.roofline.laws.matmul.kernels import KernelFamily
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time
from simulator.validation.parquet import read_parquet
from simulator.validation.split import is_score_row

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

THROTTLE_S = 5e-4
"""Kernel time at which H100 and H200 tables have lost half of their burst (fitted: 0.43 ms)."""

_OUTPUT_BYTES = 2.0
"""Products leave in 16 bits."""

MATMUL_PARAMETERS: Mapping[str, Parameter] = {
    "peak_fraction": Parameter(0.7, 0.05, 1.0),
    "burst_gain": Parameter(1.2, 1.0, 2.0),
    "bandwidth_fraction": Parameter(0.85, 0.3, 1.0),
    "write_fraction": Parameter(0.7, 0.3, 1.0),
    "balance_tile": Parameter(100.0, 30.0, 250.0),
    "block_s": Parameter(9e-8, 1e-9, 1e-6),
    "split_s": Parameter(2e-6, 1e-7, 3e-5),
    "overlap": Parameter(3.0, 1.0, 8.0),
    "start_s": Parameter(2.4e-6, 1e-7, 8e-6),
    "cache_speedup": Parameter(1.5, 1.0, 10.0),
}
"""What is fitted, with starting points and the range a machine can have."""

_CONDITION_PARAMETERS: Mapping[str, Parameter] = {
    "atomic_s": Parameter(7e-9, 1e-10, 1e-7),
    "reduce_bandwidth_fraction": Parameter(0.3, 0.05, 1.0),
    "pad_s": Parameter(3e-6, 1e-7, 1e-5),
    "host_pad_s": Parameter(1e-5, 1e-7, 1e-3),
}


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """Data sheet values the law needs: dense peak (FLOP/s) of one datatype, bytes/s, bytes."""

    name: str
    peak_flops: float
    bandwidth_bytes_per_s: float
    units: int
    cache_bytes: float


@dataclass(frozen=True, slots=True)
class GemmRows:
    """Measured products: shapes, seconds, the kernel that ran and which rows are kept back."""

    m: FloatArray
    n: FloatArray
    k: FloatArray
    seconds: FloatArray
    kernel: NDArray[np.str_]
    kept_back: BoolArray

    def take(self, which: NDArray[np.intp] | BoolArray) -> "GemmRows":
        """The rows that an index or mask selects."""
        return GemmRows(
            self.m[which], self.n[which], self.k[which],
            self.seconds[which], self.kernel[which], self.kept_back[which],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """What a measurement timed beside the product, and how."""

    burst: bool = True
    """Whether it ended before power management settled (short repeats) or not."""
    scheme: QuantiseScheme | None = None
    """How activations were quantised inside the timed call."""
    elementwise: ElementwiseCalibration | None = None
    """Constants of the quantising kernels; needed with ``scheme``."""
    quantised_bits: float = 8.0
    host_launched: bool = False
    """Whether the host launched each kernel, so that no call is shorter than that takes."""
    copies: float = float("inf")
    """Copies of the weights in rotation, all of them fed the same activations and writing to one
    place; infinite: every call finds all of it cold."""


@dataclass(frozen=True, slots=True)
class MatmulFit:
    """A fitted calibration, its standard errors, and how many rows were fitted."""

    calibration: MatmulCalibration
    standard_errors: Mapping[str, float]
    condition_values: Mapping[str, float]
    rows: int


@dataclass(frozen=True, slots=True)
class MatmulSetup:
    """Everything about a fit that is not fitted."""

    device: DeviceFacts
    family: KernelFamily
    bits: float = 16.0
    condition: Condition = field(default_factory=Condition)
    fixed: Mapping[str, float] = field(default_factory=dict)
    """Parameters held at a value instead of fitted (``inf`` is not allowed)."""


def datatypes_in(path: Path) -> Counter[str]:
    """The datatypes of which a kernel table has rows, and how many."""
    return Counter(read_parquet(path, ("gemm_dtype",)).column("gemm_dtype").to_pylist())


def read_gemm_table(path: Path, device: str, datatype: str) -> GemmRows:
    """Rows of one datatype from a ``gemm_perf.parquet`` kernel table (latency in ms).

    Raises InputError where pyarrow is missing, the file is no such table, or it has no row of
    ``datatype``.
    """
    sizes = ("m", "n", "k", "latency")
    table = read_parquet(path, (*sizes, "gemm_dtype", "kernel_source"))
    column = {name: table.column(name).to_numpy() for name in sizes}
    datatypes = np.asarray(table.column("gemm_dtype").to_pylist())
    kernels = np.asarray(table.column("kernel_source").to_pylist())
    chosen = datatypes == datatype
    if not chosen.any():
        present = ", ".join(sorted(set(datatypes.tolist())))
        raise InputError(f"has no rows of {datatype}", file=path, remedy=f"it has {present}")
    m, n, k = (column[name][chosen] for name in ("m", "n", "k"))
    return _gemm_rows(m, n, k, column["latency"][chosen] * 1e-3, kernels[chosen], device, datatype)


def lab_gemm_rows(rows: Sequence[Mapping[str, Any]], device: str, precision: str) -> GemmRows:
    """The products of one precision (``bf16`` or ``fp8``) among rows of a document's ``gemm``."""
    points = [row for row in rows if row["prec"] == precision]
    m, n, k, seconds = (
        np.array([float(row[key]) for row in points]) for key in ("M", "N", "K", "s")
    )
    kernels = np.full(len(points), "lab")
    return _gemm_rows(m, n, k, seconds, kernels, device, precision)


def predict_rows(
    rows: GemmRows,
    setup: MatmulSetup,
    calibration: MatmulCalibration,
    condition_values: Mapping[str, float],
) -> FloatArray:
    """Seconds the table should show: the product and all that was timed with it."""
    device, condition = setup.device, setup.condition
    seconds = matmul_time_s(
        rows.m, rows.n, rows.k,
        peak_flops=device.peak_flops, bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        units=device.units, calibration=calibration, family=setup.family,
        activation_bits=setup.bits, weight_bits=setup.bits, cached_bytes=_cached_bytes(rows, setup),
        cache_bytes=device.cache_bytes, burst=condition.burst,
    )  # fmt: skip
    if condition.scheme is not None:
        seconds = seconds + _quantise_s(rows, setup, condition_values, calibration.cache_speedup)
    odd = rows.m % setup.family.row_alignment != 0
    if "pad_s" in condition_values:
        copied = 2.0 * rows.m * rows.k * condition.quantised_bits / 8.0
        seconds = seconds + odd * (
            condition_values["pad_s"] + copied / device.bandwidth_bytes_per_s
        )
    if condition.host_launched:
        floor = np.array(
            [condition_values.get(f"host_s {name}", 0.0) for name in rows.kernel.tolist()]
        )
        seconds = np.maximum(seconds, floor + odd * condition_values.get("host_pad_s", 0.0))
    return np.asarray(seconds, np.float64)


def _cached_bytes(rows: GemmRows, setup: MatmulSetup) -> FloatArray | float:
    """What repeats find in the cache: each operand whose next use is not too many bytes away."""
    copies, cache = setup.condition.copies, setup.device.cache_bytes
    if not np.isfinite(copies):
        return 0.0
    weights = rows.n * rows.k * setup.bits / 8.0
    around = rows.m * rows.k * setup.bits / 8.0 + rows.m * rows.n * _OUTPUT_BYTES
    kept = weights * resident_share(copies * weights + around, cache)
    return kept + around * resident_share(weights + around, cache)


def fit_matmul(rows: GemmRows, setup: MatmulSetup, most_rows: int = 2500) -> MatmulFit:
    """Fit the law to the rows that are not kept back.

    At most ``most_rows`` rows enter the fit, drawn with a fixed seed: nine numbers need no more.
    """
    fit_rows = rows.take(~rows.kept_back)
    if len(fit_rows.m) > most_rows:
        drawn = np.random.default_rng(0).choice(len(fit_rows.m), most_rows, replace=False)
        fit_rows = fit_rows.take(np.sort(drawn))
    parameters = _parameters(fit_rows, setup)

    def predict(values: Mapping[str, float]) -> FloatArray:
        return predict_rows(fit_rows, setup, calibration_of(values, setup), values)

    fit = fit_log_time(predict, fit_rows.seconds, parameters)
    return MatmulFit(
        calibration=calibration_of(fit.values, setup),
        standard_errors=_own_errors(fit),
        condition_values={k: v for k, v in fit.values.items() if k not in MATMUL_PARAMETERS},
        rows=len(fit_rows.m),
    )


def calibration_of(values: Mapping[str, float], setup: MatmulSetup) -> MatmulCalibration:
    """The calibration that fitted and fixed values make up."""
    known = {**values, **setup.fixed}
    own = {name: known[name] for name in MATMUL_PARAMETERS if name in known}
    gain = own.pop("burst_gain", None)
    if gain is None:
        return MatmulCalibration(**own)
    burst = min(1.0, own["peak_fraction"] * gain)
    return MatmulCalibration(**own, burst_fraction=burst, throttle_s=THROTTLE_S)


def _parameters(rows: GemmRows, setup: MatmulSetup) -> dict[str, Parameter]:
    """What this fit has to find: the law's constants and those of the condition."""
    condition = setup.condition
    wanted = dict(MATMUL_PARAMETERS)
    if not condition.burst:
        del wanted["burst_gain"]
    if setup.family.splits == (1,):
        del wanted["split_s"]
    if condition.scheme is not None and condition.scheme.reduces_tensor:
        for name in ("atomic_s", "reduce_bandwidth_fraction"):
            wanted[name] = _CONDITION_PARAMETERS[name]
    if not np.isfinite(condition.copies):
        del wanted["cache_speedup"]
    if setup.family.row_alignment > 1:
        wanted["pad_s"] = _CONDITION_PARAMETERS["pad_s"]
    if condition.host_launched:
        if setup.family.row_alignment > 1:
            wanted["host_pad_s"] = _CONDITION_PARAMETERS["host_pad_s"]
        for name in sorted(set(rows.kernel.tolist())):
            # The shortest calls show the host's pace, whatever the device does.
            floor = float(np.percentile(rows.seconds[rows.kernel == name], 20))
            wanted[f"host_s {name}"] = Parameter(floor, floor / 3.0, floor * 3.0)
    return {name: p for name, p in wanted.items() if name not in setup.fixed}


def _quantise_s(
    rows: GemmRows,
    setup: MatmulSetup,
    condition_values: Mapping[str, float],
    cache_speedup: float,
) -> FloatArray:
    condition = setup.condition
    if condition.scheme is None or condition.elementwise is None:
        raise ValueError("a condition with a quantising scheme needs its elementwise constants")
    known = {name: getattr(condition.elementwise, name) for name in condition.elementwise.__slots__}
    known.update({k: v for k, v in condition_values.items() if k in known and k != "launch_s"})
    calibration, scheme, device = ElementwiseCalibration(**known), condition.scheme, setup.device

    def at(bandwidth_bytes_per_s: float) -> FloatArray:
        return quantise_time_s(
            rows.m, rows.k, scheme,
            bandwidth_bytes_per_s=bandwidth_bytes_per_s, units=device.units,
            calibration=calibration, cache_bytes=device.cache_bytes,
            output_bits=condition.quantised_bits,
        )  # fmt: skip

    cold_s = at(device.bandwidth_bytes_per_s)
    if not np.isfinite(condition.copies) or cache_speedup == 1.0:
        return cold_s
    wide = rows.m * rows.k * _OUTPUT_BYTES
    between = rows.n * rows.k * setup.bits / 8.0 + rows.m * rows.n * _OUTPUT_BYTES
    narrow = rows.m * rows.k * condition.quantised_bits / 8.0
    found = resident_share(between + wide + narrow, device.cache_bytes)
    warm_s = at(device.bandwidth_bytes_per_s * cache_speedup)
    return found * warm_s + (1.0 - found) * cold_s


def _own_errors(fit: Fit) -> dict[str, float]:
    return {name: fit.standard_errors[name] for name in fit.values if name in MATMUL_PARAMETERS}


def _gemm_rows(
    m: FloatArray,
    n: FloatArray,
    k: FloatArray,
    seconds: FloatArray,
    kernels: NDArray[np.str_],
    device: str,
    datatype: str,
) -> GemmRows:
    shapes = zip(m.tolist(), n.tolist(), k.tolist(), strict=True)
    kept_back = [
        is_score_row(f"gemm/{device}/{datatype}/{a:.0f}x{b:.0f}x{c:.0f}") for a, b, c in shapes
    ]
    return GemmRows(
        m.astype(np.float64), n.astype(np.float64), k.astype(np.float64),
        seconds.astype(np.float64), kernels, np.array(kept_back),
    )  # fmt: skip
