"""What is published about machines that hold all weights in SRAM, and their law in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.law import LawKind
from simulator.specs.catalogue import engine_names


@dataclass(frozen=True, slots=True)
class MachineCalibration:
    """Constants of one maker's machine and compiler.

    Args:
        operation_s: one dependent operation: its instructions and the way across its cores.
        token_s: sampling a token, its way out to the host and of the next one back in.
        crossing_s: from one chip's layers to the next chip's.
        memory_fraction: share of a region's SRAM bandwidth that a layer reaches.
        peak_fraction: share of peak that many tokens in the pipeline reach.
    """

    operation_s: float
    token_s: float
    crossing_s: float
    memory_fraction: float
    peak_fraction: float


MACHINE: LawKind[MachineCalibration, None] = LawKind(
    "machine", MachineCalibration, variants=engine_names()
)
"""What one token waits for, chip by chip, apart by the software that ran."""
