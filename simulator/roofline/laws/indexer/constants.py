"""What is measured about scoring entries and picking the best, and its law in the book."""

from dataclasses import dataclass

from simulator.roofline.laws.law import LawKind


@dataclass(frozen=True, slots=True)
class IndexerCalibration:
    """What is measured about scoring entries and picking the best.

    ``matrix_fraction``: of the peak, for the scores. ``bandwidth_fraction``: of the data sheet,
    for keys and scores. ``row_s``: picking for one query row, however few entries it has.
    ``latency_s``: launches to first result, of all kernels. ``rank_s``: one comparison of two
    scores of a row that is short enough to be ranked (see ``comparisons``).
    """

    matrix_fraction: float
    bandwidth_fraction: float
    row_s: float
    latency_s: float
    rank_s: float = 0.0


INDEXER: LawKind[IndexerCalibration, None] = LawKind(
    "attention.indexer", IndexerCalibration, variants=("bf16", "fp8", "fp4")
)
"""Scores and the choice of the best, apart by the datatype of the scores' products."""
