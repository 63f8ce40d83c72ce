"""Kernel tables against the laws with the constants that hardware files ship.

The tables time kernels in short repeats, and some launch them from the host. Constants of that
condition stand under ``benchmark.<law>`` in a hardware file; what the host added is found from
the rows that may be fitted. Only rows that are kept back are scored.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.roofline.device.device import Device, resolve
from simulator.roofline.device.links import menus_of
from simulator.roofline.laws.attention.constants import (
    DECODE,
    PREFILL,
)
from simulator.roofline.laws.experts.constants import EXPERTS
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.specs import catalogue
from simulator.validation.calibrate.attention import (
    attending,
    predict_decode_s,
    predict_prefill_s,
)
from simulator.validation.calibrate.attention_tables import SHORT_KERNEL_S, read_attention_rows
from simulator.validation.calibrate.collective import COLLECTIVES, predict_rows_s, read_rows
from simulator.validation.calibrate.experts import (
    PRECISIONS,
    DeviceSheet,
    family_of,
    predict_table_s,
    read_expert_tables,
)
from simulator.validation.calibrate.gemm_setup import GEMM_DATATYPES, gemm_setup
from simulator.validation.calibrate.matmul import (
    FloatArray,
    datatypes_in,
    fit_matmul,
    predict_rows,
    read_gemm_table,
)
from simulator.validation.modules import (
    MODULES,
    RECURRENCES,
    module_samples,
    recurrence_samples,
)
from simulator.validation.score import Sample
from simulator.validation.systems import SYSTEMS, system_of

_MOST_ROWS = 6000


def kernel_samples(path: Path, hardware: str | None = None) -> Iterator[Sample]:
    """Rows kept back of one table, with what the laws say of them.

    Raises:
        InputError: a table that is not understood, or whose folder does not tell the device.
    """
    system = system_of(path, hardware or "")
    name = hardware or SYSTEMS.get(system)
    if name is None:
        raise InputError(
            "the folder does not tell which device was measured",
            file=path,
            field="device",
            remedy=f"name it, or put the table under one of {', '.join(SYSTEMS)}",
        )
    return table_samples(path, resolve(catalogue.hardware(name)), system or name)


def table_samples(path: Path, device: Device, system: str) -> Iterator[Sample]:
    """The same with the constants of ``device``; ``system`` tells the rows from another's.

    Raises:
        InputError: a table that is not understood.
    """
    for prefix, samples in _READERS.items():
        if path.name.startswith(prefix):
            return samples(path, device, system)
    raise InputError(
        "no law is scored on this table",
        file=path,
        field="data",
        remedy="tables whose names start with " + ", ".join(_READERS),
    )


def is_scored(path: Path) -> bool:
    """Whether some law is scored on a table so named."""
    return any(path.name.startswith(prefix) for prefix in _READERS)


def _gemm(path: Path, device: Device, system: str) -> Iterator[Sample]:
    present = datatypes_in(path)
    for precision, datatype in GEMM_DATATYPES.items():
        is_known = device.book.has(MATMUL, "" if precision == "bf16" else precision)
        if not is_known or datatype not in present:
            continue
        rows = read_gemm_table(path, system, datatype)
        setup = gemm_setup(path, device, precision, _known_product(device, precision))
        fit = fit_matmul(rows, setup)
        kept = rows.take(_thinned(np.flatnonzero(rows.kept_back)))
        predicted = predict_rows(kept, setup, fit.calibration, fit.condition_values)
        yield from _samples(device, f"gemm {precision}", kept.seconds, predicted, "matmul")


def _known_product(device: Device, precision: str) -> dict[str, float]:
    """Shipped constants as a fit has them, which then looks only for what the host added."""
    known = asdict(device.book.in_benchmark(MATMUL, precision).constants)
    gain = (known.pop("burst_fraction") or known["peak_fraction"]) / known["peak_fraction"]
    del known["throttle_s"]
    return {**known, "burst_gain": max(1.0, gain)}


def _attention(path: Path, device: Device, system: str) -> Iterator[Sample]:
    phase = "decode" if path.name.startswith("generation") else "prefill"
    short_system = system.split("_")[0]
    rows = read_attention_rows(path, short_system)
    for bytes_per_value, suffix in ((2.0, ""), (1.0, "fp8")):
        kind = DECODE if phase == "decode" else PREFILL
        if suffix and not device.book.has(kind, suffix):
            continue
        chosen = rows.where(rows.score & (rows.kv_bytes_per_value == bytes_per_value))
        chosen = chosen.where(chosen.query_tokens > (1 if phase == "prefill" else 0))
        chosen = chosen.where(_mask(len(chosen)))
        if not len(chosen):
            continue
        datatype = "fp8" if suffix else "bf16"
        rates = attending(device, kind, suffix)
        if phase == "decode":
            decode = device.book.in_benchmark(DECODE, suffix)
            predicted = predict_decode_s(
                chosen, rates, decode.kernels, decode.constants, cache_bytes=device.cache_bytes
            )
        else:
            prefill = device.book.in_benchmark(PREFILL, suffix)
            predicted = predict_prefill_s(
                chosen, rates, prefill.kernels, prefill.constants, cache_bytes=device.cache_bytes
            )
        name = f"{phase} attention {datatype}"
        yield from _samples(device, name, chosen.measured_s, predicted, kind.named(suffix))


def _experts(path: Path, device: Device, _system: str) -> Iterator[Sample]:
    fp4 = device.peaks.get("nvfp4") or device.peaks.get("fp4")
    sheet = DeviceSheet(
        int(device.units), device.bandwidth_bytes_per_s, device.cache_bytes,
        {**device.peaks, **({"fp4": fp4} if fp4 else {})},
    )  # fmt: skip
    for table in read_expert_tables(path):
        datatype = PRECISIONS[table.datatype]
        if not device.book.has(EXPERTS, datatype):
            continue
        law = device.book.law(EXPERTS, datatype)
        if family_of(table.kernel, table.datatype) is not law.kernels:
            continue
        kept = table.rows(_thinned(np.flatnonzero(table.is_score)))
        predicted = predict_table_s(kept, kept.loads(), law.constants, sheet)
        yield from _samples(device, f"moe {datatype}", kept.seconds, predicted, law.name)


def _collectives(path: Path, device: Device, system: str) -> Iterator[Sample]:
    link = device.scale_up
    if link is None:
        return
    menu = menus_of(catalogue.engine_profile("vllm"), link.link_class).scale_up
    rows = [row for row in read_rows([path], system) if row.scored]
    predicted = predict_rows_s(rows, link, menu)
    for row, seconds in zip(rows, predicted.tolist(), strict=True):
        yield from _samples(
            device, COLLECTIVES[row.operator], np.array([row.seconds]), np.array([seconds]), "link"
        )


_READERS = {
    "nccl_perf": _collectives,
    "custom_allreduce_perf": _collectives,
    **dict.fromkeys(MODULES, module_samples),
    **dict.fromkeys(RECURRENCES, recurrence_samples),
    "gemm_perf": _gemm,
    "context_attention": _attention,
    "generation_attention": _attention,
    "moe_perf": _experts,
}


def _thinned(index: np.ndarray) -> np.ndarray:
    """At most so many rows, evenly taken: means of thousands do not change by more."""
    return index[:: max(1, -(-len(index) // _MOST_ROWS))]


def _mask(rows: int) -> np.ndarray:
    mask = np.zeros(rows, bool)
    mask[_thinned(np.arange(rows))] = True
    return mask


def _samples(
    device: Device, name: str, measured: FloatArray, predicted: FloatArray, law: str
) -> Iterator[Sample]:
    """Kernels below the noise of a launch are a phase of their own, judged in seconds."""
    sigma = device.book.residual(law)
    for seconds, said in zip(measured.tolist(), predicted.tolist(), strict=True):
        short = "attention" in name and seconds < SHORT_KERNEL_S
        phase = f"{name}, short" if short else name
        yield Sample(
            device.name, "kernel", phase, "time_s", seconds, said, sigma, short,
            "kernel table",
        )  # fmt: skip
