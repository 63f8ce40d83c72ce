"""Tables of matrix products: whole linear layers, with what quantises and pads around them."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from simulator.roofline.device.device import Device
from simulator.roofline.laws.elementwise.constants import ELEMENTWISE
from simulator.roofline.laws.elementwise.quantise import (
    PER_GROUP_16,
    PER_GROUP_128,
    PER_TENSOR,
    PER_TOKEN,
    QuantiseScheme,
)
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.validation.account import Part
from simulator.validation.calibrate.matmul import (
    Condition,
    DeviceFacts,
    MatmulSetup,
    calibration_of,
    datatypes_in,
    fit_matmul,
    predict_rows,
    read_gemm_table,
)
from simulator.validation.tables.parts import LEAST_ROWS, scored, set_aside

_PRECISIONS = {
    "bfloat16": "bf16", "float16": "bf16", "fp8": "fp8", "fp8_block": "fp8_block",
    "nvfp4": "nvfp4",
}  # fmt: skip


def gemm_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Rows of every datatype; one that the device lacks does not end the table."""
    for datatype, present in sorted(datatypes_in(path).items()):
        precision = _PRECISIONS.get(datatype)
        if precision is None:
            yield Part(present, refused=f"no law is of products in {datatype}")
            continue
        if _sheet(device, precision) is None:
            yield Part(present, refused=f"{device.name} does not multiply in {precision}")
            continue
        rows = read_gemm_table(path, system, datatype)
        setup = _setup(path, device, precision)
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


def _sheet(device: Device, precision: str) -> float | None:
    spelled = {"nvfp4": "fp4", "fp8_block": "fp8"}.get(precision, precision)
    return device.peaks.get(precision) or device.peaks.get(spelled)


def _setup(path: Path, device: Device, precision: str) -> MatmulSetup:
    law = device.book.in_benchmark(MATMUL, precision)
    known = asdict(law.constants)
    gain = (known.pop("burst_fraction") or known["peak_fraction"]) / known["peak_fraction"]
    del known["throttle_s"]
    release = re.search(r"vllm-(\d+)\.(\d+)", str(path))
    newest = release is not None and (int(release[1]), int(release[2])) >= (0, 24)
    schemes: dict[str, QuantiseScheme | None] = {
        "bf16": None,
        "fp8": PER_TENSOR if newest else PER_TOKEN,
        "fp8_block": PER_GROUP_128,
        "nvfp4": PER_GROUP_16,
    }
    condition = Condition(
        scheme=schemes[precision],
        elementwise=device.book.law(ELEMENTWISE).constants,
        quantised_bits=4.0 if precision == "nvfp4" else 8.0,
        host_launched=precision == "fp8_block"
        and release is not None
        and (int(release[1]), int(release[2])) >= (0, 18),
    )
    facts = DeviceFacts(
        device.name, _sheet(device, precision) or 0.0, device.bandwidth_bytes_per_s,
        int(device.units), device.cache_bytes,
    )  # fmt: skip
    bits = {"bf16": 16.0, "nvfp4": 4.5}.get(precision, 8.0)
    return MatmulSetup(facts, law.kernels, bits, condition, {**known, "burst_gain": max(1.0, gain)})
