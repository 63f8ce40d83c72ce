"""Which cost law an operator follows: from the graph's vocabulary to loads on a device."""

from functools import singledispatch

import numpy as np

from simulator.graph.operator import (
    AttentionCore,
    Collective,
    Elementwise,
    Experts,
    LatentCore,
    Matmul,
    Operator,
)
from simulator.graph.step_shape import StepShape
from simulator.roofline.collective.menu import all_gather_s, all_reduce_s, reduce_scatter_s
from simulator.roofline.collective.laws import all_to_all_s, send_receive_s
from simulator.roofline.compute.attention import (
    DecodeCalibration,
    DeviceRates,
    PrefillCalibration,
    decode_attention_time_s,
    mla_decode_time_s,
    mla_prefill_time_s,
    prefill_attention_time_s,
)
from simulator.roofline.compute.attention_kernels import KERNELS as ATTENTION_KERNELS
from simulator.roofline.compute.experts import expert_loads, selection_probability, zipf_popularity
from simulator.roofline.compute.grouped import (
    KERNEL_FAMILIES as GROUPED_FAMILIES,
)
from simulator.roofline.compute.grouped import GroupedCalibration, fused_moe_time_s
from simulator.roofline.compute.kernel_families import FAMILIES
from simulator.roofline.compute.matmul import MatmulCalibration, matmul_bytes, matmul_time_s
from simulator.roofline.compute.quantise import ElementwiseCalibration, elementwise_time_s
from simulator.roofline.device import Device
from simulator.roofline.load import FloatArray, Load, load
from simulator.errors import InputError


@singledispatch
def cost(op: Operator, shape: StepShape, device: Device) -> list[Load]:
    """Loads of all instances of ``op`` in the steps of ``shape`` on ``device``.

    Raises:
        InputError: the device lacks a datatype or a link that the operator needs.
    """
    raise TypeError(f"no cost law for {type(op).__name__}")


def _rows(op: Matmul | Elementwise | Collective, shape: StepShape) -> FloatArray:
    return shape.tokens if op.rows == "tokens" else shape.logit_rows


@cost.register
def _matmul(op: Matmul, shape: StepShape, device: Device) -> list[Load]:
    arithmetic = device.arithmetic(op.precision)
    law = f"matmul.{op.precision.name}"
    rows = _rows(op, shape)
    native = arithmetic.fallback is None
    activation_bits = op.precision.activation_bits if native else 16.0
    # Grouped products (one per head) run as one kernel: as many tiles as all groups have.
    time_s = matmul_time_s(
        rows,
        op.n * op.groups,
        op.k,
        peak_flops=arithmetic.peak_flops,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        units=int(device.units),
        calibration=device.law(law, MatmulCalibration),
        family=FAMILIES[device.kernel(law)],
        activation_bits=activation_bits,
        weight_bits=op.precision.weight_bits,
    )
    read, written = matmul_bytes(
        rows, op.n * op.groups, op.k, activation_bits=activation_bits, weight_bits=op.precision.weight_bits
    )
    if op.groups > 1:
        read = read + rows * op.k * (op.groups - 1) * activation_bits / 8
    one = load(
        law=law,
        time_s=time_s,
        datatype=arithmetic.datatype,
        peak_flops=arithmetic.peak_flops,
        flops=2.0 * rows * op.n * op.groups * op.k,
        memory_bytes=np.where(rows > 0, read + written, 0.0),
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        notes=(arithmetic.fallback,) if arithmetic.fallback else (),
    )
    return [one.times(op.count)]


@cost.register
def _elementwise(op: Elementwise, shape: StepShape, device: Device) -> list[Load]:
    rows = _rows(op, shape)
    moved = rows * op.bytes_per_row
    time_s = elementwise_time_s(
        moved,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        calibration=device.law("elementwise", ElementwiseCalibration),
        kernels=op.kernels,
    )
    one = load(
        law="elementwise",
        time_s=np.where(rows > 0, time_s, 0.0),
        memory_bytes=moved,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        kernels=float(op.kernels),
    )
    return [one.times(op.count)]


def _attention_rates(op: AttentionCore | LatentCore, device: Device) -> tuple[DeviceRates, str]:
    for datatype in (op.compute, "fp16", "bf16", "fp32"):
        if datatype in device.peaks:
            rates = DeviceRates(
                device.units, device.peaks[datatype], device.bandwidth_bytes_per_s
            )
            return rates, datatype
    datatype = next(iter(device.peaks))
    return DeviceRates(device.units, device.peaks[datatype], device.bandwidth_bytes_per_s), datatype


