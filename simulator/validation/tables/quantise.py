"""Tables of kernels that quantise activations by a scale known beforehand."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simulator.roofline.device.device import Device
from simulator.roofline.laws.elementwise.constants import ELEMENTWISE
from simulator.roofline.laws.elementwise.quantise import STATIC, quantise_time_s
from simulator.validation.account import Part
from simulator.validation.parquet import read_parquet
from simulator.validation.split import is_score_row
from simulator.validation.tables.parts import scored, set_aside


def quantise_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Every row of a ``scale_matrix`` table: 16 bits in, 8 bits out."""
    table = read_parquet(path, ("m", "k", "latency", "quant_dtype"))
    rows, width, latency = (table.column(name).to_numpy() for name in ("m", "k", "latency"))
    is_read = np.array([name == "fp8" for name in table.column("quant_dtype").to_pylist()])
    yield Part(int((~is_read).sum()), refused="no law quantises into its format")
    shapes = zip(rows.tolist(), width.tolist(), strict=True)
    score = np.array([is_score_row(f"scale_matrix|{system}|{m}|{k}") for m, k in shapes])
    yield set_aside(int((is_read & ~score).sum()))
    kept = is_read & score
    predicted_s = quantise_time_s(
        rows[kept], width[kept], STATIC,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s, units=int(device.units),
        calibration=device.book.law(ELEMENTWISE).constants, cache_bytes=device.cache_bytes,
    )  # fmt: skip
    sigma = device.book.residual(ELEMENTWISE.name)
    measured_s = 1e-3 * latency[kept].astype(np.float64)
    yield scored(device, "quantising by a known scale", sigma, measured_s, predicted_s)
