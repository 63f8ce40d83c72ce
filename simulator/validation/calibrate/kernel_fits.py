"""One kernel table fitted: which law it tells of, its constants and their uncertainty."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.roofline.device.device import Device
from simulator.roofline.laws.attention.constants import DECODE, PREFILL
from simulator.roofline.laws.experts.constants import GroupedCalibration
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.roofline.laws.rates import DeviceRates
from simulator.validation.calibrate.attention import (
    fit_decode,
    fit_prefill,
    predict_decode_s,
    predict_prefill_s,
)
from simulator.validation.calibrate.attention_tables import read_attention_rows
from simulator.validation.calibrate.experts import (
    DeviceSheet,
    family_of,
    fit_expert_table,
    predict_table_s,
    read_expert_tables,
)
from simulator.validation.calibrate.least_squares import FloatArray
from simulator.validation.calibrate.matmul import (
    DeviceFacts,
    MatmulSetup,
    fit_matmul,
    predict_rows,
    read_gemm_table,
)
from simulator.validation.calibrate.section import intervals, robust_sigma
from simulator.validation.calibrate.sequence import Condition, predict_modules_s
from simulator.validation.calibrate.sequence_device import (
    FAMILIES,
    Family,
    constants_of,
    fit_family,
    read_family,
)
from simulator.validation.score import Sample
from simulator.validation.systems import system_of


@dataclass(frozen=True, slots=True)
class KernelFit:
    """What one table gave: constants, kernel families and residuals by law, and the score."""

    constants: Mapping[str, Mapping[str, object]]
    kernels: Mapping[str, str]
    residual: Mapping[str, float]
    rows: int
    samples: tuple[Sample, ...] = field(repr=False, default=())


def is_fitted(path: Path) -> bool:
    """Whether some law is fitted to a table so named."""
    tables = (table for family in FAMILIES.values() if family.laws for table in family.tables)
    return path.suffix == ".parquet" and path.name.startswith((*_FITS, *tables))


def fit_kernel_table(path: Path, device: Device) -> KernelFit:
    """Fit the law that ``path`` times on ``device``; half of the rows are kept for scoring.

    Raises:
        InputError: no law is known for such a table.
    """
    for prefix, fit in _FITS.items():
        if path.name.startswith(prefix):
            return fit(path, device)
    for family in FAMILIES.values():
        if any(path.name.startswith(table) for table in family.tables):
            return _sequence(family, path, device)
    of_families = (table for family in FAMILIES.values() for table in family.tables)
    raise InputError(
        "no law is fitted to this table",
        file=path,
        field="data",
        remedy="tables whose names start with " + ", ".join((*_FITS, *of_families)),
    )


def _matmul(path: Path, device: Device) -> KernelFit:
    rows = read_gemm_table(path, device.name, "bfloat16")
    facts = DeviceFacts(
        device.name, device.peaks["bf16"], device.bandwidth_bytes_per_s,
        int(device.units), device.cache_bytes,
    )  # fmt: skip
    family = device.book.law(MATMUL).kernels
    setup = MatmulSetup(facts, family)
    fit = fit_matmul(rows, setup)
    kept = rows.take(rows.kept_back)
    predicted = predict_rows(kept, setup, fit.calibration, fit.condition_values)
    values = {
        name: getattr(fit.calibration, name)
        for name in type(fit.calibration).__slots__
        if getattr(fit.calibration, name) is not None
    }
    constants = intervals(values, fit.standard_errors)
    return _result(
        device, "matmul", family.name, constants, fit.fitted.rows, kept.seconds, predicted
    )


def _attention(path: Path, device: Device) -> KernelFit:
    rows = read_attention_rows(path, device.name)
    rows = rows.where(rows.kv_bytes_per_value == 2.0)
    rates = DeviceRates(device.units, device.peaks["bf16"], device.bandwidth_bytes_per_s)
    phase = "decode" if path.name.startswith("generation") else "prefill"
    kept = rows.where(rows.score)
    if phase == "decode":
        of_decode = device.book.law(DECODE)
        law, family, kernel = of_decode.name, of_decode.family, of_decode.kernels
        decode, fit = fit_decode(rows, rates, kernel, cache_bytes=device.cache_bytes)
        predicted = predict_decode_s(kept, rates, kernel, decode, cache_bytes=device.cache_bytes)
        values = {name: getattr(decode, name) for name in type(decode).__slots__}
    else:
        of_prefill = device.book.law(PREFILL)
        law, family, kernel = of_prefill.name, of_prefill.family, of_prefill.kernels
        rows, kept = rows.where(rows.query_tokens > 1), kept.where(kept.query_tokens > 1)
        prefill, fit = fit_prefill(rows, rates, kernel)
        predicted = predict_prefill_s(kept, rates, kernel, prefill)
        values = {name: getattr(prefill, name) for name in type(prefill).__slots__}
    constants = intervals(values, fit.standard_errors)
    return _result(device, law, family, constants, fit.rows, kept.measured_s, predicted)


def _experts(path: Path, device: Device) -> KernelFit:
    sheet = DeviceSheet(
        int(device.units), device.bandwidth_bytes_per_s, device.cache_bytes, device.peaks
    )
    tables = [t for t in read_expert_tables(path) if t.datatype == "bfloat16"]
    if not tables:
        raise InputError("no rows of bfloat16", file=path, field="data")
    table = max(tables, key=lambda t: t.seconds.size)
    fit = fit_expert_table(table, sheet)
    kept = table.rows(table.is_score)
    calibration = GroupedCalibration(**fit.values)
    predicted = predict_table_s(kept, kept.loads(), calibration, sheet)
    constants = intervals(fit.values, fit.standard_errors)
    family = family_of(table.kernel, table.datatype).name
    return _result(device, "experts.bf16", family, constants, fit.rows, kept.seconds, predicted)


def _sequence(family: Family, path: Path, device: Device) -> KernelFit:
    """The whole family of ``path``: its other tables are expected beside it."""
    tables = read_family(family, path.parent, system_of(path, device.name))
    fitted, conditions, fit = fit_family(family, tables, device)
    samples = []
    for name, groups in tables.items():
        kept = [rows.where(rows.score) for rows in groups]
        measured_s = np.concatenate([rows.measured_s for rows in kept])
        said_s = predict_modules_s(kept, fitted, conditions.get(name, Condition()))
        sigma = robust_sigma(np.log(said_s / measured_s))
        samples += [
            Sample(device.name, "kernel", name, "time_s", m, s, sigma)
            for m, s in zip(measured_s.tolist(), said_s.tolist(), strict=True)
        ]
    constants = {
        law: intervals(values, {n: fit.standard_errors[f"{law}:{n}"] for n in values})
        for law, values in constants_of(family, fit).items()
    }
    sections = fitted.book.sections
    kernels = {law: own for law in constants if (own := sections[law].family) is not None}
    return KernelFit(constants, kernels, {}, fit.rows, tuple(samples))


_FITS: Mapping[str, Callable[[Path, Device], KernelFit]] = {
    "gemm": _matmul,
    "context_attention": _attention,
    "generation_attention": _attention,
    "moe": _experts,
}


def _result(
    device: Device,
    law: str,
    family: str,
    constants: Mapping[str, object],
    rows: int,
    measured_s: FloatArray,
    predicted_s: FloatArray,
) -> KernelFit:
    sigma = robust_sigma(np.log(predicted_s / measured_s))
    samples = tuple(
        Sample(device.name, "kernel", law, "time_s", m, p, sigma)
        for m, p in zip(measured_s.tolist(), predicted_s.tolist(), strict=True)
    )
    return KernelFit({law: constants}, {law: family}, {law: round(sigma, 3)}, rows, samples)
