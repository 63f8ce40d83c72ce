"""Latent attention from a config: DeepSeek V2 to V4, GLM-5."""

from typing import Any

from simulator.specs.huggingface.family import Family, LayerWord
from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.compressed import CompressedAttention
from simulator.specs.kinds.kind import AttentionKind
from simulator.specs.kinds.latent import LatentAttention, SparseLatentAttention


def latent(config: Config, family: Family, _word: LayerWord) -> AttentionKind:
    """DeepSeek V2, V3 and their kin."""
    return config.part(LatentAttention, **_fields(config), gated=config.holds(family.gated))


def _fields(config: Config) -> dict[str, Any]:
    return {
        "query_heads": config.size("num_attention_heads"),
        "query_rank": config.optional_size("q_lora_rank"),
        "kv_rank": config.size("kv_lora_rank"),
        "nope_size": config.size("qk_nope_head_dim"),
        "rope_size": config.size("qk_rope_head_dim"),
        "value_size": config.size("v_head_dim"),
    }


def sparse_latent(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """DeepSeek V3.2 and GLM-5."""
    return config.part(SparseLatentAttention, **_sparse(config))


def shared_sparse_latent(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """GLM-5.2: a layer that takes another's choice."""
    return config.part(SparseLatentAttention, **_sparse(config), shares_index=True)


def _sparse(config: Config) -> dict[str, Any]:
    return {
        **_fields(config),
        "index_heads": config.size("index_n_heads"),
        "index_size": config.size("index_head_dim"),
        "top_k": config.size("index_topk"),
    }


def compressed(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """DeepSeek V4: a window, and beyond it every entry of a heavy compression, if any (HCA)."""
    return config.part(
        CompressedAttention, **_windowed(config), compression=config.optional_size("compression")
    )


def picked_compressed(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """DeepSeek V4: a window, and beyond it picked entries of a light compression (CSA)."""
    return config.part(
        CompressedAttention,
        **_windowed(config),
        compression=config.size("compression"),
        overlap=2,
        top_k=config.size("index_topk"),
        index_heads=config.size("index_n_heads"),
        index_size=config.size("index_head_dim"),
    )


def _windowed(config: Config) -> dict[str, Any]:
    return {
        "query_heads": config.size("num_attention_heads"),
        "query_rank": config.size("q_lora_rank"),
        "head_size": config.size("head_dim"),
        "rope_size": config.size("qk_rope_head_dim"),
        "output_groups": config.size("o_groups"),
        "output_rank": config.size("o_lora_rank"),
        "window": config.size("sliding_window"),
    }
