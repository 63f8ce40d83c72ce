"""What is measured about matrix products, and their law in the book."""

from dataclasses import dataclass

from simulator.graph.kinds.residual import TF32_MIXING
from simulator.roofline.laws.law import LawKind
from simulator.roofline.laws.matmul.kernels import FAMILIES
from simulator.specs.precision import precision_names


@dataclass(frozen=True, slots=True)
class MatmulCalibration:
    """What measurement adds to the data sheet, for one device and datatype.

    The fractions are shares of data sheet values in (0, 1], so they carry over to other chips.
    """

    peak_fraction: float
    """Share of the peak FLOP/s that the busiest tile sustains at the power limit."""
    bandwidth_fraction: float
    """Share of the memory bandwidth that streaming operands reaches."""
    start_s: float
    """Launch, first loads and last stores of one kernel: what nothing overlaps (seconds)."""
    overlap: float = 3.0
    """Exponent p >= 1 of the norm that joins memory and compute: 1 adds, infinity overlaps."""
    balance_tile: float = 96.0
    """Edge of the square tile whose operand feed takes as long as its math (elements)."""
    block_s: float = 0.0
    """Shortest time for one k-block of one tile: latency that few tiles cannot hide (seconds)."""
    split_s: float = 0.0
    """Joining the partial sums of a split reduction (seconds)."""
    write_fraction: float = 1.0
    """Write bandwidth as a share of the read bandwidth."""
    burst_fraction: float | None = None
    """Share of the peak before power management lowers the clock; None: never faster."""
    throttle_s: float = 0.0
    """Kernel time at which a burst has lost half of its advantage (seconds)."""
    cache_speedup: float = 1.0
    """Bandwidth of the last-level cache over that of the memory, as one product sees both."""

    def __post_init__(self) -> None:
        """Refuse constants that no machine can have (ValueError names the field)."""
        burst = self.peak_fraction if self.burst_fraction is None else self.burst_fraction
        shares = {
            "peak_fraction": self.peak_fraction,
            "bandwidth_fraction": self.bandwidth_fraction,
            "write_fraction": self.write_fraction,
            "burst_fraction": burst,
        }
        for name, value in shares.items():
            if not 0.0 < value <= 1.0:
                raise ValueError(f"{name} must lie in (0, 1], not {value}")
        if burst < self.peak_fraction:
            raise ValueError(f"burst_fraction {burst} is below peak_fraction {self.peak_fraction}")
        if self.overlap < 1.0:
            raise ValueError(f"overlap must be at least 1, not {self.overlap}")
        if self.cache_speedup < 1.0:
            raise ValueError(f"cache_speedup must be at least 1, not {self.cache_speedup}")
        if self.balance_tile <= 0.0:
            raise ValueError(f"balance_tile must be positive, not {self.balance_tile}")
        for name in ("start_s", "block_s", "split_s", "throttle_s"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")


MATMUL = LawKind("matmul", MatmulCalibration, FAMILIES, (*precision_names(), TF32_MIXING.name))
"""Products of activations with weights, apart by the precision of the weights."""
