"""Layers of latent attention: DeepSeek V2 and V3, sparse in V3.2 and GLM-5, compressed in V4."""

from typing import Any

from simulator.specs.huggingface.families import Family
from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.compressed import CompressedAttention
from simulator.specs.kinds.kind import AttentionKind
from simulator.specs.kinds.latent import LatentAttention, SparseLatentAttention


def latent(config: Config) -> dict[str, Any]:
    """The fields of latent attention."""
    return {
        "query_heads": config.size("num_attention_heads"),
        "query_rank": config.optional_size("q_lora_rank"),
        "kv_rank": config.size("kv_lora_rank"),
        "nope_size": config.size("qk_nope_head_dim"),
        "rope_size": config.size("qk_rope_head_dim"),
        "value_size": config.size("v_head_dim"),
    }


def latent_layers(config: Config, _family: Family, layers: int) -> list[AttentionKind]:
    """DeepSeek V2, V3 and their kin."""
    return [config.part(LatentAttention, **latent(config))] * layers


def sparse_latent_layers(config: Config, _family: Family, layers: int) -> list[AttentionKind]:
    """DeepSeek V3.2 and GLM-5; layers of GLM-5.2 that are ``shared`` take another's choice."""
    sparse = {
        **latent(config),
        "index_heads": config.size("index_n_heads"),
        "index_size": config.size("index_head_dim"),
        "top_k": config.size("index_topk"),
    }
    kinds = config.pattern("indexer_types", layers) or ["full"] * layers
    for kind in kinds:
        if kind not in ("full", "shared"):
            raise config.error(
                "indexer_types", f"indexer kind {kind!r} is not understood", "known: full, shared"
            )
    return [
        config.part(SparseLatentAttention, **sparse, shares_index=kind == "shared")
        for kind in kinds
    ]


CSA_RATIO = 4
"""The compression at which DeepSeek-V4 picks entries; heavier compression keeps them all."""


def compressed_layers(config: Config, _family: Family, layers: int) -> list[AttentionKind]:
    """DeepSeek V4: a window alone (ratio 0), CSA (4) or HCA (more), layer by layer."""
    fields: dict[str, Any] = {
        "query_heads": config.size("num_attention_heads"),
        "query_rank": config.size("q_lora_rank"),
        "head_size": config.size("head_dim"),
        "rope_size": config.size("qk_rope_head_dim"),
        "output_groups": config.size("o_groups"),
        "output_rank": config.size("o_lora_rank"),
        "window": config.size("sliding_window"),
    }
    picked = {
        "compression": CSA_RATIO,
        "overlap": 2,
        "top_k": config.size("index_topk"),
        "index_heads": config.size("index_n_heads"),
        "index_size": config.size("index_head_dim"),
    }
    ratios = config.pattern("compress_ratios", layers)
    if ratios is None:
        raise config.error("compress_ratios", "missing field", "add the ratio of each layer")
    found: list[AttentionKind] = []
    for ratio in ratios:
        if type(ratio) is not int or ratio < 0:
            raise config.error("compress_ratios", f"ratio {ratio!r} is not understood")
        chosen = picked if ratio == CSA_RATIO else {"compression": ratio or None}
        found.append(config.part(CompressedAttention, **fields, **chosen))
    return found
