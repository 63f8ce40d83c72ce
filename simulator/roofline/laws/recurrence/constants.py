"""What is measured about recurrences, and their laws in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.law import LawKind


@dataclass(frozen=True, slots=True)
class RecurrentStepCalibration:
    """What is measured about one decode step of a recurrence.

    ``bandwidth_fraction``: of the data sheet, for states read and written. ``latency_s``:
    launch to first result of one kernel.
    """

    bandwidth_fraction: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class RecurrentScanCalibration:
    """What is measured about the chunkwise scan of prompts.

    ``matrix_fraction``: of a unit's peak, of one chunk's products. ``bandwidth_fraction``: of
    the data sheet, for states and rows. ``item_s``: start and end of one chain in a unit.
    ``latency_s``: launch to first result of one kernel.
    """

    matrix_fraction: float
    bandwidth_fraction: float
    item_s: float
    latency_s: float


STEP: LawKind[RecurrentStepCalibration, None] = LawKind(
    "attention.recurrent_step", RecurrentStepCalibration
)
"""One token of each sequence."""
SCAN: LawKind[RecurrentScanCalibration, None] = LawKind(
    "attention.recurrent_scan", RecurrentScanCalibration, variants=("channel_decay",)
)
"""Prompts, chunk by chunk; kernels whose decay differs by channel are slower in every chunk."""
