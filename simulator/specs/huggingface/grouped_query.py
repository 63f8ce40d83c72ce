"""Layers of grouped-query attention, with the windows and chunks of their families."""

from typing import Any

from simulator.errors import nearest
from simulator.specs.huggingface.families import Family
from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.block_sparse import BlockSparseAttention
from simulator.specs.kinds.grouped_query import GroupedQueryAttention
from simulator.specs.kinds.kind import AttentionKind


def grouped_query_layers(config: Config, family: Family, layers: int) -> list[AttentionKind]:
    """The attention of each layer of a Llama-like decoder."""
    fields = grouped_query(config, family)
    return [
        config.part(GroupedQueryAttention, **fields, **reach)
        for reach in _reach_of_layers(config, family, layers)
    ]


def grouped_query(config: Config, family: Family) -> dict[str, Any]:
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
        "sinks": family.sinks,
        "bias": config.flag(family.bias_field, family.query_bias),
        "output_bias": family.output_bias,
        "query_key_norm": family.query_key_norm or config.flag("use_qk_norm"),
        "sub_norm": family.sub_norms,
    }


def _reach_of_layers(config: Config, family: Family, layers: int) -> list[dict[str, Any]]:
    """How far back each layer looks: everything, a sliding window, or its own chunk."""
    window = config.optional_size("sliding_window")
    chunk = config.optional_size("attention_chunk_size")
    kinds = config.pattern("layer_types", layers)
    if kinds is not None:
        return [reach_of(config, str(kind), window, chunk) for kind in kinds]
    if chunk:
        every = config.optional_size("no_rope_layer_interval") or 4
        return [{} if (i + 1) % every == 0 else {"chunk": chunk} for i in range(layers)]
    every = config.optional_size("sliding_window_pattern") or family.global_every
    if window and every:
        return [{} if (i + 1) % every == 0 else {"window": window} for i in range(layers)]
    slides = config.flag("use_sliding_window", family.slides)
    # Qwen 2 sees everything in its first layers.
    first = config.optional_size("max_window_layers") or 0
    return [{"window": window} if slides and window and i >= first else {} for i in range(layers)]


def reach_of(config: Config, kind: str, window: int | None, chunk: int | None) -> dict[str, Any]:
    """What ``layer_types`` says of one layer.

    Raises:
        InputError: a kind that is not understood, or without the size that it needs.
    """
    known = {
        "full_attention": {},
        "sliding_attention": {"window": window},
        "chunked_attention": {"chunk": chunk},
    }
    if kind not in known:
        raise config.error(
            "layer_types", f"layer kind {kind!r} is not understood", nearest(kind, known)
        )
    if None in known[kind].values():
        missing = "sliding_window" if kind == "sliding_attention" else "attention_chunk_size"
        raise config.error(missing, f"missing field, but layer_types names {kind}", "add it")
    return known[kind]


def gemma4_layers(config: Config, family: Family, layers: int) -> list[AttentionKind]:
    """Gemma 4: sliding layers, and global ones with heads of another size and shared K and V.

    The last ``num_kv_shared_layers`` read the cache of the last layer of their kind before.
    """
    kinds = config.pattern("layer_types", layers)
    if kinds is None:
        raise config.error("layer_types", "missing field", "add the list of layer kinds")
    fields = grouped_query(config, family)
    shared = config.flag("attention_k_eq_v")
    far = {
        "head_size": config.optional_size("global_head_dim") or fields["head_size"],
        "kv_heads": config.optional_size("num_global_key_value_heads") or fields["kv_heads"],
        "value_from_key": shared,
    }
    first_shared = layers - (config.optional_size("num_kv_shared_layers") or 0)
    window = config.optional_size("sliding_window")
    found: list[AttentionKind] = []
    for index, kind in enumerate(kinds):
        reach = reach_of(config, str(kind), window, None)
        wide = {} if reach else far
        own = {**fields, **reach, **wide, "shares_kv": index >= first_shared}
        found.append(config.part(GroupedQueryAttention, **own))
    return found


def block_sparse_layers(config: Config, family: Family, layers: int) -> list[AttentionKind]:
    """MiniMax-M3: full attention in the first layers, picked blocks in the others."""
    fields = grouped_query(config, family)
    full = config.part(GroupedQueryAttention, **fields)
    if not config.has("sparse_attention_config"):
        return [full] * layers
    sparse = config.inner("sparse_attention_config")
    if not sparse.flag("use_sparse_attention", True):
        return [full] * layers
    picked = config.part(
        BlockSparseAttention,
        **fields,
        block_size=sparse.size("sparse_block_size"),
        top_blocks=sparse.size("sparse_topk_blocks"),
        index_heads=sparse.size("sparse_num_index_heads"),
        index_size=sparse.size("sparse_index_dim"),
    )
    which = sparse.pattern("sparse_attention_freq", layers) or [1] * layers
    return [picked if w else full for w in which]
