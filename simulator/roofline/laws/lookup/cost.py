"""Loads of tables in the device's own memory, of which tokens gather rows."""

from simulator.graph.operator import Lookup
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.lookup.constants import LOOKUP
from simulator.roofline.laws.lookup.formula import gather_time_s
from simulator.roofline.laws.rates import Rates


@cost.register
def _lookup(op: Lookup, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    own = rates.bandwidth_bytes_per_s
    rows = shape.tokens * op.rows_per_token
    constants = book.law(LOOKUP).constants
    one = load(
        law=LOOKUP.name,
        time_s=gather_time_s(constants, rows, op.row_bytes, own, moves_per_byte=2.0),
        memory_bytes=op.work(shape).memory_bytes,
        bandwidth_bytes_per_s=own,
    )
    return [one.times(op.count)]
