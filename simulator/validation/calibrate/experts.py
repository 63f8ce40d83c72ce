"""Fit the fused MoE law to a measured table of layer times, and score it on held-out rows.

The table (NVIDIA aiconfigurator's ``moe_perf.parquet``) has one layer time a row: kernel,
datatype, tokens, sizes, expert count, parallel sizes and the routing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.graph.routing import ExpertLoads
from simulator.roofline.laws.experts import kernels as grouped
from simulator.roofline.laws.experts.constants import GroupedCalibration
from simulator.roofline.laws.experts.formula import fused_moe_time_s
from simulator.roofline.laws.experts.kernels import GroupedKernelFamily
from simulator.validation.calibrate.benchmark_routing import PACKED, POWER_LAW, table_loads
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time
from simulator.validation.parquet import read_parquet
from simulator.validation.split import is_score_row

FloatArray = NDArray[np.float64]

PARAMETERS: Mapping[str, Parameter] = {
    "peak_fraction": Parameter(0.6, 0.05, 0.8),
    "bandwidth_fraction": Parameter(0.8, 0.05, 1.0),
    "row_fraction": Parameter(0.5, 0.02, 1.0),
    "kernel_s": Parameter(4e-6, 3e-7, 3e-5),
    "overlap": Parameter(2.0, 1.0, 8.0),
    "balance_tile": Parameter(20.0, 1.0, 400.0),
    "routing_s": Parameter(1e-6, 1e-8, 1e-5),
    "tile_s": Parameter(5e-7, 1e-8, 3e-5),
}
"""Where the search starts and its physical range.

The sustained peak is kept under 0.8 of the datasheet by choice: it and ``balance_tile`` trade
against each other in these tables, and an H200 sustains 0.66 in plain bf16 products. A value at
its bound is a bound, not a measurement.
"""


@dataclass(frozen=True, slots=True)
class ExpertDatatype:
    """Bits an element as the products read them, scales included, and the peak they run at."""

    weight_bits: float
    activation_bits: float
    peak: str


DATATYPES: Mapping[str, ExpertDatatype] = {
    "bfloat16": ExpertDatatype(16.0, 16.0, "bf16"),
    "fp8": ExpertDatatype(8.0, 8.0, "fp8"),
    "fp8_block": ExpertDatatype(8.0 + 32 / 128**2, 8.0 + 32 / 128, "fp8"),
    "int4_wo": ExpertDatatype(4.0 + 16 / 128, 16.0, "bf16"),
    "w4a16_mxfp4": ExpertDatatype(4.25, 16.0, "bf16"),
    "w4a8_mxfp4_mxfp8": ExpertDatatype(4.25, 8.25, "fp8"),
    "nvfp4": ExpertDatatype(4.5, 4.5, "fp4"),
}


PRECISIONS: Mapping[str, str] = {
    "bfloat16": "bf16", "fp8": "fp8", "fp8_block": "fp8_block", "int4_wo": "w4a16",
    "w4a16_mxfp4": "mxfp4", "w4a8_mxfp4_mxfp8": "w4a8_mxfp4", "nvfp4": "nvfp4",
}  # fmt: skip
"""What the tables call a precision → its name."""


@dataclass(frozen=True, slots=True)
class DeviceSheet:
    """Datasheet facts of the measured device that the law takes (dense peaks by datatype)."""

    units: int
    bandwidth_bytes_per_s: float
    cache_bytes: float
    peak_flops: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ExpertTable:
    """Measured layer times of one kernel and datatype; arrays of equal length.

    ``repeats`` is how many rows of the file measured each.
    """

    kernel: str
    datatype: str
    tokens: FloatArray
    hidden_size: FloatArray
    intermediate_size: FloatArray
    """The rank's slice of an expert's width."""
    matrices: FloatArray
    top_k: FloatArray
    experts: FloatArray
    ranks: FloatArray
    distribution: NDArray[np.str_]
    seconds: FloatArray
    is_score: NDArray[np.bool_]
    repeats: NDArray[np.int_]

    def rows(self, chosen: NDArray[Any]) -> "ExpertTable":
        """Take the chosen rows (a mask or an index)."""
        arrays = {
            name: value[chosen]
            for name in self.__slots__
            if isinstance(value := getattr(self, name), np.ndarray)
        }
        return ExpertTable(kernel=self.kernel, datatype=self.datatype, **arrays)

    def loads(self) -> ExpertLoads:
        """Rebuild the loads of the timed rank under the benchmark's routing."""
        return table_loads(
            (int(t), int(k), int(e), int(r), str(d))
            for t, k, e, r, d in zip(
                self.tokens, self.top_k, self.experts, self.ranks, self.distribution, strict=True
            )
        )


def read_expert_tables(path: Path) -> tuple[ExpertTable, ...]:
    """Read a ``moe_perf.parquet`` into one table a kernel and datatype.

    Repeated measurements of one row become their median. Raises :class:`InputError` without
    pyarrow, or for a file that is not such a table.
    """
    names = (*_KEY_COLUMNS, "version", "latency")
    columns = read_parquet(path, names).to_pydict()
    rows = zip(*(columns[name] for name in names), strict=True)
    times: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        times.setdefault(row[:-1], []).append(row[-1] * 1e-3)
    tables: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for key, seconds in times.items():
        if not _unread(key):
            median = float(np.median(seconds))
            tables.setdefault(key[:2], []).append((*key[2:], median, len(seconds)))
    return tuple(_table(*name, rows) for name, rows in sorted(tables.items()))


