"""Kernels timed at an engine's steady clock: products and gathers of a micro-benchmark document."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.roofline.device.device import Device
from simulator.roofline.laws.lookup.constants import LOOKUP
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.validation.calibrate.kernel_fits import KernelFit
from simulator.validation.calibrate.matmul import (
    Condition,
    DeviceFacts,
    FloatArray,
    MatmulSetup,
    fit_matmul,
    lab_gemm_rows,
    predict_rows,
)
from simulator.validation.calibrate.measured_files import rows_of
from simulator.validation.calibrate.section import robust_sigma
from simulator.validation.calibrate.traffic import (
    DEVICE_GATHER_RANGES,
    MOVES_IN_DEVICE,
    fit_gathers,
    timed_gathers,
)
from simulator.validation.score import Sample

_PRODUCTS: Mapping[str, tuple[str, float]] = {"bf16": ("", 16.0), "fp8": ("fp8", 8.0)}
"""Precision → the variant of the law, and the bits of a value."""

_GEMM = ("prec", "M", "N", "K", "s")
_GATHER = ("where", "row_bytes", "rows", "s")


def fit_document(path: Path, device: Device) -> KernelFit:
    """Fit the laws of products and of lookups to what the document holds of them.

    Raises:
        InputError: it holds neither.
    """
    constants, residual, rows = dict[str, Mapping[str, object]](), dict[str, float](), 0
    kernels: dict[str, str] = {}
    for precision, (variant, _) in _PRODUCTS.items():
        points = lab_gemm_rows(rows_of([path], "gemm", _GEMM), device.name, precision)
        if len(points.seconds):
            setup = _setup(device, precision)
            fit = fit_matmul(points, setup)
            law = device.book.law(MATMUL, variant)
            values = {n: v for n, v in asdict(fit.calibration).items() if v is not None}
            name = MATMUL.named(variant)
            constants[name] = dict(values)
            kernels[name] = law.family
            kept = points.take(points.kept_back)
            said_s = predict_rows(kept, setup, fit.calibration, {})
            residual[name] = round(robust_sigma(np.log(said_s / kept.seconds)), 3)
            rows += fit.rows
    near = timed_gathers(rows_of([path], "gather", _GATHER), "hbm", device.name)
    if len(near.seconds):
        known, own = device.book.law(LOOKUP).constants, device.bandwidth_bytes_per_s
        gathers, told = fit_gathers(near, own, known, DEVICE_GATHER_RANGES, MOVES_IN_DEVICE)
        constants[LOOKUP.name] = asdict(gathers)
        rows += told.rows
    if not constants:
        raise InputError(
            "holds no timed products or gathers",
            file=path,
            field="gemm",
            remedy="give a document with gemm or gather, see docs/calibration.md",
        )
    return KernelFit(constants, kernels, residual, rows)


def document_samples(path: Path, device: Device) -> Iterator[Sample]:
    """Rows kept back of one document."""
    for precision, (variant, _) in _PRODUCTS.items():
        points = lab_gemm_rows(rows_of([path], "gemm", _GEMM), device.name, precision)
        kept = points.take(points.kept_back)
        law = device.book.law(MATMUL, variant)
        said_s = predict_rows(kept, _setup(device, precision), law.constants, {})
        yield from _samples(device, f"gemm {precision}, steady", kept.seconds, said_s)
    near = timed_gathers(rows_of([path], "gather", _GATHER), "hbm", device.name)
    near = near.pick(near.score)
    said_s = gather_time_s(
        device.book.law(LOOKUP).constants, near.rows, near.nbytes,
        device.bandwidth_bytes_per_s, moves_per_byte=MOVES_IN_DEVICE,
    )  # fmt: skip
    yield from _samples(device, "gather from the device's memory", near.seconds, said_s)


def _setup(device: Device, precision: str) -> MatmulSetup:
    variant, bits = _PRODUCTS[precision]
    facts = DeviceFacts(
        device.name, device.peaks[precision], device.bandwidth_bytes_per_s,
        int(device.units), device.cache_bytes,
    )  # fmt: skip
    law = device.book.law(MATMUL, variant)
    return MatmulSetup(facts, law.kernels, bits, Condition(burst=False))


def _samples(
    device: Device, name: str, measured_s: FloatArray, said_s: FloatArray
) -> Iterator[Sample]:
    for measured, said in zip(measured_s.tolist(), said_s.tolist(), strict=True):
        yield Sample(device.name, "kernel", name, "time_s", measured, said)
