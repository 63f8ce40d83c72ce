"""Loads of attention cores: softmax over the cache, in decode and in prefill."""

import numpy as np

from simulator.graph.operator import AttentionCore, FloatArray, LatentCore
from simulator.graph.operator.base import Work
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.attention.constants import (
    DECODE,
    LATENT_DECODE,
    LATENT_PREFILL,
    PREFILL,
)
from simulator.roofline.laws.attention.formula import (
    decode_attention_time_s,
    mla_decode_time_s,
    mla_prefill_time_s,
    prefill_attention_time_s,
)
from simulator.roofline.laws.attention.kernels import AttentionKernel
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.law import ConstantsT, Law, LawKind
from simulator.roofline.laws.load import Load, load
from simulator.roofline.laws.rates import DeviceRates, Rates
from simulator.roofline.laws.sparse_attention.cost import (
    gathered_decode,
    gathered_prefill,
    gathers,
)

_NARROW = "fp8"
"""Variant of kernels for caches of 8 bits."""


def _law(
    kind: LawKind[ConstantsT, AttentionKernel],
    op: AttentionCore | LatentCore,
    rates: Rates,
    book: LawBook,
) -> tuple[Law[ConstantsT, AttentionKernel], str, DeviceRates]:
    """The law of a phase, the datatype its products run in, and the device's rates in that.

    An 8-bit cache has kernels of its own where they were measured; they multiply in 8 bits.
    """
    law, wanted = book.law(kind), op.compute
    if op.kv_bytes_per_value == 1.0 and book.has(kind, _NARROW) and _NARROW in rates.peaks:
        law = book.law(kind, _NARROW)
        if not law.kernels.widens_cache:
            wanted = _NARROW
    return law, *rates.attending(wanted)


def _core(
    law: str, time_s: FloatArray, work: Work, datatype: str, in_datatype: DeviceRates
) -> Load:
    """The load of one phase's core."""
    return load(
        law=law,
        time_s=time_s,
        datatype=datatype,
        peak_flops=in_datatype.peak_flops,
        flops=work.flops,
        memory_bytes=work.memory_bytes,
        bandwidth_bytes_per_s=in_datatype.bandwidth_bytes_per_s,
    )


@cost.register
def _attention(op: AttentionCore, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    if gathers(op) and op.shared_key_value:
        return [gathered_decode(op, shape, rates, book), gathered_prefill(op, shape, rates, book)]
    law, datatype, in_datatype = _law(DECODE, op, rates, book)
    window = np.inf if op.span.window is None else float(op.span.window)
    heads = (op.query_heads, op.kv_heads, op.key_size)
    # Rows of one sequence share what they read, as the heads of a group do.
    queries = op.query_heads * shape.decode_width
    # The new tokens attend to themselves too.
    length = shape.decode_context + shape.decode_width
    context = op.span.entries(length)
    # The kernel itself leaves out what lies before a window; all else it is given as it is.
    reads_all = op.span.chunk is None and op.span.top_k is None and op.span.compression == 1
    decode_s = decode_attention_time_s(
        in_datatype,
        law.kernels,
        law.constants,
        shape.decode_sequences,
        length if reads_all else context,
        queries,
        *heads[1:],
        value_dim=op.value_size,
        values_within_keys=op.shared_key_value,
        kv_bytes_per_value=op.kv_bytes_per_value,
        window_tokens=window,
    )
    decoding, prefilling = op.phases(shape)
    decode_s = np.where(shape.decode_sequences > 0, decode_s, 0.0)
    decode = _core(law.name, decode_s, decoding, datatype, in_datatype)
    if gathers(op):
        return [decode.times(op.count), gathered_prefill(op, shape, rates, book)]
    prompts, datatype, in_datatype = _law(PREFILL, op, rates, book)
    reach = min(window, np.inf if op.span.chunk is None else float(op.span.chunk))
    prefill_s = prefill_attention_time_s(
        in_datatype,
        prompts.kernels,
        prompts.constants,
        shape.prefill_sequences,
        shape.prefill_tokens,
        shape.prefill_past,
        *heads,
        value_dim=op.value_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
        window_tokens=reach,
        causal=op.span.causal,
    )
    prefill_s = np.where(shape.prefill_sequences > 0, prefill_s, 0.0)
    prefill = _core(prompts.name, prefill_s, prefilling, datatype, in_datatype)
    return [decode.times(op.count), prefill.times(op.count)]


@cost.register
def _latent(op: LatentCore, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    if gathers(op):
        return [gathered_decode(op, shape, rates, book), gathered_prefill(op, shape, rates, book)]
    law, datatype, in_datatype = _law(LATENT_DECODE, op, rates, book)
    context = op.span.entries(shape.decode_context + shape.decode_width)
    decode_s = mla_decode_time_s(
        in_datatype,
        law.kernels,
        law.constants,
        shape.decode_sequences,
        context,
        op.query_heads * shape.decode_width,
        latent_dim=op.kv_rank,
        rope_dim=op.rope_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
    )
    decoding, prefilling = op.phases(shape)
    decode_s = np.where(shape.decode_sequences > 0, decode_s, 0.0)
    decode = _core(law.name, decode_s, decoding, datatype, in_datatype)
    prompts, datatype, in_datatype = _law(LATENT_PREFILL, op, rates, book)
    key = op.nope_size + op.rope_size
    prefill_s = mla_prefill_time_s(
        in_datatype,
        prompts.kernels,
        prompts.constants,
        shape.prefill_sequences,
        shape.prefill_tokens,
        shape.prefill_past,
        op.query_heads,
        key_dim=key,
        value_dim=op.value_size,
        kv_bytes_per_value=op.kv_bytes_per_value,
    )
    prefill_s = np.where(shape.prefill_sequences > 0, prefill_s, 0.0)
    prefill = _core(prompts.name, prefill_s, prefilling, datatype, in_datatype)
    return [decode.times(op.count), prefill.times(op.count)]
