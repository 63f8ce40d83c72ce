"""Loads of sparse attention and its scorers, and of recurrent states."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.operator import AttentionCore, FloatArray, Indexer, LatentCore, Recurrence
from simulator.graph.span import Span
from simulator.graph.step_shape import StepShape
from simulator.graph.work import Work, attention_pairs, core_work, indexer_work, recurrence_work
from simulator.roofline.device.device import Device
from simulator.roofline.laws.attention.formula import DeviceRates
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.sequence.formula import (
    GATHER_KERNELS,
    GatherCalibration,
    GatherKernel,
    IndexerCalibration,
    RecurrentScanCalibration,
    RecurrentStepCalibration,
    comparisons,
    gather_attention_time_s,
    indexer_time_s,
    recurrent_scan_time_s,
    recurrent_step_time_s,
)

_COMPUTED_AS = {
    "fp4": ("fp4", "nvfp4", "mxfp4", "fp8", "int8"),
    "fp8": ("fp8", "int8"),
}
"""Datatypes in which narrow products are computed, the best first; else in 16 bits."""

_NARROW_BYTES_PER_VALUE = 1.5
"""Entries below this are 8-bit ones (with their scales and some values in 16 bits)."""


def rates_in(device: Device, wanted: str) -> tuple[str, DeviceRates]:
    """The datatype in which ``device`` computes what asks for ``wanted``, and its rates."""
    order = (*_COMPUTED_AS.get(wanted, (wanted,)), "bf16", "fp16", "fp32")
    known = (d for d in order if d in device.peaks)
    datatype = next(known, next(iter(device.peaks)))
    return datatype, DeviceRates(device.units, device.peaks[datatype], device.bandwidth_bytes_per_s)


@cost.register
def _indexer(op: Indexer, shape: StepShape, device: Device) -> list[Load]:
    law = f"attention.indexer.{op.compute}"
    datatype, rates = rates_in(device, op.compute)
    decode, prefill = indexer_work(op, shape)
    length = shape.prefill_past + shape.prefill_tokens

    def one(rows: FloatArray, work: Work, ranked: FloatArray) -> Load:
        compared = ranked if op.picks else 0.0
        keys, scores = work.moved["cache"], work.moved["activations"]
        calibration = device.law(law, IndexerCalibration)
        found = load(
            law=law,
            time_s=indexer_time_s(rates, calibration, rows, work.flops, keys, scores, compared),
            datatype=datatype,
            peak_flops=rates.peak_flops,
            flops=work.flops,
            memory_bytes=work.memory_bytes,
            bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
            # One kernel scores, one picks.
            kernels=2.0 if op.picks else 1.0,
        )
        return found.times(op.count)

    prefilling = shape.prefill_sequences * shape.prefill_tokens
    last = op.span.entries(shape.decode_context + 1)
    ranked = comparisons(shape.decode_sequences, last, last)
    past = op.span.entries(shape.prefill_past)
    return [
        one(shape.decode_sequences, decode, ranked),
        one(prefilling, prefill, comparisons(prefilling, past, op.span.entries(length))),
    ]


def gathers(op: AttentionCore | LatentCore) -> bool:
    """Whether each row of a prompt attends to entries of its own rather than to a stretch."""
    if isinstance(op, LatentCore):
        return op.absorbed_prefill
    return op.span.top_k is not None or op.span.compression > 1 or op.shared_key_value


def gathered_decode(op: AttentionCore | LatentCore, shape: StepShape, device: Device) -> Load:
    """The load of the decoding rows of a core that ``gathers``."""
    pairs, _ = attention_pairs(op.span, shape)
    rows, (work, _) = shape.decode_sequences, core_work(op, shape)
    found = _Gathered(rows, pairs, work, rows, np.ones_like(rows), shape.decode_context)
    return _gathered(op, found, device, is_prefill=False)


def gathered_prefill(op: AttentionCore | LatentCore, shape: StepShape, device: Device) -> Load:
    """The load of the prefilling rows of a core that ``gathers``."""
    _, pairs = attention_pairs(op.span, shape)
    rows = shape.prefill_sequences * shape.prefill_tokens
    _, work = core_work(op, shape)
    found = _Gathered(
        rows, pairs, work, shape.prefill_sequences, shape.prefill_tokens, shape.prefill_past
    )
    return _gathered(op, found, device, is_prefill=True)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """The decoding or the prefilling rows of a step, and what they attend to.

    ``pairs`` of all rows and their ``work``; ``tokens`` new ones of each of the ``sequences``,
    behind ``past`` earlier ones.
    """

    rows: FloatArray
    pairs: FloatArray
    work: Work
    sequences: FloatArray
    tokens: FloatArray
    past: FloatArray

    def listed(self, span: Span, kernel: GatherKernel) -> FloatArray:
        """Pairs that the kernel multiplies: lists padded to its tile, or walked to their end."""
        if kernel.walks_list and span.top_k is not None:
            return np.asarray(np.maximum(self.pairs, self.rows * span.top_k), np.float64)
        if kernel.list_tile > 1.0:
            return self.sequences * span.tiled_pairs(self.tokens, self.past, kernel.list_tile)
        return self.pairs


def _gathered(
    op: AttentionCore | LatentCore, found: _Gathered, device: Device, *, is_prefill: bool
) -> Load:
    law, kernel = _gather_law(op, device, is_prefill)
    datatype, rates = rates_in(device, op.compute)
    if isinstance(op, LatentCore):
        shared, dims = 1, 2 * op.kv_rank + op.rope_size
    else:
        shared, dims = op.kv_heads, op.key_size + op.value_size
    launches = np.ceil(found.sequences / kernel.sequences) if is_prefill else 1.0
    time_s = gather_attention_time_s(
        rates,
        kernel,
        device.law(law, GatherCalibration),
        found.rows,
        found.listed(op.span, kernel),
        op.query_heads,
        shared,
        dims,
        op.bytes_per_entry,
        launches=np.maximum(launches, 1.0),
        # Compressed entries join the list of the window, which is never empty.
        starts=op.span.compression == 1,
    )
    # Rows that share picks gather faster than memory streams, but what none shares must come.
    streamed_s = found.work.memory_bytes / device.bandwidth_bytes_per_s
    one = load(
        law=law,
        time_s=np.where(time_s > 0, np.maximum(time_s, streamed_s), 0.0),
        datatype=datatype,
        peak_flops=rates.peak_flops,
        flops=found.work.flops,
        memory_bytes=found.work.memory_bytes,
        bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
    )
    return one.times(op.count)


def _gather_law(
    op: AttentionCore | LatentCore, device: Device, is_prefill: bool
) -> tuple[str, GatherKernel]:
    """The law of a core, and its kernel; 8-bit entries have their own where it was measured."""
    law = "attention.gather"
    if isinstance(op, AttentionCore):
        law = f"{law}.{'compressed' if op.shared_key_value else 'blocks'}"
        if op.shared_key_value and not is_prefill:
            law = f"{law}.decode"
    narrow = f"{law}.fp8"
    if op.kv_bytes_per_value < _NARROW_BYTES_PER_VALUE and device.has_law(narrow):
        kernel = GATHER_KERNELS[device.kernel(narrow)]
        if not (is_prefill and op.query_heads >= kernel.prefill_heads):
            return narrow, kernel
    return law, GATHER_KERNELS[device.kernel(law)]


@cost.register
def _recurrence(op: Recurrence, shape: StepShape, device: Device) -> list[Load]:
    datatype, rates = rates_in(device, op.compute)

    def one(law: str, time_s: FloatArray, work: Work) -> Load:
        found = load(
            law=law,
            time_s=time_s,
            datatype=datatype,
            peak_flops=rates.peak_flops,
            flops=work.flops,
            memory_bytes=work.memory_bytes,
            bandwidth_bytes_per_s=device.bandwidth_bytes_per_s,
            kernels=float(op.kernels),
        )
        return found.times(op.count)

    decoding, prompts = shape.decode_sequences, shape.prefill_sequences
    step, scan = "attention.recurrent_step", scan_law(op)
    step_s = recurrent_step_time_s(
        rates,
        device.law(step, RecurrentStepCalibration),
        decoding * op.state_bytes,
        decoding * op.bytes_per_row,
        op.kernels,
    )
    scan_s = recurrent_scan_time_s(
        rates,
        device.law(scan, RecurrentScanCalibration),
        prompts,
        shape.prefill_tokens,
        op.state_bytes,
        op.prefill_flops_per_row,
        op.bytes_per_row,
        op.kernels,
    )
    decode, prefill = recurrence_work(op, shape)
    return [one(step, step_s, decode), one(scan, scan_s, prefill)]


def scan_law(op: Recurrence) -> str:
    """The law of prompts: kernels whose decay differs by channel are slower in every chunk."""
    return "attention.recurrent_scan" + (".channel_decay" if op.decay == "per_channel" else "")
