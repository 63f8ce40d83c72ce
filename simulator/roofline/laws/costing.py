"""From the graph's vocabulary to loads on a device: each operator kind has its law here."""

from simulator.roofline.laws.attention import cost as attention
from simulator.roofline.laws.collective import cost as collective
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.experts import cost as experts
from simulator.roofline.laws.lookup import cost as lookup
from simulator.roofline.laws.matmul import cost as matmul
from simulator.roofline.laws.sequence import cost as sequence

__all__ = ["attention", "collective", "cost", "experts", "lookup", "matmul", "sequence"]
