"""Fit a link's collective constants to measured NCCL and custom all-reduce latencies.

Reads the tables ``nccl_perf.parquet`` and ``custom_allreduce_perf.parquet`` of NVIDIA
aiconfigurator (Apache-2.0): ``message_size`` in elements of the whole unsharded tensor,
``latency`` in milliseconds. Repetitions and library versions of one shape are taken as their
median. Half of the shapes are fitted, the other half only scored.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.roofline.laws.collective.constants import Link, LinkCalibration, Protocol
from simulator.roofline.laws.collective.fabric import Fabric, FloatArray
from simulator.roofline.laws.collective.formula import all_to_all_s
from simulator.roofline.laws.collective.kernels import AllReduceMenu
from simulator.roofline.laws.collective.menu import all_gather_s, all_reduce_s, reduce_scatter_s
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time
from simulator.validation.parquet import read_parquet, release_of
from simulator.validation.split import is_score_row

ELEMENT_BYTES = {"half": 2, "float16": 2, "bfloat16": 2, "int8": 1}
CUSTOM_ALL_REDUCE = "custom_all_reduce"
COLLECTIVES: Mapping[str, str] = {
    "all_reduce": "all-reduce of NCCL",
    "all_gather": "all-gather",
    "reduce_scatter": "reduce-scatter",
    "alltoall": "all-to-all",
    CUSTOM_ALL_REDUCE: "all-reduce of vLLM",
}
"""What the tables' operators are called in print."""

_LIBRARY, _CUSTOM = "nccl_perf", "custom_allreduce_perf"

_IN_SWITCH = "in_network"
_STAGED = frozenset({"staged", "staged_in_switch"})
"""All-reduces that share the protocol of the registered buffer."""

START = LinkCalibration(
    ring_short=Protocol(5e-6, 1e-6, 0.3),
    ring_long=Protocol(2e-5, 1e-6, 0.8),
    ring_own_shard_fraction=0.6,
    exchange_short=Protocol(6e-6, 2e-7, 0.03),
    exchange_long=Protocol(1.4e-5, 1e-7, 0.65),
    exchange_own_shard_fraction=0.5,
    one_shot=Protocol(4.5e-6, 1e-7, 0.6),
    two_shot=Protocol(7e-6, 5e-7, 0.6),
    staged=Protocol(8e-6, 5e-7, 0.6),
    staging_fraction=2.0,
    in_network=Protocol(6e-5, 0.0, 0.6),
)
"""Where the searches start, and the value of what a device has no measurements of.

The staging copies read and write memory twice, at about twice the link's rate on NVLink
machines; the data cannot tell that from the wire's share, so it is not fitted.
"""

_START_SCALES = (0.5, 1.0, 2.0)
_BASE_S = (1e-6, 2e-4)
_STEP_S = (1e-8, 1e-5)
_WIRE_FRACTION = (0.005, 0.9)
_COPY_FRACTION = (0.1, 20.0)


@dataclass(frozen=True, slots=True)
class CollectiveRow:
    """One measured shape: operator, datatype, group, bytes of the whole tensor, seconds.

    ``repeats`` is how many rows of the tables measured it.
    """

    operator: str
    datatype: str
    devices: int
    message_bytes: float
    seconds: float
    scored: bool
    repeats: int


@dataclass(frozen=True, slots=True)
class CollectiveFit:
    """A device's calibration with one standard error for every fitted constant."""

    calibration: LinkCalibration
    standard_errors: Mapping[str, float]
    fitted_rows: int


def is_collective_table(path: Path) -> bool:
    """Whether a file is one of the two tables, by its name."""
    return path.name.startswith((_LIBRARY, _CUSTOM))


def read_rows(tables: Sequence[Path], device: str) -> list[CollectiveRow]:
    """All measured shapes in ``tables``, medians over versions; ``device`` names them apart.

    Of the custom kernels only those inside a CUDA graph count, in the newest version, since
    their size limits change with the version.

    Raises:
        InputError: a file is no such table, or pyarrow is missing.
    """
    seconds: dict[tuple[str, str, int, float], list[float]] = {}
    for path in (path for path in tables if path.name.startswith(_LIBRARY)):
        for row in _table(path, ("op_name", "nccl_dtype")):
            _collect(seconds, str(row["op_name"]), str(row["nccl_dtype"]), row)
    released = [path for path in tables if path.name.startswith(_CUSTOM)]
    for path in sorted(released, key=release_of)[-1:]:
        for row in _table(path, ("backend", "allreduce_dtype")):
            if row["backend"] == "vllm_graph":
                _collect(seconds, CUSTOM_ALL_REDUCE, str(row["allreduce_dtype"]), row)
    return [
        CollectiveRow(
            *key, median(values), is_score_row("|".join([device, *map(str, key)])), len(values)
        )
        for key, values in sorted(seconds.items())
    ]


def rows_in(path: Path) -> int:
    """How many rows a table has."""
    return len(_table(path, ()))


