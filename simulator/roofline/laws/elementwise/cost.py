"""Loads of the small kernels between matrix products."""

import numpy as np

from simulator.graph.operator import Elementwise
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.elementwise.constants import ELEMENTWISE
from simulator.roofline.laws.elementwise.formula import elementwise_time_s
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.rates import Rates


@cost.register
def _elementwise(op: Elementwise, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    rows = op.rows_in(shape)
    moved = op.work(shape).memory_bytes
    time_s = elementwise_time_s(
        moved,
        bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
        calibration=book.law(ELEMENTWISE).constants,
        kernels=op.kernels,
        rows=rows if op.row_elements else 0.0,
        row_elements=op.row_elements,
    )
    one = load(
        law=ELEMENTWISE.name,
        time_s=np.where(rows > 0, time_s, 0.0),
        memory_bytes=moved,
        bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
        # Compilers join a quantisation to the kernel before it: the host launches one.
        kernels=0.0 if op.role == "quantise" else float(op.kernels),
    )
    return [one.times(op.count)]
