"""Loads of matrix products."""

from simulator.graph.operator import Matmul
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.matmul.constants import MATMUL
from simulator.roofline.laws.matmul.formula import matmul_time_s
from simulator.roofline.laws.rates import Rates


@cost.register
def _matmul(op: Matmul, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    arithmetic = rates.arithmetic(op.precision)
    law = book.law(MATMUL, op.precision.name)
    native = arithmetic.fallback is None
    activation_bits = op.precision.activation_bits if native else 16.0
    time_s = matmul_time_s(
        op.rows_in(shape),
        op.n,
        op.k,
        groups=op.groups,
        peak_flops=arithmetic.peak_flops,
        bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
        units=int(rates.units),
        calibration=law.constants,
        family=law.kernels,
        activation_bits=activation_bits,
        weight_bits=op.precision.weight_bits,
    )
    work = op.work(shape, activation_bits)
    one = load(
        law=MATMUL.named(op.precision.name),
        time_s=time_s,
        datatype=arithmetic.datatype,
        peak_flops=arithmetic.peak_flops,
        flops=work.flops,
        memory_bytes=work.memory_bytes,
        bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
        notes=(arithmetic.fallback,) if arithmetic.fallback else (),
    )
    return [one.times(op.count)]
