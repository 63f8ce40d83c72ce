"""Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434) with absorbed decode."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.block import BF16, BlockContext, quantise
from simulator.graph.operator import Elementwise, FloatArray, LatentCore, Matmul, Operator, Span
from simulator.specs.model import LatentAttention


@dataclass(frozen=True, slots=True)
class LatentBlock:
    """Query and KV compression, the per-head up-projections, attention, output projection.

    The up-projection of keys and values costs the same whether it is absorbed into the query
    (decode: per head nope × rank and rank × value) or expands the chunk (prefill).
    """

    spec: LatentAttention

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        spec, count, linear = self.spec, context.count, context.linear
        heads = spec.query_heads
        query = heads * (spec.nope_size + spec.rope_size)
        entry = spec.kv_rank + spec.rope_size
        size = context.activation_bytes
        down = (spec.query_rank or query) + entry
        up: list[Operator] = []
        if spec.query_rank:
            up = [
                *quantise("attention.query_up", spec.query_rank, context, linear),
                Matmul("attention.query_up", query, spec.query_rank, linear, count),
            ]
        return [
            *quantise("attention.down", context.hidden, context, linear),
            Matmul("attention.down", down, context.hidden, linear, count),
            Elementwise("attention.latent_norm", 2 * down * size, kernels=2, count=count),
            *up,
            Matmul(
                "attention.key_up", spec.kv_rank, spec.nope_size, BF16, count, groups=heads
            ),
            Elementwise("attention.rope", 2 * query * size, count=count),
            Elementwise(
                "attention.cache_write", entry * (size + context.kv_bytes_per_value), count=count
            ),
            LatentCore(
                "attention.core",
                heads,
                spec.kv_rank,
                spec.nope_size,
                spec.rope_size,
                spec.value_size,
                context.kv_bytes_per_value,
                Span(),
                count,
            ),
            Matmul(
                "attention.value_up", spec.value_size, spec.kv_rank, BF16, count, groups=heads
            ),
            *quantise("attention.out", heads * spec.value_size, context, linear),
            Matmul("attention.out", context.hidden, heads * spec.value_size, linear, count),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: the two latent norms."""
        return (self.spec.query_rank or 0) + self.spec.kv_rank

    def kv_values_per_token(self) -> float:
        """See ``AttentionBlock``: one latent and one rope key, shared by all heads."""
        return float(self.spec.kv_rank + self.spec.rope_size)

    def kv_values(self, context_tokens: FloatArray) -> FloatArray:
        """See ``AttentionBlock``."""
        return np.asarray(context_tokens, dtype=np.float64) * self.kv_values_per_token()

    def state_bytes(self) -> float:
        """See ``AttentionBlock``."""
        return 0.0
