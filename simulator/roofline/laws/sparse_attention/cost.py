"""Loads of attention to picked entries."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.operator import AttentionCore, FloatArray, LatentCore, Work
from simulator.graph.span import Span
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.rates import Rates
from simulator.roofline.laws.sparse_attention.constants import GATHER
from simulator.roofline.laws.sparse_attention.formula import gather_attention_time_s
from simulator.roofline.laws.sparse_attention.kernels import GatherKernel

_NARROW = "fp8"
"""Variant of kernels for entries of 8 bits."""

_NARROW_BYTES_PER_VALUE = 1.5
"""Entries below this are 8-bit ones (with their scales and some values in 16 bits)."""


def gathers(op: AttentionCore | LatentCore) -> bool:
    """Whether each row of a prompt attends to entries of its own rather than to a stretch."""
    if isinstance(op, LatentCore):
        return op.absorbed_prefill
    return op.span.top_k is not None or op.span.compression > 1 or op.shared_key_value


def gathered_decode(
    op: AttentionCore | LatentCore, shape: StepShape, rates: Rates, book: LawBook
) -> Load:
    """The load of the decoding rows of a core that ``gathers``."""
    pairs, _ = op.span.pairs_in(shape)
    rows, (work, _) = shape.decode_rows, op.phases(shape)
    found = _Gathered(
        rows, pairs, work, shape.decode_sequences, shape.decode_width, shape.decode_context
    )
    return _gathered(op, found, rates, book, is_prefill=False)


def gathered_prefill(
    op: AttentionCore | LatentCore, shape: StepShape, rates: Rates, book: LawBook
) -> Load:
    """The load of the prefilling rows of a core that ``gathers``."""
    _, pairs = op.span.pairs_in(shape)
    rows = shape.prefill_sequences * shape.prefill_tokens
    _, work = op.phases(shape)
    found = _Gathered(
        rows, pairs, work, shape.prefill_sequences, shape.prefill_tokens, shape.prefill_past
    )
    return _gathered(op, found, rates, book, is_prefill=True)


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
    op: AttentionCore | LatentCore,
    found: _Gathered,
    rates: Rates,
    book: LawBook,
    *,
    is_prefill: bool,
) -> Load:
    variant = _variant(op, book, is_prefill)
    law = book.law(GATHER, variant)
    kernel = law.kernels
    datatype, in_datatype = rates.narrowed(op.compute)
    if isinstance(op, LatentCore):
        shared, dims = 1, 2 * op.kv_rank + op.rope_size
    else:
        shared, dims = op.kv_heads, op.key_size + op.value_size
    launches = np.ceil(found.sequences / kernel.sequences) if is_prefill else 1.0
    time_s = gather_attention_time_s(
        in_datatype,
        kernel,
        law.constants,
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
    streamed_s = found.work.memory_bytes / rates.bandwidth_bytes_per_s
    one = load(
        law=GATHER.named(variant),
        time_s=np.where(time_s > 0, np.maximum(time_s, streamed_s), 0.0),
        datatype=datatype,
        peak_flops=in_datatype.peak_flops,
        flops=found.work.flops,
        memory_bytes=found.work.memory_bytes,
        bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
    )
    return one.times(op.count)


def _variant(op: AttentionCore | LatentCore, book: LawBook, is_prefill: bool) -> str:
    """The kernels of a core; 8-bit entries have their own where they were measured."""
    parts: list[str] = []
    if isinstance(op, AttentionCore):
        parts.append("compressed" if op.shared_key_value else "blocks")
        if op.shared_key_value and not is_prefill:
            parts.append("decode")
    narrow = ".".join((*parts, _NARROW))
    if op.kv_bytes_per_value < _NARROW_BYTES_PER_VALUE and book.has(GATHER, narrow):
        kernel = book.law(GATHER, narrow).kernels
        if not (is_prefill and op.query_heads >= kernel.prefill_heads):
            return narrow
    return ".".join(parts)
