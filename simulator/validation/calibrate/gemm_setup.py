"""How the tables of matrix products were taken: what each timed beside the product, and how."""

import re
from collections.abc import Mapping
from math import inf
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
from simulator.validation.calibrate.matmul import Condition, DeviceFacts, MatmulSetup

PRECISIONS: Mapping[str, str] = {
    "bfloat16": "bf16", "float16": "bf16", "fp8": "fp8", "fp8_block": "fp8_block",
    "nvfp4": "nvfp4",
}  # fmt: skip
"""What the tables call a precision → its name."""

_BITS: Mapping[str, float] = {"bf16": 16.0, "nvfp4": 4.5}
_COPIES: Mapping[str, float] = {"bf16": 6.0, "fp8": 6.0}
"""Layers that the collector times in turn (``collect_gemm.py``); of the others only one."""


def gemm_setup(
    path: Path, device: Device, precision: str, fixed: Mapping[str, float] | None = None
) -> MatmulSetup:
    """The condition of a table of vLLM's layers on ``device``; ``fixed`` constants stay."""
    found = re.search(r"vllm-(\d+)\.(\d+)", str(path))
    release = (0, 0) if found is None else (int(found[1]), int(found[2]))
    schemes: Mapping[str, QuantiseScheme | None] = {
        "bf16": None,
        "fp8": PER_TENSOR if release >= (0, 24) else PER_TOKEN,
        "fp8_block": PER_GROUP_128,
        "nvfp4": PER_GROUP_16,
    }
    condition = Condition(
        scheme=schemes[precision],
        elementwise=device.book.law(ELEMENTWISE).constants,
        quantised_bits=4.0 if precision == "nvfp4" else 8.0,
        host_launched=precision == "fp8_block" and release >= (0, 18),
        copies=_COPIES.get(precision, inf),
    )
    facts = DeviceFacts(
        device.name, sheet_peak(device, precision) or 0.0, device.bandwidth_bytes_per_s,
        int(device.units), device.cache_bytes,
    )  # fmt: skip
    family = device.book.in_benchmark(MATMUL, precision).kernels
    return MatmulSetup(facts, family, _BITS.get(precision, 8.0), condition, fixed or {})


def sheet_peak(device: Device, precision: str) -> float | None:
    """The dense peak that products of ``precision`` run at, FLOP/s; None where there are none."""
    spelled = {"nvfp4": "fp4", "fp8_block": "fp8"}.get(precision, precision)
    return device.peaks.get(precision) or device.peaks.get(spelled)
