"""Softmax attention with shared KV heads (MHA, GQA, MQA), full, sliding or chunked.

GQA: Ainslie et al., arXiv:2305.13245. Sliding window: Mistral 7B, arXiv:2310.06825.
"""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from simulator.specs.kinds.kind import AttentionKind, FloatArray, Size, divide
from simulator.specs.precision import CacheFormat


class SharedKeyAttention(AttentionKind):
    """Attention whose query heads share KV heads, and a cache of keys and values.

    Args:
        query_heads, kv_heads: heads of queries, and heads that are cached.
        head_size, value_head_size: values of a key, and of a value where that differs.
        window: only the last so many tokens are seen and kept (sliding).
        chunk: only tokens of the same chunk are seen (Llama 4).
        sinks: one learned sink a head (gpt-oss).
        bias, output_bias: biases on query, key and value, and on the output.
        query_key_norm: a norm over each head's query and key.
        norm_spans_heads: that norm has weights for all heads' values, not one set that heads
            share (OLMo 2, Cohere).
        gated: the output is multiplied by a gate as wide as itself (Qwen3-Next).
        head_gate: each head's output is multiplied by one gate (Step-3.5).
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
    norm_spans_heads: bool = False
    gated: bool = False
    head_gate: bool = False
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
    def value_size(self) -> int:
        """Values of one cached value vector."""
        return self.value_head_size or self.head_size

    @property
    def projected(self) -> tuple[int, int, int]:
        """Columns of the query, key and value projections."""
        query = self.query_heads * self.head_size
        if self.shares_kv:
            return query, 0, 0
        value = 0 if self.value_from_key else self.kv_heads * self.value_size
        return query, self.kv_heads * self.head_size, value

    @property
    def attended(self) -> int:
        """Values of all heads' outputs together."""
        return self.query_heads * self.value_size

    @property
    def values_per_entry(self) -> int:
        """Keys and values of one token, all KV heads together."""
        return self.kv_heads * (self.head_size + self.value_size)

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``."""
        query, key, _ = self.projected
        normed = query + key if self.norm_spans_heads else 2 * self.head_size
        return (
            (sum(self.projected) if self.bias else 0)
            + (hidden if self.output_bias else 0)
            + (normed if self.query_key_norm else 0)
            + (self.query_heads if self.sinks else 0)
            + (self.attended if self.sub_norm else 0)
        )

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return (self.query_heads,)

    def sharded(self, tp: int) -> Self:
        """See ``Kind``: with more ranks than KV heads each rank keeps a copy of one."""
        heads = {
            "query_heads": self.query_heads // tp,
            "kv_heads": divide(self.kv_heads, tp),
        }
        return self.model_copy(update=heads)

    def cached_heads(self) -> int:
        """See ``AttentionKind``."""
        return self.kv_heads

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionKind``; a window or chunk keeps nothing for far tokens."""
        if self.shares_kv or self.window or self.chunk or not self.causal:
            return 0.0
        return self.values_per_entry * cache.bytes()

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionKind``: a window or chunk soon stops growing."""
        tokens = np.asarray(context_tokens, dtype=np.float64)
        if self.shares_kv or not self.causal:
            return np.zeros_like(tokens)
        reach = self.window or self.chunk
        kept = tokens if reach is None else np.minimum(tokens, reach)
        return kept * self.values_per_entry * cache.bytes()


class GroupedQueryAttention(SharedKeyAttention):
    """Attention over all that a window or a chunk leaves to see."""

    kind: Literal["gqa"] = "gqa"
