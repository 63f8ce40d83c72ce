"""Loads of attention cores: softmax over the cache, in decode and in prefill."""

import numpy as np

from simulator.graph.operator import AttentionCore, LatentCore
from simulator.graph.step_shape import StepShape
from simulator.graph.work import core_work
from simulator.roofline.device.device import Device
from simulator.roofline.laws.attention.formula import (
    DecodeCalibration,
    DeviceRates,
    PrefillCalibration,
    decode_attention_time_s,
    mla_decode_time_s,
    mla_prefill_time_s,
    prefill_attention_time_s,
)
from simulator.roofline.laws.attention.kernels import KERNELS
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.sequence.cost import gathered_decode, gathered_prefill, gathers

_LATENT_IN_16_BITS = frozenset({"flash-mla-decode", "triton-mla-decode"})
"""Kernels that widen a narrow latent cache and multiply in 16 bits."""


def _law(
    op: AttentionCore | LatentCore, phase: str, device: Device
) -> tuple[str, str, DeviceRates]:
    """The law of a phase, the datatype its products run in, and the device's rates in that.

    An 8-bit cache has kernels of its own where they were measured; they multiply in 8 bits.
    """
    law = f"attention.{phase}"
    narrow = f"{law}.fp8"
    wanted = op.compute
    if op.kv_bytes_per_value == 1.0 and device.has_law(narrow) and "fp8" in device.peaks:
        law = narrow
        if device.kernel(narrow) not in _LATENT_IN_16_BITS:
            wanted = "fp8"
    known = (d for d in (wanted, "bf16", "fp16", "fp32") if d in device.peaks)
    datatype = next(known, next(iter(device.peaks)))
    rates = DeviceRates(device.units, device.peaks[datatype], device.bandwidth_bytes_per_s)
    return law, datatype, rates


@cost.register
def _attention(op: AttentionCore, shape: StepShape, device: Device) -> list[Load]:
    if gathers(op) and op.shared_key_value:
        return [gathered_decode(op, shape, device), gathered_prefill(op, shape, device)]
    law, datatype, rates = _law(op, "decode", device)
    window = np.inf if op.span.window is None else float(op.span.window)
    heads = (op.query_heads, op.kv_heads, op.key_size)
    # The new token attends to itself too.
    context = op.span.entries(shape.decode_context + 1)
    # The kernel itself leaves out what lies before a window; all else it is given as it is.
    reads_all = op.span.chunk is None and op.span.top_k is None and op.span.compression == 1
    decode_s = decode_attention_time_s(
        rates,
        KERNELS[device.kernel(law)],
        device.law(law, DecodeCalibration),
        shape.decode_sequences,
        shape.decode_context + 1 if reads_all else context,
        *heads,
        value_dim=op.value_size,
        values_within_keys=op.shared_key_value,
        kv_bytes_per_value=op.kv_bytes_per_value,
        window_tokens=window,
    )
    decoding, prefilling = core_work(op, shape)
    decode = load(
        law=law,
        time_s=np.where(shape.decode_sequences > 0, decode_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=decoding.flops,
        memory_bytes=decoding.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    if gathers(op):
        return [decode.times(op.count), gathered_prefill(op, shape, device)]
    law, datatype, rates = _law(op, "prefill", device)
    reach = min(window, np.inf if op.span.chunk is None else float(op.span.chunk))
    prefill_s = prefill_attention_time_s(
        rates,
        KERNELS[device.kernel(law)],
        device.law(law, PrefillCalibration),
        shape.prefill_sequences,
        shape.prefill_tokens,
        shape.prefill_past,
        *heads,
        value_dim=op.value_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
        window_tokens=reach,
        causal=op.span.causal,
    )
    prefill = load(
        law=law,
        time_s=np.where(shape.prefill_sequences > 0, prefill_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=prefilling.flops,
        memory_bytes=prefilling.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    return [decode.times(op.count), prefill.times(op.count)]


@cost.register
def _latent(op: LatentCore, shape: StepShape, device: Device) -> list[Load]:
    if gathers(op):
        return [gathered_decode(op, shape, device), gathered_prefill(op, shape, device)]
    law, datatype, rates = _law(op, "latent_decode", device)
    context = op.span.entries(shape.decode_context + 1)
    decode_s = mla_decode_time_s(
        rates,
        KERNELS[device.kernel(law)],
        device.law(law, DecodeCalibration),
        shape.decode_sequences,
        context,
        op.query_heads,
        latent_dim=op.kv_rank,
        rope_dim=op.rope_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
    )
    decoding, prefilling = core_work(op, shape)
    decode = load(
        law=law,
        time_s=np.where(shape.decode_sequences > 0, decode_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=decoding.flops,
        memory_bytes=decoding.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    law, datatype, rates = _law(op, "latent_prefill", device)
    key = op.nope_size + op.rope_size
    prefill_s = mla_prefill_time_s(
        rates,
        KERNELS[device.kernel(law)],
        device.law(law, PrefillCalibration),
        shape.prefill_sequences,
        shape.prefill_tokens,
        shape.prefill_past,
        op.query_heads,
        key_dim=key,
        value_dim=op.value_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
    )
    prefill = load(
        law=law,
        time_s=np.where(shape.prefill_sequences > 0, prefill_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=prefilling.flops,
        memory_bytes=prefilling.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    return [decode.times(op.count), prefill.times(op.count)]
