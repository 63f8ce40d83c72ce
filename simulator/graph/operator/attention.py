"""Scores, softmax and weighted values over the cache, of keys and values or of latents."""

from dataclasses import dataclass

from simulator.graph.operator.base import ContextOperator, Work
from simulator.graph.span import EVERYTHING, Span
from simulator.graph.step_shape import StepShape


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionCore(ContextOperator):
    """Scores, softmax and weighted values over the cache, for decoding and prefilling rows.

    ``key_size`` and ``value_size`` are values per KV head and entry. With ``shared_key_value``
    the value is a part of the key (absorbed latent attention reads the entry once).
    """

    query_heads: int
    kv_heads: int
    key_size: int
    value_size: int
    kv_bytes_per_value: float
    span: Span = EVERYTHING
    shared_key_value: bool = False
    compute: str = "bf16"

    @property
    def bytes_per_entry(self) -> float:
        """Bytes read for one cache entry."""
        values = self.key_size if self.shared_key_value else self.key_size + self.value_size
        return self.kv_heads * values * self.kv_bytes_per_value

    @property
    def flops_per_pair(self) -> float:
        """FLOPs of one query row with one entry: two for each value of key and of value."""
        return 2.0 * self.query_heads * (self.key_size + self.value_size)

    @property
    def compute_datatype(self) -> str:
        """See ``Operator``."""
        return self.compute

    def phases(self, step: StepShape) -> tuple[Work, Work]:
        """See ``ContextOperator``: entries are read once for the sequence that attends to them."""
        return _attending(self, step, self.flops_per_pair, self.flops_per_pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentCore(ContextOperator):
    """Latent attention: absorbed (576-wide entries shared by all heads) or expanded per head.

    Decode is absorbed, prefill expands keys and values per head, unless ``absorbed_prefill``:
    sparse attention gathers single latents, which nobody expands.
    """

    query_heads: int
    kv_rank: int
    nope_size: int
    rope_size: int
    value_size: int
    kv_bytes_per_value: float
    span: Span = EVERYTHING
    compute: str = "bf16"
    absorbed_prefill: bool = False

    @property
    def bytes_per_entry(self) -> float:
        """Bytes read for one cache entry."""
        return (self.kv_rank + self.rope_size) * self.kv_bytes_per_value

    @property
    def absorbed_flops_per_pair(self) -> float:
        """FLOPs of one query row with one latent: scores over rank + rope, values over rank."""
        return 2.0 * self.query_heads * (2 * self.kv_rank + self.rope_size)

    @property
    def expanded_flops_per_pair(self) -> float:
        """FLOPs of one query row with one key and value expanded per head."""
        return 2.0 * self.query_heads * (self.nope_size + self.rope_size + self.value_size)

    @property
    def compute_datatype(self) -> str:
        """See ``Operator``."""
        return self.compute

    def phases(self, step: StepShape) -> tuple[Work, Work]:
        """See ``ContextOperator``: entries are read once for the sequence that attends to them."""
        decoding = self.absorbed_flops_per_pair
        prefilling = decoding if self.absorbed_prefill else self.expanded_flops_per_pair
        return _attending(self, step, decoding, prefilling)


def _attending(
    op: AttentionCore | LatentCore, step: StepShape, decoding: float, prefilling: float
) -> tuple[Work, Work]:
    """Both phases, by the FLOPs of a pair in each."""
    decode, prefill = op.span.pairs_in(step)
    seen = op.span.entries_of_prompts(step, prefill)
    read = op.span.entries_of_decoding(step)
    return (
        Work(decode * decoding, {"cache": read * op.bytes_per_entry}),
        Work(prefill * prefilling, {"cache": seen * op.bytes_per_entry}),
    )