def predict_rows_s(rows: list[CollectiveRow], link: Link, menu: AllReduceMenu) -> FloatArray:
    """Seconds of every row; custom all-reduces by ``menu``, the rest by its library alone."""
    names = np.array([r.operator for r in rows])
    message = np.array([r.message_bytes for r in rows])
    devices = np.array([r.devices for r in rows], dtype=np.float64)
    summable = np.array([r.datatype != "int8" for r in rows])
    seconds = np.empty(len(rows))
    laws: dict[str, Callable[[NDArray[np.bool_]], FloatArray]] = {
        "all_gather": lambda m: all_gather_s(message[m], devices[m], link),
        "reduce_scatter": lambda m: reduce_scatter_s(message[m], devices[m], link),
        "alltoall": lambda m: all_to_all_s(message[m], devices[m], link),
        CUSTOM_ALL_REDUCE: lambda m: all_reduce_s(message[m], devices[m], link, menu),
    }
    for name, law in laws.items():
        mask = names == name
        seconds[mask] = law(mask)
    # A switch adds floats only.
    beside_switch = tuple(name for name in menu.library if name != _IN_SWITCH)
    for is_summable, library in ((True, menu.library), (False, beside_switch)):
        mask = (names == "all_reduce") & (summable == is_summable)
        seconds[mask] = all_reduce_s(message[mask], devices[mask], link, AllReduceMenu(library))
    return seconds


def calibrate_link(
    rows: Iterable[CollectiveRow], fabric: Fabric, menu: AllReduceMenu
) -> CollectiveFit:
    """Fit the rings and the switch, then the all-to-all, then the engine's kernels."""
    fitted = [r for r in rows if not r.scored]
    rings = ("all_reduce", "all_gather", "reduce_scatter")
    ring_names = ["ring_short", "ring_long", "ring_own_shard_fraction"]
    custom_names = ["one_shot", "two_shot"]
    if fabric.in_network_reduction:
        ring_names.append(_IN_SWITCH)
    if any(rule.kernel in _STAGED for rule in menu.own):
        custom_names.append("staged")
    exchange_names = ["exchange_short", "exchange_long", "exchange_own_shard_fraction"]
    calibration, errors = START, dict[str, float]()
    for operators, names in (
        (rings, ring_names),
        (("alltoall",), exchange_names),
        ((CUSTOM_ALL_REDUCE,), custom_names),
    ):
        chosen = [r for r in fitted if r.operator in operators]
        if chosen:
            calibration, found = _fit(chosen, fabric, menu, calibration, names)
            errors.update(found.standard_errors)
    return CollectiveFit(calibration, errors, len(fitted))


def _fit(
    rows: list[CollectiveRow],
    fabric: Fabric,
    menu: AllReduceMenu,
    calibration: LinkCalibration,
    names: list[str],
) -> tuple[LinkCalibration, Fit]:
    measured_s = np.array([r.seconds for r in rows])

    def predict_s(values: Mapping[str, float]) -> FloatArray:
        return predict_rows_s(rows, Link(fabric, _with(calibration, values)), menu)

    # Two protocols under a minimum have several local optima; the times decide which is found.
    found = min(
        (
            fit_log_time(predict_s, measured_s, _parameters(calibration, names, scale))
            for scale in _START_SCALES
        ),
        key=lambda fit: fit.mean_absolute_relative_error,
    )
    return _with(calibration, found.values), found


def _parameters(
    calibration: LinkCalibration, names: list[str], time_scale: float
) -> dict[str, Parameter]:
    """Every leaf of ``names``, dotted, started at its value with times scaled; zeros stay."""
    parameters: dict[str, Parameter] = {}
    for name in names:
        value = getattr(calibration, name)
        if not isinstance(value, Protocol):
            parameters[name] = Parameter(value, *_COPY_FRACTION)
            continue
        parameters[f"{name}.base_s"] = Parameter(value.base_s * time_scale, *_BASE_S)
        if value.step_s > 0:
            parameters[f"{name}.step_s"] = Parameter(value.step_s * time_scale, *_STEP_S)
        fraction = Parameter(value.bandwidth_fraction, *_WIRE_FRACTION)
        parameters[f"{name}.bandwidth_fraction"] = fraction
    return parameters


def _with(calibration: LinkCalibration, values: Mapping[str, float]) -> LinkCalibration:
    """``calibration`` with dotted names replaced."""
    changed: dict[str, Any] = {}
    for name, value in values.items():
        field, _, leaf = name.partition(".")
        if leaf:
            protocol = changed.get(field, getattr(calibration, field))
            changed[field] = replace(protocol, **{leaf: value})
        else:
            changed[field] = value
    return replace(calibration, **changed)


def _collect(
    seconds: dict[tuple[str, str, int, float], list[float]],
    operator: str,
    datatype: str,
    row: Mapping[str, object],
) -> None:
    """Keep one measured latency, if its operator and the size of its elements are known."""
    if operator not in COLLECTIVES or datatype not in ELEMENT_BYTES:
        return
    message_bytes = float(str(row["message_size"])) * ELEMENT_BYTES[datatype]
    key = (operator, datatype, int(str(row["num_gpus"])), message_bytes)
    seconds.setdefault(key, []).append(float(str(row["latency"])) * 1e-3)


def _table(path: Path, needs: Sequence[str]) -> list[dict[str, object]]:
    common = ("num_gpus", "message_size", "latency")
    rows: list[dict[str, object]] = read_parquet(path, (*common, *needs)).to_pylist()
    return rows
