"""Which cost law an operator follows: one function for each kind of operator."""

from functools import singledispatch

from simulator.graph.operator import Operator
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import Device
from simulator.roofline.laws.load import Load


@singledispatch
def cost(op: Operator, _shape: StepShape, _device: Device) -> list[Load]:
    """Loads of all instances of ``op`` in the steps of a shape on a device.

    Raises:
        InputError: the device lacks a datatype or a link that the operator needs.
    """
    raise TypeError(f"no cost law for {type(op).__name__}")
