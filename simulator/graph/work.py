"""How much an operator computes and moves in a step: the numerator of every roofline.

Counted, not timed: FLOPs of matrix work by datatype, and bytes by what they are (weights, cache,
state, tables, activations). Expert weights are those of the experts that a step is expected to
touch when tokens spread evenly.
"""

from collections import defaultdict
from collections.abc import Iterable

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
from simulator.graph.span import Span
from simulator.graph.step_shape import StepShape


def attention_pairs(span: Span, step: StepShape) -> tuple[FloatArray, FloatArray]:
    """Query-entry pairs of the decoding and of the prefilling rows of a step."""
    decode = step.decode_sequences * span.entries(step.decode_context + 1)
    prefill = step.prefill_sequences * span.pairs(step.prefill_tokens, step.prefill_past)
    return decode, prefill


def rows_of(operator: Matmul | Elementwise | Collective, step: StepShape) -> FloatArray:
    """Rows that a token-wise operator works on."""
    return step.tokens if operator.rows == "tokens" else step.logit_rows


def flops(operator: Operator, step: StepShape) -> FloatArray:
    """FLOPs of matrix work of all instances of an operator in a step, on one device."""
    if isinstance(operator, Matmul):
        return operator.count * 2.0 * operator.parameters * rows_of(operator, step)
    if isinstance(operator, Experts):
        visits = step.tokens * operator.data_parallel * operator.top_k / operator.expert_parallel
        return operator.count * 2.0 * visits * operator.parameters / operator.experts
    if isinstance(operator, AttentionCore | Indexer):
        decode, prefill = attention_pairs(operator.span, step)
        return operator.count * operator.flops_per_pair * (decode + prefill)
    if isinstance(operator, LatentCore):
        decode, prefill = attention_pairs(operator.span, step)
        wide = operator.absorbed_flops_per_pair
        narrow = wide if operator.absorbed_prefill else operator.expanded_flops_per_pair
        return operator.count * (wide * decode + narrow * prefill)
    if isinstance(operator, Recurrence):
        decode = step.decode_sequences * operator.decode_flops_per_row
        prefilled = step.prefill_sequences * step.prefill_tokens
        return operator.count * (decode + prefilled * operator.prefill_flops_per_row)
    return np.zeros_like(step.tokens)


def compute_datatype(operator: Operator) -> str | None:
    """Datatype of the matrix unit that an operator uses; None where it only moves bytes."""
    if isinstance(operator, Matmul | Experts):
        return operator.precision.compute
    if isinstance(operator, AttentionCore | LatentCore | Indexer | Recurrence):
        return operator.compute
    return None


def flops_by_datatype(operators: Iterable[Operator], step: StepShape) -> dict[str, FloatArray]:
    """FLOPs of a step, by the datatype that the matrix units multiply."""
    totals: dict[str, FloatArray] = defaultdict(lambda: np.zeros_like(step.tokens))
    for operator in operators:
        datatype = compute_datatype(operator)
        if datatype is not None:
            totals[datatype] = totals[datatype] + flops(operator, step)
    return dict(totals)


def traffic(operators: Iterable[Operator], step: StepShape) -> dict[str, FloatArray]:
    """Bytes that a step moves on one device, by what they are.

    Keys: ``weights``, ``cache``, ``state``, ``tables``, ``activations``. Every cache entry that
    a sequence's rows attend to is read once for the sequence, as tiled kernels do.
    """
    moved = {k: np.zeros_like(step.tokens) for k in _KINDS_OF_BYTES}
    for operator in operators:
        for kind, amount in _bytes(operator, step).items():
            moved[kind] = moved[kind] + operator.count * amount
    return moved


_KINDS_OF_BYTES = ("weights", "cache", "state", "tables", "activations")


def _bytes(operator: Operator, step: StepShape) -> dict[str, FloatArray]:
    """Bytes of one instance."""
    if isinstance(operator, Matmul):
        rows = rows_of(operator, step)
        used = np.where(rows > 0, operator.parameters * operator.precision.weight_bytes, 0.0)
        moved = rows * operator.groups * (operator.k + operator.n) * 2.0
        return {"weights": used, "activations": moved}
    if isinstance(operator, Experts):
        return _expert_bytes(operator, step)
    if isinstance(operator, AttentionCore | LatentCore):
        return {"cache": operator.bytes_per_entry * _entries_read(operator.span, step)}
    if isinstance(operator, Indexer):
        decode, prefill = attention_pairs(operator.span, step)
        keys = operator.bytes_per_entry * _entries_read(operator.span, step)
        return {"cache": keys, "activations": operator.score_bytes_per_pair * (decode + prefill)}
    if isinstance(operator, Recurrence):
        state = 2.0 * operator.state_bytes * step.sequences
        return {"state": state, "activations": operator.bytes_per_row * step.tokens}
    if isinstance(operator, Lookup):
        return {"tables": operator.bytes_per_row * step.tokens}
    if isinstance(operator, Elementwise):
        return {"activations": operator.bytes_per_row * rows_of(operator, step)}
    return {}


def _expert_bytes(operator: Experts, step: StepShape) -> dict[str, FloatArray]:
    tokens = step.tokens * operator.data_parallel
    touched = 1.0 - (1.0 - operator.top_k / operator.experts) ** tokens
    held = operator.parameters / operator.expert_parallel * operator.precision.weight_bytes
    visits = tokens * operator.top_k / operator.expert_parallel
    inner = (3 if operator.gated else 2) * operator.width
    return {"weights": held * touched, "activations": visits * 2.0 * (2 * operator.hidden + inner)}


def _entries_read(span: Span, step: StepShape) -> FloatArray:
    """Cache entries that the sequences of a step read: for a prompt, its union of entries."""
    decode, _ = attention_pairs(span, step)
    length = step.prefill_past + step.prefill_tokens
    if span.window is not None:
        length = np.minimum(length, span.window + step.prefill_tokens)
    return decode + step.prefill_sequences * length / span.compression
