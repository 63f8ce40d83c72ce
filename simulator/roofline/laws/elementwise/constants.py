"""What is measured about small kernels, and their law in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.law import LawKind


@dataclass(frozen=True, slots=True)
class ElementwiseCalibration:
    """What measurement adds to the data sheet for small kernels of one device."""

    launch_s: float
    """One kernel that moves next to nothing, inside a captured graph (seconds)."""
    bandwidth_fraction: float
    """Share of the memory bandwidth that a streaming kernel reaches."""
    row_s: float = 0.0
    """Device time for each row (thread block) started (seconds)."""
    element_s: float = 0.0
    """Time for each element of one row: the row's own serial walk (seconds)."""
    reduce_s: float = 0.0
    """Further time for each row whose maximum must be known before it is written (seconds)."""
    sync_s: float = 0.0
    """Waiting once for such a maximum: the reduction's own latency (seconds)."""
    atomic_s: float = 0.0
    """Time for each row that updates one maximum for the whole tensor (seconds)."""
    reduce_bandwidth_fraction: float = 1.0
    """Share of the memory bandwidth that a pass for such a maximum reaches."""

    def __post_init__(self) -> None:
        """Refuse constants that no machine can have (ValueError names the field)."""
        if not 0.0 < self.bandwidth_fraction <= 1.0:
            raise ValueError(f"bandwidth_fraction must lie in (0, 1]: {self.bandwidth_fraction}")
        for name in ("launch_s", "row_s", "element_s", "reduce_s", "sync_s", "atomic_s"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")


ELEMENTWISE: LawKind[ElementwiseCalibration, None] = LawKind("elementwise", ElementwiseCalibration)
"""Norms, rope, cache writes, activations, residuals."""
