"""What is measured about gathering rows, and the law of rows in device memory in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.law import LawKind


@dataclass(frozen=True, slots=True)
class GatherCalibration:
    """Gathers of rows by a kernel, from host memory over the link or from device memory.

    A row moves in whole granules. Rows beyond ``resident_rows`` miss the address translation
    cache and are looked up at ``lookups_per_s``; while lookups bind, the share ``exposed`` of the
    transfer is not hidden behind them. ``floor_s`` is the time of a launched kernel that does
    almost nothing, ``latency_s`` what comes before the first row.
    """

    efficiency: float
    floor_s: float
    latency_s: float
    granule_bytes: float
    lookups_per_s: float
    resident_rows: float
    exposed: float


LOOKUP: LawKind[GatherCalibration, None] = LawKind("lookup", GatherCalibration)
"""Rows of a table in the device's own memory."""
