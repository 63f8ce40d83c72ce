"""From the graph's vocabulary to loads on a device: each operator kind has its law here."""

from simulator.roofline.costing import attention, collective, experts, lookup, matmul, sequence
from simulator.roofline.costing.dispatch import cost

__all__ = ["attention", "collective", "cost", "experts", "lookup", "matmul", "sequence"]
