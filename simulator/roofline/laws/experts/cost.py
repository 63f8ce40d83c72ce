"""Loads of routed experts."""

import numpy as np

from simulator.graph.operator import Experts
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.experts.constants import EXPERTS
from simulator.roofline.laws.experts.formula import fused_moe_time_s
from simulator.roofline.laws.experts.kernels import GroupedKernelFamily
from simulator.roofline.laws.load import FloatArray, Load, load
from simulator.roofline.laws.rates import Rates


@cost.register
def _experts(op: Experts, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    arithmetic = rates.arithmetic(op.precision)
    law = book.law(EXPERTS, op.precision.name)
    tokens = shape.tokens * op.data_parallel
    loads = op.loads(shape)
    native = arithmetic.fallback is None
    activation_bits = op.precision.activation_bits if native else 16.0
    family = law.kernels

    def layer_s(family: GroupedKernelFamily) -> FloatArray:
        return fused_moe_time_s(
            loads,
            tokens * op.arrives,
            op.top_k,
            op.hidden,
            op.width,
            peak_flops=arithmetic.peak_flops,
            bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
            units=rates.units,
            calibration=law.constants,
            family=family,
            weight_bits=op.precision.weight_bits,
            activation_bits=activation_bits,
            matrices=3 if op.gated else 2,
            sharded=op.expert_parallel > 1,
            cache_bytes=rates.cache_bytes or np.inf,
        )

    time_s, launches = layer_s(family), np.asarray(family.host_launches, dtype=np.float64)
    if family.beyond is not None:
        is_larger = tokens * op.arrives > family.most_tokens
        time_s = np.where(is_larger, layer_s(family.beyond), time_s)
        launches = np.where(is_larger, family.beyond.host_launches, launches)
    work = op.work_of(loads, activation_bits)
    one = load(
        law=EXPERTS.named(op.precision.name),
        time_s=np.where(tokens > 0, time_s, 0.0),
        datatype=arithmetic.datatype,
        peak_flops=arithmetic.peak_flops,
        flops=work.flops,
        memory_bytes=work.memory_bytes,
        bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
        kernels=launches,
        notes=(arithmetic.fallback,) if arithmetic.fallback else (),
    )
    return [one.times(op.count)]
