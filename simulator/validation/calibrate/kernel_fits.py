"""One table of kernels fitted: which laws it tells of, and their constants.

Tables time short repeats. Where a device tells constants of that condition apart, under
``benchmark.<law>``, it is those that a table tells of.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.roofline.device.device import Device
from simulator.roofline.laws.attention.constants import (
    DECODE,
    LATENT_DECODE,
    LATENT_PREFILL,
    PREFILL,
)
from simulator.roofline.laws.experts.constants import GroupedCalibration
from simulator.roofline.laws.kinds import BENCHMARK
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.roofline.laws.rates import DeviceRates
from simulator.validation.calibrate.attention import (
    fit_decode,
    fit_mla_decode,
    fit_mla_prefill,
    fit_prefill,
    predict_decode_s,
    predict_mla_decode_s,
    predict_mla_prefill_s,
    predict_prefill_s,
)
from simulator.validation.calibrate.attention_tables import read_attention_rows, read_mla_rows
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
from simulator.validation.calibrate.section import robust_sigma
from simulator.validation.calibrate.sequence import Condition, predict_modules_s
from simulator.validation.calibrate.sequence_device import (
    FAMILIES,
    Family,
    constants_of,
    fit_family,
    fit_scan,
    read_family,
    scans_in,
)
from simulator.validation.systems import system_of


@dataclass(frozen=True, slots=True)
class KernelFit:
    """What one table gave: constants, kernel families and residuals by law."""

    constants: Mapping[str, Mapping[str, object]]
    kernels: Mapping[str, str]
    residual: Mapping[str, float]
    rows: int


def is_fitted(path: Path) -> bool:
    """Whether some law is fitted to a table so named."""
    return path.suffix == ".parquet" and path.name.startswith((*_FITS, *_family_tables()))


def _family_tables() -> Iterator[str]:
    return (table for family in FAMILIES.values() if family.laws for table in family.tables)


def fit_kernel_table(path: Path, device: Device) -> KernelFit:
    """Fit the law that ``path`` times on ``device``; half of the rows are kept for scoring.

    Raises:
        InputError: no law is known for such a table.
    """
    for prefix, fit in _FITS.items():
        if path.name.startswith(prefix):
            return fit(path, device)
    for family in FAMILIES.values():
        if any(path.name.startswith(table) for table in family.tables if family.laws):
            return _sequence(family, path, device)
    raise InputError(
        "no law is fitted to this table",
        file=path,
        field="data",
        remedy="tables whose names start with " + ", ".join((*_FITS, *_family_tables())),
    )


def _place(law: str, device: Device, precision: str = "bf16") -> str:
    """Where constants of ``law`` as tables show it stand in the device's section."""
    places = (f"{BENCHMARK}{law}", f"{BENCHMARK}{law}.{precision}")
    return next((place for place in places if place in device.book.sections), law)


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
    constants = dict(values)
    law = device.book.law(MATMUL)
    place = _place(law.name, device)
    return _result(place, law.family, constants, fit.rows, kept.seconds, predicted)


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
    constants = dict(values)
    return _result(_place(law, device), family, constants, fit.rows, kept.measured_s, predicted)


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
    constants = dict(fit.values)
    family = family_of(table.kernel, table.datatype).name
    return _result("experts.bf16", family, constants, fit.rows, kept.seconds, predicted)


def _latent(path: Path, device: Device) -> KernelFit:
    """Latent attention, of which differences between rows show the core alone."""
    rows = read_mla_rows(path, system_of(path, device.name).split("_")[0])
    rows = rows.where(rows.kv_bytes_per_value == 2.0)
    rates = DeviceRates(device.units, device.peaks["bf16"], device.bandwidth_bytes_per_s)
    kept = rows.where(rows.score)
    if "generation" in path.name:
        decode = device.book.law(LATENT_DECODE)
        name, family = decode.name, decode.family
        found, fit = fit_mla_decode(rows, rates, decode.kernels, decode.constants)
        predicted = predict_mla_decode_s(kept, rates, decode.kernels, found)
    else:
        prefill = device.book.law(LATENT_PREFILL)
        name, family = prefill.name, prefill.family
        fitted, fit = fit_mla_prefill(rows, rates, prefill.kernels, prefill.constants)
        predicted = predict_mla_prefill_s(kept, rates, prefill.kernels, fitted)
    constants = dict(fit.values)
    return _result(name, family, constants, fit.rows, kept.measured_s, predicted)


def _recurrence(path: Path, device: Device) -> KernelFit:
    """Every kernel of recurrences that the table holds."""
    constants, residual, fitted = {}, {}, 0
    for scan, rows in scans_in(path, system_of(path, device.name)):
        new, fit = fit_scan(scan, rows, device)
        kept = [group.where(group.score) for group in rows]
        said_s = predict_modules_s(kept, new, Condition())
        measured_s = np.concatenate([group.measured_s for group in kept])
        values = {name.split(":")[1]: value for name, value in fit.values.items()}
        constants[scan.law] = values
        residual[scan.law] = round(robust_sigma(np.log(said_s / measured_s)), 3)
        fitted += fit.rows
    return KernelFit(constants, {}, residual, fitted)


def _sequence(family: Family, path: Path, device: Device) -> KernelFit:
    """The whole family of ``path``: its other tables are expected beside it."""
    tables = read_family(family, path.parent, system_of(path, device.name))
    fitted, _, fit = fit_family(family, tables, device)
    constants = {law: dict(values) for law, values in constants_of(family, fit).items()}
    sections = fitted.book.sections
    kernels = {law: own for law in constants if (own := sections[law].family) is not None}
    return KernelFit(constants, kernels, {}, fit.rows)


_FITS: Mapping[str, Callable[[Path, Device], KernelFit]] = {
    "gemm": _matmul,
    "context_attention": _attention,
    "generation_attention": _attention,
    "moe": _experts,
    "mla_generation_module": _latent,
    "mla_context_module": _latent,
    "generation_mla": _latent,
    "context_mla": _latent,
    "gdn": _recurrence,
    "kda": _recurrence,
}


def _result(
    place: str,
    family: str,
    constants: Mapping[str, object],
    rows: int,
    measured_s: FloatArray,
    predicted_s: FloatArray,
) -> KernelFit:
    law = place.removeprefix(BENCHMARK)
    sigma = robust_sigma(np.log(predicted_s / measured_s))
    return KernelFit({place: constants}, {place: family}, {law: round(sigma, 3)}, rows)
