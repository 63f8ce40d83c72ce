"""Fitting the laws of sparse attention, its scorers and recurrent layers to measured modules.

A module's time is the sum of its operators' as the device's calibration has them, under the
condition of the measurement: kernels that an engine fuses and the benchmark did not, and a host
that launches kernel by kernel. The condition belongs to the table, never to the device.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.graph.operator import Elementwise, Operator
from simulator.roofline.device.device import Device
from simulator.roofline.laws.costing import cost
from simulator.roofline.laws.kinds import BENCHMARK
from simulator.validation.calibrate.least_squares import Fit, Parameter, fit_log_time
from simulator.validation.calibrate.sequence_tables import ModuleRows

FloatArray = NDArray[np.float64]

_MAX_FIT_ROWS = 3000


@dataclass(frozen=True, slots=True)
class Condition:
    """How a table was measured, beyond what the block itself computes.

    ``extra_s``: kernels beside the block's own, together. ``extra_passes``: how often the bytes
    of the block's small kernels are moved once more, unfused. ``host_s``: the least time of a
    run whose kernels the host launches one by one.
    """

    extra_s: float = 0.0
    extra_passes: float = 0.0
    host_s: float = 0.0


_AT_FULL_CLOCK = frozenset({"peak_fraction", "burst_fraction", "sustained_fraction"})
"""Constants that are higher where a run ends before power management lowers the clock."""


def in_short_repeats(device: Device) -> Device:
    """``device`` at the clock of a benchmark's short repeats.

    Its launches and bandwidths stay those of an engine: a module's kernels run in one graph.
    """
    changed = {
        law.removeprefix(BENCHMARK): {n: v for n, v in known.items() if n in _AT_FULL_CLOCK}
        for law, known in device.book.constants.items()
        if law.startswith(BENCHMARK)
    }
    return with_constants(device, {law: values for law, values in changed.items() if values})


def predict_modules_s(
    groups: Sequence[ModuleRows], device: Device, condition: Condition
) -> FloatArray:
    """Seconds of every row of every group, one after another."""
    device = in_short_repeats(device)
    return np.concatenate([_Prepared(g, device, frozenset())(device, condition) for g in groups])


def module_errors(rows: ModuleRows, device: Device) -> FloatArray:
    """Relative error of every row: each law's own, in its share of the block's time."""
    by_law: dict[str, FloatArray] = {}
    for op in rows.operators:
        for part in cost(op, rows.shape, device, device.book):
            by_law[part.law] = by_law.get(part.law, np.zeros_like(rows.measured_s)) + part.time_s
    whole = sum(by_law.values(), start=np.zeros_like(rows.measured_s))
    shares = ((seconds / whole * device.book.residual(law)) ** 2 for law, seconds in by_law.items())
    return np.sqrt(sum(shares, start=np.zeros_like(rows.measured_s)))


class _Prepared:
    """Rows of one block whose operators outside the fitted laws are costed once."""

    def __init__(self, rows: ModuleRows, device: Device, fitted: frozenset[str]) -> None:
        self._shape = rows.shape
        self._fixed_s = np.zeros_like(rows.measured_s)
        self._small_s = np.zeros_like(rows.measured_s)
        self._free: list[Operator] = []
        for op in rows.operators:
            loads = cost(op, rows.shape, device, device.book)
            if any(part.law in fitted for part in loads):
                self._free.append(op)
                continue
            for part in loads:
                self._fixed_s = self._fixed_s + part.time_s
            if isinstance(op, Elementwise):
                for part in loads:
                    self._small_s = self._small_s + part.roof_s

    def __call__(self, device: Device, condition: Condition) -> FloatArray:
        total = self._fixed_s + condition.extra_s + condition.extra_passes * self._small_s
        for op in self._free:
            for part in cost(op, self._shape, device, device.book):
                total = total + part.time_s
        return np.maximum(total, condition.host_s)


def with_constants(device: Device, changed: Mapping[str, Mapping[str, float]]) -> Device:
    """``device`` with some constants of some laws replaced; the rest of a law is its class's."""
    constants = device.book.constants
    replaced = {}
    for law, values in changed.items():
        known = constants.get(law, constants.get(law.rsplit(".", 1)[0], {}))
        replaced[law] = {**known, **values}
    return replace(device, book=device.book.changed(replaced))


Free = Mapping[str, Parameter]
"""What is fitted: ``law:constant`` of the device, or ``table/field`` of a table's condition."""


def fit_modules(
    tables: Mapping[str, Sequence[ModuleRows]],
    device: Device,
    free: Free,
    known: Mapping[str, Condition] | None = None,
) -> tuple[Device, dict[str, Condition], Fit]:
    """Fit constants of laws, and conditions, to all ``tables`` at once; scored rows stay out.

    Every table weighs the same, however many rows it has.
    """
    fitted = frozenset(name.split(":")[0] for name in free if ":" in name)
    device = in_short_repeats(device)
    start, _ = _split(device, dict(known or {}), {n: p.start for n, p in free.items()})
    prepared: list[tuple[str, _Prepared]] = []
    measured, weights = [], []
    for table, groups in tables.items():
        used = [_thinned(g, sum(map(_fit_count, groups))) for g in groups]
        rows = sum(len(g.measured_s) for g in used)
        for g in used:
            prepared.append((table, _Prepared(g, start, fitted)))
            measured.append(g.measured_s)
            weights.append(np.full_like(g.measured_s, 1000.0 / rows))

    def predict(values: Mapping[str, float]) -> FloatArray:
        tried, conditions = _split(device, dict(known or {}), values)
        parts = [one(tried, conditions.get(table, Condition())) for table, one in prepared]
        return np.concatenate(parts)

    fit = fit_log_time(predict, np.concatenate(measured), free, np.concatenate(weights))
    found, conditions = _split(device, dict(known or {}), fit.values)
    return found, conditions, fit


def _split(
    device: Device, conditions: dict[str, Condition], values: Mapping[str, float]
) -> tuple[Device, dict[str, Condition]]:
    changed: dict[str, dict[str, float]] = {}
    for name, value in values.items():
        if ":" in name:
            law, constant = name.split(":")
            changed.setdefault(law, {})[constant] = value
        else:
            table, field = name.split("/")
            # A field of the dataclass, chosen by name.
            known: Callable[..., Condition] = replace
            conditions[table] = known(conditions.get(table, Condition()), **{field: value})
    return with_constants(device, changed), conditions


def _fit_count(rows: ModuleRows) -> int:
    return int((~rows.score).sum())


def _thinned(rows: ModuleRows, of_table: int) -> ModuleRows:
    fitted = rows.where(~rows.score)
    every = max(1, -(-of_table // _MAX_FIT_ROWS))
    return fitted.where(np.arange(len(fitted.measured_s)) % every == 0)
