"""How much an operator computes and moves in a step: the numerator of every roofline.

Counted, not timed, and counted once: the loads of the cost laws, their energy and every printed
intensity take FLOPs and bytes from here. Bytes are those that pass main memory even if nothing is
read twice: weights once, cache entries once for the sequence that attends to them, rows in and
out of each product. Work is that of one device, the fullest one of its replica.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from simulator.graph.operator import (
    AttentionCore,
    Collective,
    Elementwise,
    Experts,
    FloatArray,
    Indexer,
    LatentCore,
    Lookup,
    Matmul,
    Operator,
    Recurrence,
)
from simulator.graph.routing import ExpertLoads, expert_loads, selection
from simulator.graph.span import Span
from simulator.graph.step_shape import StepShape

KindOfBytes = Literal["weights", "cache", "state", "tables", "activations"]

WIDE_BITS = 16.0
"""Bits of a written result, and of a row that a device cannot multiply in fewer."""


@dataclass(frozen=True, slots=True)
class Work:
    """FLOPs of matrix work and bytes of main memory; a kind of bytes that is absent is none."""

    flops: FloatArray
    moved: Mapping[KindOfBytes, FloatArray] = field(default_factory=dict)

    @property
    def memory_bytes(self) -> FloatArray:
        """All bytes together."""
        return sum(self.moved.values(), start=np.zeros_like(self.flops))

    def times(self, count: float) -> "Work":
        """``count`` runs of the same."""
        return Work(self.flops * count, {kind: size * count for kind, size in self.moved.items()})

    def __add__(self, other: "Work") -> "Work":
        """Both, one after the other."""
        moved = dict(self.moved)
        for kind, size in other.moved.items():
            moved[kind] = moved[kind] + size if kind in moved else size
        return Work(self.flops + other.flops, moved)


def work(operator: Operator, step: StepShape, activation_bits: float | None = None) -> Work:
    """What all instances of an operator do in a step.

    Products read their rows at ``activation_bits`` a value, as their precision says if None.
    """
    return _of_one(operator, step, activation_bits).times(operator.count)


def traffic(operators: Iterable[Operator], step: StepShape) -> Mapping[KindOfBytes, FloatArray]:
    """Bytes that the operators of a step move, by what they are."""
    return sum((work(op, step) for op in operators), start=Work(np.zeros_like(step.tokens))).moved


def _of_one(operator: Operator, step: StepShape, activation_bits: float | None) -> Work:
    if isinstance(operator, Matmul):
        return matmul_work(operator, step, activation_bits)
    if isinstance(operator, Experts):
        return experts_work(operator, expert_rows(operator, step), activation_bits)
    if isinstance(operator, AttentionCore | LatentCore):
        decode, prefill = core_work(operator, step)
        return decode + prefill
    if isinstance(operator, Indexer):
        decode, prefill = indexer_work(operator, step)
        return decode + prefill
    if isinstance(operator, Recurrence):
        decode, prefill = recurrence_work(operator, step)
        return decode + prefill
    if isinstance(operator, Lookup):
        return lookup_work(operator, step)
    if isinstance(operator, Elementwise):
        return elementwise_work(operator, step)
    return Work(np.zeros_like(step.tokens))


def compute_datatype(operator: Operator) -> str | None:
    """Datatype of the matrix unit that an operator uses; None where it only moves bytes."""
    if isinstance(operator, Matmul | Experts):
        return operator.precision.compute
    if isinstance(operator, AttentionCore | LatentCore | Indexer | Recurrence):
        return operator.compute
    return None


def rows_of(operator: Matmul | Elementwise | Collective, step: StepShape) -> FloatArray:
    """Rows that a token-wise operator works on: all tokens, or only those that sample."""
    return step.tokens if operator.rows == "tokens" else step.logit_rows


def matmul_work(op: Matmul, step: StepShape, activation_bits: float | None = None) -> Work:
    """One instance; see ``work``."""
    rows, narrow = rows_of(op, step), activation_bits or op.precision.activation_bits
    used = np.where(rows > 0, op.parameters * op.precision.weight_bits / 8.0, 0.0)
    moved = rows * op.groups * (op.k * narrow + op.n * WIDE_BITS) / 8.0
    return Work(2.0 * rows * op.parameters, {"weights": used, "activations": moved})


def expert_rows(op: Experts, step: StepShape) -> ExpertLoads:
    """Rows of each expert of the busiest expert-parallel rank."""
    chosen = selection(op.experts, op.top_k, op.skew, op.redundant)
    return expert_loads(step.tokens * op.data_parallel, chosen, op.expert_parallel)


def experts_work(op: Experts, loads: ExpertLoads, activation_bits: float | None = None) -> Work:
    """One instance: weights of the experts touched, rows in and out of both products."""
    rows, matrices = loads.total_rows(), 3 if op.gated else 2
    narrow = activation_bits or op.precision.activation_bits
    one_expert = matrices * op.hidden * op.width
    read = (op.hidden + op.width) * narrow
    written = ((matrices - 1) * op.width + op.hidden) * WIDE_BITS
    moved: dict[KindOfBytes, FloatArray] = {
        "weights": loads.distinct() * one_expert * op.precision.weight_bits / 8.0,
        "activations": rows * (read + written) / 8.0,
    }
    return Work(2.0 * rows * one_expert, moved)


def attention_pairs(span: Span, step: StepShape) -> tuple[FloatArray, FloatArray]:
    """Query-entry pairs of the decoding and of the prefilling rows of a step."""
    decode = step.decode_sequences * span.entries(step.decode_context + 1)
    prefill = step.prefill_sequences * span.pairs(step.prefill_tokens, step.prefill_past)
    return decode, prefill


def core_work(op: AttentionCore | LatentCore, step: StepShape) -> tuple[Work, Work]:
    """One instance, for the decoding and for the prefilling rows."""
    decode, prefill = attention_pairs(op.span, step)
    if isinstance(op, LatentCore):
        decoding = op.absorbed_flops_per_pair
        prefilling = decoding if op.absorbed_prefill else op.expanded_flops_per_pair
    else:
        decoding = prefilling = op.flops_per_pair
    return (
        Work(decode * decoding, {"cache": decode * op.bytes_per_entry}),
        Work(
            prefill * prefilling,
            {"cache": _entries_seen(op.span, step, prefill) * op.bytes_per_entry},
        ),
    )


def indexer_work(op: Indexer, step: StepShape) -> tuple[Work, Work]:
    """One instance, for the decoding and for the prefilling rows."""
    decode, prefill = attention_pairs(op.span, step)

    def of(pairs: FloatArray, entries: FloatArray) -> Work:
        keys, scores = entries * op.bytes_per_entry, pairs * op.score_bytes_per_pair
        return Work(pairs * op.flops_per_pair, {"cache": keys, "activations": scores})

    return of(decode, decode), of(prefill, _entries_seen(op.span, step, prefill))


def recurrence_work(op: Recurrence, step: StepShape) -> tuple[Work, Work]:
    """One instance, for the decoding and for the prefilling rows; states are read and written."""

    def of(sequences: FloatArray, rows: FloatArray, flops_per_row: float) -> Work:
        state, moved = 2.0 * op.state_bytes * sequences, op.bytes_per_row * rows
        return Work(rows * flops_per_row, {"state": state, "activations": moved})

    decoding, prompts = step.decode_sequences, step.prefill_sequences
    return (
        of(decoding, decoding, op.decode_flops_per_row),
        of(prompts, prompts * step.prefill_tokens, op.prefill_flops_per_row),
    )


def lookup_work(op: Lookup, step: StepShape) -> Work:
    """One instance: rows are read from the table and written where the layer finds them."""
    moved = step.tokens * op.bytes_per_row
    return Work(np.zeros_like(moved), {"tables": moved, "activations": moved})


def elementwise_work(op: Elementwise, step: StepShape) -> Work:
    """One instance."""
    moved = rows_of(op, step) * op.bytes_per_row
    return Work(np.zeros_like(moved), {"activations": moved})


def _entries_seen(span: Span, step: StepShape, pairs: FloatArray) -> FloatArray:
    """Cache entries that any row of a step's prompts attends to, each read once a sequence.

    Where rows pick the best few, they see each other's entries and at least one row's picks of
    what came before; how alike their picks are beyond that nobody has published.
    """
    new, length = step.prefill_tokens, step.prefill_past + step.prefill_tokens
    reach = span.window if span.window is not None else span.chunk
    if reach is not None:
        length = np.minimum(length, reach + new)
    if span.top_k is not None:
        length = np.minimum(length, span.top_k * span.compression + new)
    return np.minimum(step.prefill_sequences * length / span.compression, pairs)
