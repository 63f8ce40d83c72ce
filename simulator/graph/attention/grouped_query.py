"""Softmax attention with shared KV heads (MHA, GQA, MQA), full, sliding or chunked.

GQA: Ainslie et al., arXiv:2305.13245. Sliding window: Mistral 7B, arXiv:2310.06825.
"""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from simulator.graph.block import AttentionBlock, BlockContext, CacheFormat, divide, quantise
from simulator.graph.operator import AttentionCore, Elementwise, FloatArray, Matmul, Operator
from simulator.graph.span import Span
from simulator.specs.model import Size


class SharedKeyAttention(AttentionBlock):
    """Projections, rope, cache write, the attention itself, and the output projection.

    Args:
        query_heads, kv_heads: heads of queries, and heads that are cached.
        head_size, value_head_size: values of a key, and of a value where that differs.
        window: only the last so many tokens are seen and kept (sliding).
        chunk: only tokens of the same chunk are seen (Llama 4).
        sinks: one learned sink a head (gpt-oss).
        bias, output_bias: biases on query, key and value, and on the output.
        query_key_norm: a norm over each head's query and key.
        gated: the output is multiplied by a gate as wide as itself (Qwen3-Next).
        shares_kv: the layer reads an earlier layer's cache and keeps none (Gemma 3n).
        value_from_key: keys and values come from one projection, yet both are cached (Gemma 4).
        sub_norm: a norm before the output projection (BitNet).
        causal: False where every token sees the whole sequence (encoders).
    """

    query_heads: Size
    kv_heads: Size
    head_size: Size
    value_head_size: Size | None = None
    window: Size | None = None
    chunk: Size | None = None
    sinks: bool = False
    bias: bool = False
    output_bias: bool = False
    query_key_norm: bool = False
    gated: bool = False
    shares_kv: bool = False
    value_from_key: bool = False
    sub_norm: bool = False
    causal: bool = True

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.query_heads % self.kv_heads:
            raise ValueError(
                f"{self.query_heads} query heads cannot share {self.kv_heads} KV heads evenly"
            )
        if self.window and self.chunk:
            raise ValueError("a layer has a window or a chunk, not both")
        return self

    @property
    def span(self) -> Span:
        """Which earlier tokens a query sees."""
        return Span(window=self.window, chunk=self.chunk, causal=self.causal)

    @property
    def value_size(self) -> int:
        """Values of one cached value vector."""
        return self.value_head_size or self.head_size

    @property
    def _widths(self) -> tuple[int, int, int]:
        """Columns of the query, key and value projections."""
        query = self.query_heads * self.head_size
        if self.shares_kv:
            return query, 0, 0
        value = 0 if self.value_from_key else self.kv_heads * self.value_size
        return query, self.kv_heads * self.head_size, value

    @property
    def _index_columns(self) -> int:
        """Further columns of the fused projection, for kinds that need some."""
        return 0

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        count, size = context.count, context.activation_bytes
        query, key, _ = self._widths
        projected = sum(self._widths) + (query if self.gated else 0) + self._index_columns
        attended = self.query_heads * self.value_size
        norms = 2 if self.query_key_norm else 0
        gate = [
            Elementwise(
                name="attention.gate",
                role="activation",
                bytes_per_row=3 * attended * size,
                count=count,
            )
        ]
        norm = [
            Elementwise(
                name="attention.sub_norm",
                role="norm",
                bytes_per_row=2 * attended * size,
                count=count,
            )
        ]
        return [
            *quantise("attention.qkv", context.hidden, context, context.linear),
            Matmul(
                name="attention.qkv",
                n=projected,
                k=context.hidden,
                precision=context.linear,
                count=count,
            ),
            Elementwise(
                name="attention.rope",
                role="rope",
                bytes_per_row=2 * (query + key) * size,
                kernels=1 + norms,
                count=count,
            ),
            *self._cache_write(context),
            *self._core(context),
            *(gate if self.gated else []),
            *(norm if self.sub_norm else []),
            *quantise("attention.out", attended, context, context.linear),
            Matmul(
                name="attention.out",
                n=context.hidden,
                k=attended,
                precision=context.linear,
                count=count,
            ),
        ]

    def _cache_write(self, context: BlockContext) -> list[Operator]:
        if self.shares_kv or not self.causal:
            return []
        values = self._values_per_entry
        moved = values * (context.activation_bytes + context.cache.bytes())
        return [
            Elementwise(
                name="attention.cache_write",
                role="cache_write",
                bytes_per_row=moved,
                count=context.count,
            )
        ]

    def _core(self, context: BlockContext) -> list[Operator]:
        return [
            AttentionCore(
                name="attention.core",
                query_heads=self.query_heads,
                kv_heads=self.kv_heads,
                key_size=self.head_size,
                value_size=self.value_size,
                kv_bytes_per_value=context.cache.bytes(),
                span=self.span,
                count=context.count,
            )
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``."""
        return (
            (sum(self._widths) if self.bias else 0)
            + (hidden if self.output_bias else 0)
            + (2 * self.head_size if self.query_key_norm else 0)
            + (self.query_heads if self.sinks else 0)
            + (self.query_heads * self.value_size if self.sub_norm else 0)
        )

    def divisible(self) -> tuple[int, ...]:
        """See ``Block``."""
        return (self.query_heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Block``: with more ranks than KV heads each rank keeps a copy of one."""
        heads = {
            "query_heads": self.query_heads // tp,
            "kv_heads": divide(self.kv_heads, tp),
        }
        return self.model_copy(update=heads)

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionBlock``; a window or chunk keeps nothing for far tokens."""
        if self.shares_kv or self.window or self.chunk or not self.causal:
            return 0.0
        return self._values_per_entry * cache.bytes()

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionBlock``."""
        if self.shares_kv or not self.causal:
            return np.zeros_like(np.asarray(context_tokens, dtype=np.float64))
        return self.span.kept(context_tokens) * self._values_per_entry * cache.bytes()

    @property
    def _values_per_entry(self) -> float:
        return float(self.kv_heads * (self.head_size + self.value_size))


class GroupedQueryAttention(SharedKeyAttention):
    """Attention over all that the span shows."""

    kind: Literal["gqa"] = "gqa"
