"""Which cost law an operator follows: one function for each kind of operator."""

from functools import singledispatch

from simulator.graph.operator import Operator
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.kinds import load_extensions
from simulator.roofline.laws.load import Load
from simulator.roofline.laws.rates import Rates


@singledispatch
def cost(op: Operator, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    """Loads of all instances of ``op`` in the steps of a shape, at a device's rates.

    Raises:
        InputError: the device lacks a datatype, a link or a law that the operator needs.
        TypeError: neither this package nor an installed one has a law of such operators.
    """
    load_extensions()
    found = cost.dispatch(type(op))
    if found is cost.dispatch(object):
        raise TypeError(f"no cost law for {type(op).__name__}")
    return found(op, shape, rates, book)
