"""Loads of recurrent states."""

from simulator.graph.operator import FloatArray, Recurrence, Work
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.rates import Rates
from simulator.roofline.laws.recurrence.constants import SCAN, STEP
from simulator.roofline.laws.recurrence.formula import (
    recurrent_scan_time_s,
    recurrent_step_time_s,
)


@cost.register
def _recurrence(op: Recurrence, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    datatype, in_datatype = rates.narrowed(op.compute)

    def one(law: str, time_s: FloatArray, work: Work) -> Load:
        found = load(
            law=law,
            time_s=time_s,
            datatype=datatype,
            peak_flops=in_datatype.peak_flops,
            flops=work.flops,
            memory_bytes=work.memory_bytes,
            bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
            kernels=float(op.kernels),
        )
        return found.times(op.count)

    decoding, prompts = shape.decode_sequences, shape.prefill_sequences
    variant = "channel_decay" if op.decay == "per_channel" else ""
    step_s = recurrent_step_time_s(
        in_datatype,
        book.law(STEP).constants,
        decoding * op.state_bytes,
        shape.decode_rows * op.bytes_per_row,
        op.kernels,
    )
    scan_s = recurrent_scan_time_s(
        in_datatype,
        book.law(SCAN, variant).constants,
        prompts,
        shape.prefill_tokens,
        op.state_bytes,
        op.prefill_flops_per_row,
        op.bytes_per_row,
        op.kernels,
    )
    decode, prefill = op.phases(shape)
    return [one(STEP.name, step_s, decode), one(SCAN.named(variant), scan_s, prefill)]
