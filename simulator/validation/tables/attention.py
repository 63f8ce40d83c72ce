"""Tables of attention cores: decode, prefill, encoders, and latent attention by differences."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulator.roofline.device.device import Device
from simulator.roofline.laws.attention.constants import (
    DECODE,
    LATENT_DECODE,
    LATENT_PREFILL,
    PREFILL,
)
from simulator.validation.account import Part
from simulator.validation.calibrate.attention import (
    attending,
    predict_decode_s,
    predict_mla_decode_s,
    predict_mla_prefill_s,
    predict_prefill_s,
)
from simulator.validation.calibrate.attention_tables import (
    SHORT_KERNEL_S,
    AttentionRows,
    FloatArray,
    read_attention_rows,
    read_mla_rows,
    rows_in,
)
from simulator.validation.tables.parts import scored, set_aside

_NARROW = "fp8"


def attention_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Rows of decode, prefill or encoder attention, by the bytes of a cached value."""
    rows = read_attention_rows(path, _short(system))
    phase = {"generation": "decode", "encoder": "encoder"}.get(path.name.split("_")[0], "prefill")
    short = rows.query_tokens <= (1 if phase == "prefill" else 0)
    yield Part(int(short.sum()), refused="a prompt of one token, which engines decode")
    rows = rows.where(~short)
    for bytes_per_value, suffix in ((2.0, ""), (1.0, _NARROW)):
        chosen = rows.where(rows.kv_bytes_per_value == bytes_per_value)
        if not len(chosen):
            continue
        kept = chosen.where(chosen.score)
        predicted, sigma = _predicted(phase, kept, device, suffix)
        name = f"{phase} attention {suffix or 'bf16'}"
        yield scored(
            device,
            name,
            sigma,
            kept.measured_s,
            predicted,
            noise_s=SHORT_KERNEL_S,
        )
        yield set_aside(len(chosen) - len(kept))


def _predicted(
    phase: str, rows: AttentionRows, device: Device, suffix: str
) -> tuple[FloatArray, float]:
    """Seconds of every row, and the relative error of the law that says them."""
    kind = DECODE if phase == "decode" else PREFILL
    # As an engine's attention: 8-bit kernels where they were measured and the device has them.
    narrow = suffix if suffix and device.book.has(kind, suffix) and suffix in device.peaks else ""
    if phase == "decode":
        decode = device.book.in_benchmark(DECODE, narrow)
        rates = attending(device, DECODE, narrow)
        seconds = predict_decode_s(
            rows, rates, decode.kernels, decode.constants, cache_bytes=device.cache_bytes
        )
        return seconds, device.book.residual(DECODE.named(narrow))
    prefill = device.book.in_benchmark(PREFILL, narrow)
    rates = attending(device, PREFILL, narrow)
    constants, causal = prefill.constants, phase != "encoder"
    if not causal:
        # An encoder keeps nothing for later.
        constants = replace(constants, cache_write_factor=0.0, store_token_s=0.0)
    seconds = predict_prefill_s(
        rows, rates, prefill.kernels, constants, causal=causal, cache_bytes=device.cache_bytes
    )
    return seconds, device.book.residual(PREFILL.named(narrow))


def latent_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Rows of latent attention's core, as differences in which only the core is left."""
    decodes = path.name.startswith("generation")
    rows = read_mla_rows(path, _short(system))
    yield Part(
        rows_in(path) - len(rows),
        refused="others are told by it, or its core is too short beside what was timed with it",
    )
    yield set_aside(int((~rows.score).sum()))
    kept = rows.where(rows.score)
    rates = attending(device, LATENT_DECODE if decodes else LATENT_PREFILL)
    if decodes:
        decode = device.book.law(LATENT_DECODE)
        predicted = predict_mla_decode_s(
            kept, rates, decode.kernels, decode.constants, cache_bytes=device.cache_bytes
        )
    else:
        prefill = device.book.law(LATENT_PREFILL)
        predicted = predict_mla_prefill_s(kept, rates, prefill.kernels, prefill.constants)
    is_positive = predicted > 0
    yield Part(int((~is_positive).sum()), refused="the law tells no difference from the other row")
    sigma = device.book.residual((LATENT_DECODE if decodes else LATENT_PREFILL).name)
    name = f"latent attention core, {'decode' if decodes else 'prefill'}"
    yield scored(
        device,
        name,
        sigma,
        kept.measured_s[is_positive],
        np.asarray(predicted)[is_positive],
    )


def _short(system: str) -> str:
    return system.split("_")[0]