def unread_rows(path: Path) -> list[str]:
    """Why each row that is in no table of ``read_expert_tables`` is in none.

    Raises:
        InputError: as for that.
    """
    columns = read_parquet(path, (*_KEY_COLUMNS, "version", "latency")).to_pydict()
    keys = zip(*(columns[name] for name in _KEY_COLUMNS), strict=True)
    return [reason for reason in map(_unread, keys) if reason]


def _unread(key: tuple[Any, ...]) -> str:
    datatype, experts, ranks = key[1], key[6], key[8]
    if datatype not in DATATYPES:
        return f"no law is of experts in {datatype}"
    return "its experts do not divide evenly over its devices" if experts % ranks else ""


def family_of(kernel: str, datatype: str) -> GroupedKernelFamily:
    """Look up the kernel family that a table's kernel name stands for."""
    for part, family in (
        ("marlin", grouped.MARLIN),
        ("oaitriton", grouped.TRITON_KERNELS),
        ("flashinfer_cutlass", grouped.CUTLASS),
        ("deep_gemm", grouped.DEEPGEMM),
        ("trtllm", grouped.TRTLLM_GEN),
    ):
        if part in kernel:
            blockwise = family is grouped.TRTLLM_GEN and datatype == "fp8_block"
            return grouped.TRTLLM_GEN_BLOCK if blockwise else family
    return grouped.TRITON


def predict_table_s(
    table: ExpertTable, loads: ExpertLoads, calibration: GroupedCalibration, device: DeviceSheet
) -> FloatArray:
    """Predicted seconds of every row, with the weights that repeated runs leave in the cache.

    The benchmark repeats its routings, and what random ones touch differs little between them, so
    small layers find their weights in the cache: all while they fit it, none once they are twice
    as large. Half the cache counts: of the shares tried, it left the smallest errors.
    """
    datatype = DATATYPES[table.datatype]
    one_expert = table.matrices * table.hidden_size * table.intermediate_size
    read = np.maximum(loads.distinct(), 1e-9) * one_expert * datatype.weight_bits / 8
    return fused_moe_time_s(
        loads,
        table.tokens,
        table.top_k,
        table.hidden_size,
        table.intermediate_size,
        peak_flops=device.peak_flops[datatype.peak],
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        units=device.units,
        calibration=calibration,
        family=family_of(table.kernel, table.datatype),
        weight_bits=datatype.weight_bits,
        activation_bits=datatype.activation_bits,
        matrices=table.matrices,
        sharded=table.ranks > 1,
        cached_fraction=np.clip(2.0 - read / (device.cache_bytes / 2), 0.0, 1.0),
        cache_bytes=device.cache_bytes,
    )


def fit_expert_table(table: ExpertTable, device: DeviceSheet, most_rows: int = 2000) -> Fit:
    """Fit a :class:`GroupedCalibration` to at most ``most_rows`` rows that are not for scoring."""
    fitted = np.flatnonzero(~table.is_score)
    every = max(1, -(-fitted.size // most_rows))
    rows = table.rows(np.random.default_rng(0).permutation(fitted)[: fitted.size // every])
    loads = rows.loads()
    return fit_log_time(
        lambda values: predict_table_s(rows, loads, GroupedCalibration(**values), device),
        rows.seconds,
        PARAMETERS,
    )


_KEY_COLUMNS = (
    "kernel_source",
    "moe_dtype",
    "num_tokens",
    "hidden_size",
    "inter_size",
    "topk",
    "num_experts",
    "moe_tp_size",
    "moe_ep_size",
    "distribution",
)


def _table(kernel: str, datatype: str, rows: list[tuple[Any, ...]]) -> ExpertTable:
    tokens, hidden, inter, top_k, experts, tp, ep, distribution, version, seconds, repeats = zip(
        *rows, strict=True
    )
    routing = [
        PACKED + d if d.startswith(POWER_LAW) and _release(v) < (0, 17) else d
        for d, v in zip(distribution, version, strict=True)
    ]
    gated = [
        _release(v) < (0, 24) or (h, k) not in _WITHOUT_GATE
        for h, k, v in zip(hidden, top_k, version, strict=True)
    ]
    return ExpertTable(
        kernel=kernel,
        datatype=datatype,
        tokens=_floats(tokens),
        hidden_size=_floats(hidden),
        intermediate_size=_floats(inter) / _floats(tp),
        matrices=np.where(gated, 3.0, 2.0),
        top_k=_floats(top_k),
        experts=_floats(experts),
        ranks=_floats(ep),
        distribution=np.array(routing),
        seconds=_floats(seconds),
        is_score=np.array(
            [is_score_row(" ".join(map(str, ("moe", datatype, *row[:8])))) for row in rows]
        ),
        repeats=np.array(repeats),
    )


_WITHOUT_GATE = {(2688, 6), (2048, 22), (1024, 22)}
"""(hidden size, top-k) of the Nemotron-3 layers, whose squared ReLU has no gate.

Inferred: in tables of vLLM 0.24 a third matrix would have been read at 1.2 to 1.4 times the
datasheet bandwidth, in earlier ones at no more than 0.93 of it. (1024, 22) is assumed alike: its
kernel is too slow to tell by bandwidth.
"""


def _floats(values: Sequence[float]) -> FloatArray:
    return np.asarray(values, dtype=np.float64)


def _release(version: str) -> tuple[int, int]:
    """(major, minor) of a vLLM version; development builds are the newest."""
    major, minor, *_ = version.split(".")
    return (int(major), int(minor)) if minor.isdigit() and minor != "1" else (99, 0)
