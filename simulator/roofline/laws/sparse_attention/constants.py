"""What is measured about attention to picked entries, and its law in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.law import LawKind
from simulator.roofline.laws.sparse_attention.kernels import GATHER_KERNELS


@dataclass(frozen=True, slots=True)
class GatherCalibration:
    """What is measured about attending to gathered entries, each query row to its own.

    ``matrix_fraction``: of the peak, while multiplying. ``gather_speedup``: rate at which
    entries reach the units over the memory's data-sheet bandwidth (above 1 where the last-level
    cache serves rows that queries share). ``item_s``: start and end of one work item.
    ``latency_s``: launch to first result.
    """

    matrix_fraction: float
    gather_speedup: float
    item_s: float
    latency_s: float


GATHER = LawKind(
    "attention.gather",
    GatherCalibration,
    GATHER_KERNELS,
    (
        "fp8",
        "blocks", "blocks.fp8",
        "compressed", "compressed.fp8", "compressed.decode", "compressed.decode.fp8",
    ),
)  # fmt: skip
"""Picked latents; whole blocks of keys; compressed entries, whose decoding has kernels apart."""
