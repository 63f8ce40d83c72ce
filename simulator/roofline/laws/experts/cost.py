"""Loads of routed experts."""

import numpy as np

from simulator.graph.operator import Experts
from simulator.graph.step_shape import StepShape
from simulator.graph.work import expert_rows, experts_work
from simulator.roofline.device.device import Device
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.experts.formula import (
    KERNEL_FAMILIES,
    GroupedCalibration,
    GroupedKernelFamily,
    fused_moe_time_s,
)
from simulator.roofline.laws.load import FloatArray, Load, load


@cost.register
def _experts(op: Experts, shape: StepShape, device: Device) -> list[Load]:
    arithmetic = device.arithmetic(op.precision)
    law = f"experts.{op.precision.name}"
    tokens = shape.tokens * op.data_parallel
    loads = expert_rows(op, shape)
    native = arithmetic.fallback is None
    activation_bits = op.precision.activation_bits if native else 16.0
    family = KERNEL_FAMILIES[device.kernel(law)]

    def layer_s(family: GroupedKernelFamily) -> FloatArray:
        return fused_moe_time_s(
            loads,
            tokens * op.arrives,
            op.top_k,
            op.hidden,
            op.width,
            peak_flops=arithmetic.peak_flops,
            bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
            units=device.units,
            calibration=device.law(law, GroupedCalibration),
            family=family,
            weight_bits=op.precision.weight_bits,
            activation_bits=activation_bits,
            matrices=3 if op.gated else 2,
            sharded=op.expert_parallel > 1,
            cache_bytes=device.cache_bytes or np.inf,
        )

    time_s, launches = layer_s(family), np.asarray(family.host_launches, dtype=np.float64)
    if family.beyond is not None:
        is_larger = tokens * op.arrives > family.most_tokens
        time_s = np.where(is_larger, layer_s(family.beyond), time_s)
        launches = np.where(is_larger, family.beyond.host_launches, launches)
    work = experts_work(op, loads, activation_bits)
    one = load(
        law=law,
        time_s=np.where(tokens > 0, time_s, 0.0),
        datatype=arithmetic.datatype,
        peak_flops=arithmetic.peak_flops,
        flops=work.flops,
        memory_bytes=work.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        kernels=launches,
        notes=(arithmetic.fallback,) if arithmetic.fallback else (),
    )
    return [one.times(op.count)]
