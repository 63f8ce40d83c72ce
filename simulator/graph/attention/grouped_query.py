"""Softmax attention with shared KV heads (MHA, GQA, MQA), full, sliding or chunked.

GQA: Ainslie et al., arXiv:2305.13245. Sliding window: Mistral 7B, arXiv:2310.06825.
"""

from dataclasses import dataclass

import numpy as np

from simulator.graph.block import BlockContext, quantise
from simulator.graph.operator import (
    AttentionCore,
    Elementwise,
    FloatArray,
    Matmul,
    Operator,
    Span,
)
from simulator.specs.model import GroupedQueryAttention


@dataclass(frozen=True, slots=True)
class GroupedQueryBlock:
    """Projections, rope, cache write, the attention itself, and the output projection."""

    spec: GroupedQueryAttention

    @property
    def _value_size(self) -> int:
        return self.spec.value_head_size or self.spec.head_size

    @property
    def _span(self) -> Span:
        return Span(window=self.spec.window, chunk=self.spec.chunk)

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        spec, count = self.spec, context.count
        query = spec.query_heads * spec.head_size
        key = 0 if spec.shares_kv else spec.kv_heads * spec.head_size
        value = 0 if spec.shares_kv else spec.kv_heads * self._value_size
        gate = query if spec.gated else 0
        attended = spec.query_heads * self._value_size
        size = context.activation_bytes
        norms = 2 if spec.query_key_norm else 0
        return [
            *quantise("attention.qkv", context.hidden, context, context.linear),
            Matmul(
                "attention.qkv", query + gate + key + value, context.hidden, context.linear, count
            ),
            Elementwise(
                "attention.rope", 2 * (query + key) * size, kernels=1 + norms, count=count
            ),
            Elementwise(
                "attention.cache_write",
                (key + value) * (size + context.kv_bytes_per_value),
                kernels=0 if spec.shares_kv else 1,
                count=count,
            ),
            AttentionCore(
                "attention.core",
                spec.query_heads,
                spec.kv_heads,
                spec.head_size,
                self._value_size,
                context.kv_bytes_per_value,
                self._span,
                count,
            ),
            *quantise("attention.out", attended, context, context.linear),
            Matmul("attention.out", context.hidden, attended, context.linear, count),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``."""
        spec = self.spec
        query, key = spec.query_heads * spec.head_size, spec.kv_heads * spec.head_size
        value = spec.kv_heads * self._value_size
        bias = query + key + value if spec.bias else 0
        return (
            bias
            + (hidden if spec.output_bias else 0)
            + (2 * spec.head_size if spec.query_key_norm else 0)
            + (spec.query_heads if spec.sinks else 0)
        )

    def kv_values_per_token(self) -> float:
        """See ``AttentionBlock``; a sliding window keeps nothing for far tokens."""
        if self.spec.shares_kv or self.spec.window or self.spec.chunk:
            return 0.0
        return self._values_per_entry

    def kv_values(self, context_tokens: FloatArray) -> FloatArray:
        """See ``AttentionBlock``."""
        if self.spec.shares_kv:
            return np.zeros_like(np.asarray(context_tokens, dtype=np.float64))
        return self._span.kept(context_tokens) * self._values_per_entry

    def state_bytes(self) -> float:
        """See ``AttentionBlock``."""
        return 0.0

    @property
    def _values_per_entry(self) -> float:
        return float(self.spec.kv_heads * (self.spec.head_size + self._value_size))
