"""Tables of matrix products: whole linear layers, with what quantises and pads around them."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from simulator.roofline.device.device import Device
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.validation.account import Part
from simulator.validation.calibrate.gemm_setup import PRECISIONS, gemm_setup, sheet_peak
from simulator.validation.calibrate.matmul import (
    calibration_of,
    datatypes_in,
    fit_matmul,
    predict_rows,
    read_gemm_table,
)
from simulator.validation.tables.parts import LEAST_ROWS, scored, set_aside


def gemm_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Rows of every datatype; one that the device lacks does not end the table."""
    for datatype, present in sorted(datatypes_in(path).items()):
        precision = PRECISIONS.get(datatype)
        if precision is None:
            yield Part(present, refused=f"no law is of products in {datatype}")
            continue
        if sheet_peak(device, precision) is None:
            yield Part(present, refused=f"{device.name} does not multiply in {precision}")
            continue
        rows = read_gemm_table(path, system, datatype)
        setup = gemm_setup(path, device, precision, _known(device, precision))
        if (~rows.kept_back).sum() < LEAST_ROWS:
            found = {}
        else:
            # Constants are the shipped ones; only what the host added is looked for.
            found = dict(fit_matmul(rows, setup).condition_values)
        kept = rows.take(rows.kept_back)
        law = calibration_of({}, setup)
        predicted = predict_rows(kept, setup, law, found)
        bare = predict_rows(kept, setup, law, {}) if found else None
        name, sigma = f"gemm {precision}", device.book.law(MATMUL, precision).residual
        yield scored(device, name, sigma, kept.seconds, predicted, bare_s=bare)
        yield set_aside(int((~rows.kept_back).sum()))


def _known(device: Device, precision: str) -> dict[str, float]:
    """Shipped constants as a fit has them, which then looks only for what the host added."""
    known = asdict(device.book.in_benchmark(MATMUL, precision).constants)
    gain = (known.pop("burst_fraction") or known["peak_fraction"]) / known["peak_fraction"]
    del known["throttle_s"]
    return {**known, "burst_gain": max(1.0, gain)}
