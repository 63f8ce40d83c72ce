"""Grouped-query attention from a config: heads, biases, norms, gates, and how far it looks."""

from typing import Any

from simulator.specs.huggingface.family import Family, LayerWord
from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.block_sparse import BlockSparseAttention
from simulator.specs.kinds.grouped_query import GroupedQueryAttention
from simulator.specs.kinds.kind import AttentionKind


def grouped_query(config: Config, family: Family, word: LayerWord) -> AttentionKind:
    """Ordinary attention over all that the layer's word lets it see."""
    return config.part(
        GroupedQueryAttention, **_fields(config, family), **_reach(config, word.reach)
    )


def block_sparse(config: Config, family: Family, _word: LayerWord) -> AttentionKind:
    """MiniMax-M3: attention over picked blocks."""
    sparse = config.inner("sparse_attention_config")
    return config.part(
        BlockSparseAttention,
        **_fields(config, family),
        block_size=sparse.size("sparse_block_size"),
        top_blocks=sparse.size("sparse_topk_blocks"),
        index_heads=sparse.size("sparse_num_index_heads"),
        index_size=sparse.size("sparse_index_dim"),
    )


def _fields(config: Config, family: Family) -> dict[str, Any]:
    """The fields of ordinary attention, without limits on how far it sees."""
    heads = config.size("num_attention_heads")
    kv_heads = config.optional_size("num_key_value_heads") or heads
    if heads % kv_heads:
        raise config.error(
            "num_key_value_heads", f"{heads} query heads cannot share {kv_heads} KV heads evenly"
        )
    return {
        "query_heads": heads,
        "kv_heads": kv_heads,
        "head_size": config.optional_size("head_dim") or config.size("hidden_size") // heads,
        "value_head_size": config.optional_size("v_head_dim"),
        "sinks": config.holds(family.sinks),
        "bias": config.holds(family.query_bias),
        "output_bias": config.holds(family.output_bias),
        "query_key_norm": config.holds(family.query_key_norm),
        "norm_spans_heads": config.holds(family.norm_spans_heads),
        "gated": config.holds(family.gated),
        "head_gate": config.holds(family.head_gate),
        "value_from_key": config.holds(family.value_from_key),
        "sub_norm": config.holds(family.sub_norms),
    }


def _reach(config: Config, reach: str) -> dict[str, int]:
    """How far back the layer looks.

    Raises:
        InputError: the size of its window or chunk is not told.
    """
    sizes = {"window": "sliding_window", "chunk": "attention_chunk_size"}
    if reach not in sizes:
        return {}
    size = config.optional_size(sizes[reach])
    if size is None:
        raise config.error(
            sizes[reach], f"missing field, but layers of the model have a {reach}", "add it"
        )
    return {reach: size}
