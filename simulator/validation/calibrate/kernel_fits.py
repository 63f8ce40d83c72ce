"""One table of kernels fitted: which laws it tells of, and their constants.

Tables time short repeats. Where a device tells constants of that condition apart, under
``benchmark.<law>``, it is those that a table tells of.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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
from simulator.roofline.laws.experts.constants import EXPERTS, GroupedCalibration
from simulator.roofline.laws.kinds import BENCHMARK
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.roofline.laws.rates import DeviceRates
from simulator.validation.calibrate.attention import (
    attending,
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
    PRECISIONS,
    DeviceSheet,
    ExpertTable,
    family_of,
    fit_expert_table,
    predict_table_s,
    read_expert_tables,
)
from simulator.validation.calibrate.gemm_setup import PRECISIONS as GEMMS
from simulator.validation.calibrate.gemm_setup import gemm_setup, sheet_peak
from simulator.validation.calibrate.least_squares import FloatArray
from simulator.validation.calibrate.matmul import (
    datatypes_in,
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
    """Products of every precision that the table and the device have."""
    found = list[KernelFit]()
    for datatype in sorted(datatypes_in(path)):
        precision = GEMMS.get(datatype, "")
        if not precision or sheet_peak(device, precision) is None:
            continue
        variant = "" if precision == "bf16" else precision
        rows = read_gemm_table(path, system_of(path, device.name), datatype)
        setup = gemm_setup(path, device, precision)
        fit = fit_matmul(rows, setup)
        kept = rows.take(rows.kept_back)
        predicted = predict_rows(kept, setup, fit.calibration, fit.condition_values)
        values = {n: v for n, v in asdict(fit.calibration).items() if v is not None}
        law = device.book.in_benchmark(MATMUL, precision)
        place = _place(MATMUL.named(variant), device, precision)
        found.append(_result(place, law.family, values, fit.rows, kept.seconds, predicted))
    return _joined(found)


def _attention(path: Path, device: Device) -> KernelFit:
    """Attention over caches of every width that the table and the device have."""
    every = read_attention_rows(path, system_of(path, device.name).split("_")[0])
    decodes = path.name.startswith("generation")
    cache, found = device.cache_bytes, list[KernelFit]()
    for variant, bytes_per_value in (("", 2.0), ("fp8", 1.0)):
        kind = (DECODE if decodes else PREFILL).named(variant)
        rows = every.where(every.kv_bytes_per_value == bytes_per_value)
        if not len(rows) or kind not in device.book.sections:
            continue
        if decodes:
            law = device.book.in_benchmark(DECODE, variant)
            rates = attending(device, DECODE, variant)
            kept = rows.where(rows.score)
            decode, fit = fit_decode(rows, rates, law.kernels, cache_bytes=cache)
            said = predict_decode_s(kept, rates, law.kernels, decode, cache_bytes=cache)
            values, family = asdict(decode), law.family
        else:
            of_prefill = device.book.in_benchmark(PREFILL, variant)
            rates, kernel = attending(device, PREFILL, variant), of_prefill.kernels
            rows = rows.where(rows.query_tokens > 1)
            kept = rows.where(rows.score)
            prefill, fit = fit_prefill(rows, rates, kernel, cache_bytes=cache)
            said = predict_prefill_s(kept, rates, kernel, prefill, cache_bytes=cache)
            values, family = asdict(prefill), of_prefill.family
        place = _place(kind, device)
        found.append(_result(place, family, values, fit.rows, kept.measured_s, said))
    return _joined(found)


def _experts(path: Path, device: Device) -> KernelFit:
    """Experts of every precision, each by the kernel that most of its rows time."""
    fp4 = device.peaks.get("nvfp4") or device.peaks.get("fp4")
    sheet = DeviceSheet(
        int(device.units), device.bandwidth_bytes_per_s, device.cache_bytes,
        {**device.peaks, **({"fp4": fp4} if fp4 else {})},
    )  # fmt: skip
    largest: dict[str, ExpertTable] = {}
    for table in sorted(read_expert_tables(path), key=lambda t: t.seconds.size):
        largest[table.datatype] = table
    found = []
    for table in largest.values():
        fit = fit_expert_table(table, sheet)
        kept = table.rows(table.is_score)
        calibration = GroupedCalibration(**fit.values)
        said_s = predict_table_s(kept, kept.loads(), calibration, sheet)
        family, name = family_of(table.kernel, table.datatype).name, PRECISIONS[table.datatype]
        place = EXPERTS.named(name)
        found.append(_result(place, family, fit.values, fit.rows, kept.seconds, said_s))
    return _joined(found)


def _joined(found: Sequence[KernelFit]) -> KernelFit:
    return KernelFit(
        {law: constants for one in found for law, constants in one.constants.items()},
        {law: family for one in found for law, family in one.kernels.items()},
        {law: residual for one in found for law, residual in one.residual.items()},
        sum(one.rows for one in found),
    )


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
