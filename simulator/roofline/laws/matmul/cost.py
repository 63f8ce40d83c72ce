"""Loads of matrix products and of the small kernels between them."""

import numpy as np

from simulator.graph.operator import Elementwise, Matmul
from simulator.graph.step_shape import StepShape
from simulator.graph.work import elementwise_work, matmul_work, rows_of
from simulator.roofline.device.device import Device
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.matmul.formula import MatmulCalibration, matmul_time_s
from simulator.roofline.laws.matmul.kernels import FAMILIES
from simulator.roofline.laws.quantise.formula import ElementwiseCalibration, elementwise_time_s


@cost.register
def _matmul(op: Matmul, shape: StepShape, device: Device) -> list[Load]:
    arithmetic = device.arithmetic(op.precision)
    law = f"matmul.{op.precision.name}"
    rows = rows_of(op, shape)
    native = arithmetic.fallback is None
    activation_bits = op.precision.activation_bits if native else 16.0
    time_s = matmul_time_s(
        rows,
        op.n,
        op.k,
        groups=op.groups,
        peak_flops=arithmetic.peak_flops,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        units=int(device.units),
        calibration=device.law(law, MatmulCalibration),
        family=FAMILIES[device.kernel(law)],
        activation_bits=activation_bits,
        weight_bits=op.precision.weight_bits,
    )
    work = matmul_work(op, shape, activation_bits)
    one = load(
        law=law,
        time_s=time_s,
        datatype=arithmetic.datatype,
        peak_flops=arithmetic.peak_flops,
        flops=work.flops,
        memory_bytes=work.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        notes=(arithmetic.fallback,) if arithmetic.fallback else (),
    )
    return [one.times(op.count)]


@cost.register
def _elementwise(op: Elementwise, shape: StepShape, device: Device) -> list[Load]:
    rows = rows_of(op, shape)
    moved = elementwise_work(op, shape).memory_bytes
    time_s = elementwise_time_s(
        moved,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        calibration=device.law("elementwise", ElementwiseCalibration),
        kernels=op.kernels,
        rows=rows if op.row_elements else 0.0,
        row_elements=op.row_elements,
    )
    one = load(
        law="elementwise",
        time_s=np.where(rows > 0, time_s, 0.0),
        memory_bytes=moved,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
        # Compilers join a quantisation to the kernel before it: the host launches one.
        kernels=0.0 if op.role == "quantise" else float(op.kernels),
    )
    return [one.times(op.count)]
