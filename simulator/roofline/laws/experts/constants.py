"""What is measured about routed experts, and their law in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.experts.kernels import KERNEL_FAMILIES
from simulator.roofline.laws.law import LawKind
from simulator.specs.precision import precision_names


@dataclass(frozen=True, slots=True)
class GroupedCalibration:
    """Constants of a device, datatype and kernel family for a fused MoE layer.

    The fractions are shares of datasheet values in (0, 1], so they carry over to other chips.
    """

    peak_fraction: float
    """Share of the peak FLOP/s that whole tiles sustain."""
    bandwidth_fraction: float
    """Share of the memory bandwidth at which the experts' weights stream."""
    row_fraction: float
    """Share of the memory bandwidth that the kernels between the products reach."""
    kernel_s: float
    """Time that one kernel of the layer takes to start and to drain (seconds)."""
    overlap: float = 2.0
    """Exponent p >= 1 of the norm that joins memory and compute: 1 adds, infinity overlaps."""
    balance_tile: float = 64.0
    """Edge of the square tile whose operand feed takes as long as its math (elements)."""
    routing_s: float = 0.0
    """Growth of the sorting and summing kernels with each doubling of the tokens (seconds)."""
    tile_s: float = 0.0
    """Time that each tile holds its unit to start and to store, whatever its depth (seconds)."""
    visit_s: float = 0.0
    """Time that a unit takes to find where a tile's rows are, be there any or none (seconds)."""

    def __post_init__(self) -> None:
        """Refuse constants that no machine can have (ValueError names the field)."""
        for name in ("peak_fraction", "bandwidth_fraction", "row_fraction"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie in (0, 1], not {getattr(self, name)}")
        if self.overlap < 1.0:
            raise ValueError(f"overlap must be at least 1, not {self.overlap}")
        for name in ("kernel_s", "balance_tile", "routing_s", "tile_s", "visit_s"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")


EXPERTS = LawKind("experts", GroupedCalibration, KERNEL_FAMILIES, precision_names())
"""A fused layer of routed experts, apart by the precision of their weights."""
