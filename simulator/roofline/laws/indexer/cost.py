"""Loads of the scorers of sparse attention."""

from simulator.graph.operator import FloatArray, Indexer, Work
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.indexer.constants import INDEXER
from simulator.roofline.laws.indexer.formula import comparisons, indexer_time_s
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.rates import Rates


@cost.register
def _indexer(op: Indexer, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    calibration = book.law(INDEXER, op.compute).constants
    datatype, in_datatype = rates.narrowed(op.compute)
    decode, prefill = op.phases(shape)
    length = shape.prefill_past + shape.prefill_tokens

    def one(rows: FloatArray, work: Work, ranked: FloatArray) -> Load:
        compared = ranked if op.picks else 0.0
        keys, scores = work.moved["cache"], work.moved["activations"]
        found = load(
            law=INDEXER.named(op.compute),
            time_s=indexer_time_s(
                in_datatype, calibration, rows, work.flops, keys, scores, compared
            ),
            datatype=datatype,
            peak_flops=in_datatype.peak_flops,
            flops=work.flops,
            memory_bytes=work.memory_bytes,
            bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
            # One kernel scores, one picks.
            kernels=2.0 if op.picks else 1.0,
        )
        return found.times(op.count)

    prefilling = shape.prefill_sequences * shape.prefill_tokens
    last = op.span.entries(shape.decode_context + shape.decode_width)
    ranked = comparisons(shape.decode_rows, last, last)
    past = op.span.entries(shape.prefill_past)
    return [
        one(shape.decode_rows, decode, ranked),
        one(prefilling, prefill, comparisons(prefilling, past, op.span.entries(length))),
    ]