@cost.register
def _attention(op: AttentionCore, shape: StepShape, device: Device) -> list[Load]:
    rates, datatype = _attention_rates(op, device)
    window = np.inf if op.span.window is None else float(op.span.window)
    heads = (op.query_heads, op.kv_heads, op.key_size)
    # The new token attends to itself too.
    context = op.span.entries(shape.decode_context + 1)
    decode_s = decode_attention_time_s(
        rates,
        ATTENTION_KERNELS[device.kernel("attention.decode")],
        device.law("attention.decode", DecodeCalibration),
        shape.decode_sequences,
        shape.decode_context + 1 if op.span.chunk is None else context,
        *heads,
        value_dim=op.value_size,
        values_within_keys=op.shared_key_value,
        kv_bytes_per_value=op.kv_bytes_per_value,
        window_tokens=window,
    )
    entries = shape.decode_sequences * context
    decode = load(
        law="attention.decode",
        time_s=np.where(shape.decode_sequences > 0, decode_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=entries * op.flops_per_pair,
        memory_bytes=entries * op.bytes_per_entry,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    reach = min(window, np.inf if op.span.chunk is None else float(op.span.chunk))
    prefill_s = prefill_attention_time_s(
        rates,
        ATTENTION_KERNELS[device.kernel("attention.prefill")],
        device.law("attention.prefill", PrefillCalibration),
        shape.prefill_sequences,
        shape.prefill_tokens,
        shape.prefill_past,
        *heads,
        value_dim=op.value_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
        window_tokens=reach,
    )
    pairs = shape.prefill_sequences * op.span.pairs(shape.prefill_tokens, shape.prefill_past)
    seen = np.minimum(shape.prefill_past + shape.prefill_tokens, reach + shape.prefill_tokens)
    prefill = load(
        law="attention.prefill",
        time_s=np.where(shape.prefill_sequences > 0, prefill_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=pairs * op.flops_per_pair,
        memory_bytes=shape.prefill_sequences * seen * op.bytes_per_entry,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    return [decode.times(op.count), prefill.times(op.count)]


@cost.register
def _latent(op: LatentCore, shape: StepShape, device: Device) -> list[Load]:
    rates, datatype = _attention_rates(op, device)
    context = op.span.entries(shape.decode_context + 1)
    decode_s = mla_decode_time_s(
        rates,
        ATTENTION_KERNELS[device.kernel("attention.latent_decode")],
        device.law("attention.latent_decode", DecodeCalibration),
        shape.decode_sequences,
        context,
        op.query_heads,
        latent_dim=op.kv_rank,
        rope_dim=op.rope_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
    )
    entries = shape.decode_sequences * context
    decode = load(
        law="attention.latent_decode",
        time_s=np.where(shape.decode_sequences > 0, decode_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=entries * 2.0 * op.query_heads * (2 * op.kv_rank + op.rope_size),
        memory_bytes=entries * op.bytes_per_entry,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    key = op.nope_size + op.rope_size
    prefill_s = mla_prefill_time_s(
        rates,
        ATTENTION_KERNELS[device.kernel("attention.latent_prefill")],
        device.law("attention.latent_prefill", PrefillCalibration),
        shape.prefill_sequences,
        shape.prefill_tokens,
        shape.prefill_past,
        op.query_heads,
        key_dim=key,
        value_dim=op.value_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
    )
    pairs = shape.prefill_sequences * op.span.pairs(shape.prefill_tokens, shape.prefill_past)
    seen = shape.prefill_sequences * (shape.prefill_past + shape.prefill_tokens)
    prefill = load(
        law="attention.latent_prefill",
        time_s=np.where(shape.prefill_sequences > 0, prefill_s, 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=pairs * 2.0 * op.query_heads * (key + op.value_size),
        memory_bytes=seen * op.bytes_per_entry,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    return [decode.times(op.count), prefill.times(op.count)]


@cost.register
def _experts(op: Experts, shape: StepShape, device: Device) -> list[Load]:
    arithmetic = device.arithmetic(op.precision)
    law = f"experts.{op.precision.name}"
    tokens = shape.tokens * op.data_parallel
    selection = selection_probability(zipf_popularity(op.experts, op.skew), op.top_k)
    loads = expert_loads(tokens, selection, op.expert_parallel)
    native = arithmetic.fallback is None
    activation_bits = op.precision.activation_bits if native else 16.0
    time_s = fused_moe_time_s(
        loads,
        tokens,
        op.top_k,
        op.hidden,
        op.width,
        peak_flops=arithmetic.peak_flops,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        units=device.units,
        calibration=device.law(law, GroupedCalibration),
        family=GROUPED_FAMILIES[device.kernel(law)],
        weight_bits=op.precision.weight_bits,
        activation_bits=activation_bits,
        matrices=3 if op.gated else 2,
        sharded=op.expert_parallel > 1,
        cache_bytes=device.cache_bytes or np.inf,
    )
    rows = loads.total_rows()
    one_expert = (3 if op.gated else 2) * op.hidden * op.width
    one = load(
        law=law,
        time_s=np.where(tokens > 0, time_s, 0.0),
        datatype=arithmetic.datatype,
        peak_flops=arithmetic.peak_flops,
        flops=2.0 * rows * one_expert,
        memory_bytes=loads.distinct() * one_expert * op.precision.weight_bytes
        + 4.0 * rows * op.hidden,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        kernels=float(GROUPED_FAMILIES[device.kernel(law)].kernels),
        notes=(arithmetic.fallback,) if arithmetic.fallback else (),
    )
    return [one.times(op.count)]


@cost.register
def _collective(op: Collective, shape: StepShape, device: Device) -> list[Load]:
    link = device.scale_up
    if link is None:
        raise InputError(
            f"{device.name} has no link to other devices", field="tp", remedy="use one device"
        )
    if op.group > link.fabric.devices:
        raise InputError(
            f"{op.group} devices exceed the {link.fabric.devices} that {device.name} links together",
            field="tp",
            remedy=f"use at most {link.fabric.devices}",
        )
    rows = _rows(op, shape)
    message = rows * op.bytes_per_row
    laws = {
        "all_reduce": all_reduce_s,
        "all_gather": all_gather_s,
        "reduce_scatter": reduce_scatter_s,
        "all_to_all": all_to_all_s,
    }
    if op.kind == "send":
        time_s = send_receive_s(message, link)
    else:
        time_s = laws[op.kind](message, op.group, link)
    one = load(
        law="link",
        time_s=np.where(rows > 0, time_s, 0.0),
        link_bytes=message,
        link_bytes_per_s=link.fabric.bandwidth_bytes_per_s,
    )
    return [one.times(op.count)]
