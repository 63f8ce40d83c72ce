"""From the metadata of a GGUF file to the fields of a ``config.json`` that says the same.

llama.cpp's names are those of gguf-py/gguf/constants.py; what its converter takes from a config
(convert_hf_to_gguf.py) is given back under the config's own name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.gguf.header import Header, Length, Value
from simulator.specs.huggingface.family import (
    families_like,
    family_called,
    family_of_architecture,
)

_OTHERWISE_CALLED = {
    "command-r": "cohere",
    "deepseek2": "deepseek_v3",
    "glm-dsa": "glm_moe_dsa",
    "granitehybrid": "granitemoehybrid",
    "hunyuan-dense": "hunyuan_v1_dense",
    "hunyuan-moe": "hunyuan_v1_moe",
    "mistral3": "ministral3",
    "nemotron_h_moe": "nemotron_h",
    "qwen35": "qwen3_5",
    "qwen35moe": "qwen3_5_moe",
    "qwen3vlmoe": "qwen3_vl_moe",
}
"""Architectures whose name in llama.cpp is not that of ``transformers`` without underscores."""

_FIELDS = {
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "context_length": "max_position_embeddings",
    "attention.head_count": "num_attention_heads",
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "attention.chunk_size": "attention_chunk_size",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "expert_shared_count": "n_shared_experts",
    "leading_dense_block_count": "first_k_dense_replace",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "moe_latent_size": "routed_expert_hidden_size",
    "nextn_predict_layers": "num_nextn_predict_layers",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.indexer.head_count": "index_n_heads",
    "attention.indexer.key_length": "index_head_dim",
    "attention.indexer.top_k": "index_topk",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "embedding_length_per_layer_input": "hidden_size_per_layer_input",
    "full_attention_interval": "full_attention_interval",
    "shortconv.l_cache": "conv_L_cache",
}
"""What follows ``<architecture>.`` → the common field."""

_DELTA = {
    "ssm.conv_kernel": "linear_conv_kernel_dim",
    "ssm.state_size": "linear_key_head_dim",
    "ssm.group_count": "linear_num_key_heads",
    "ssm.time_step_rank": "linear_num_value_heads",
}
"""The gated delta net of Qwen3-Next and 3.5, in the words of state spaces."""

_MAMBA = {
    "ssm.conv_kernel": "mamba_d_conv",
    "ssm.state_size": "mamba_d_state",
    "ssm.group_count": "mamba_n_groups",
    "ssm.time_step_rank": "mamba_n_heads",
}
"""State spaces themselves."""


def config_of(header: Header, path: Path) -> dict[str, Any]:
    """The config that the header's metadata amounts to.

    Raises:
        InputError: an architecture that is not known, or a file without a decoder.
    """
    architecture = header.text("general.architecture")
    if architecture is None:
        raise InputError(
            "missing field", file=path, field="general.architecture",
            remedy="convert the model anew: llama.cpp does not load such a file either",
        )  # fmt: skip
    model_type = _model_type(architecture, path)
    said = _Said(header, architecture, path)
    fields: dict[str, Any] = {"model_type": model_type, "torch_dtype": "bfloat16"}
    fields |= {common: value for own, common in _FIELDS.items() if (value := said.number(own))}
    blocks = said.number("block_count") or 0
    fields["num_hidden_layers"] = blocks - (said.number("nextn_predict_layers") or 0)
    experts = said.number("expert_count")
    if experts:
        fields["num_experts"] = experts
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    fields["vocab_size"] = said.vocabulary(shapes)
    fields["tie_word_embeddings"] = "output.weight" not in shapes
    fields["attention_bias"] = any(name.endswith(".attn_q.bias") for name in shapes)
    # The width is that of the matrices; LFM2's config has it before it is adjusted.
    fields["block_auto_adjust_ff_dim"] = False
    fields |= _heads(said)
    fields |= _latent(said)
    fields |= _recurrent(said, model_type)
    fields |= _scaling(said)
    return fields


def _model_type(architecture: str, path: Path) -> str:
    if architecture == "clip":
        raise InputError(
            "this file holds an encoder of images alone (mmproj)",
            file=path,
            field="general.architecture",
            remedy="name the file of the language model that it belongs to",
        )
    called = _OTHERWISE_CALLED.get(architecture, architecture.replace("-", "_"))
    found = called if family_called(called) else family_of_architecture(called)
    if found is None:
        raise InputError(
            f"architecture {architecture!r} is not understood",
            file=path,
            field="general.architecture",
            remedy=f"{families_like(called)}; or name the model's config.json, with --precision",
        )
    return found


class _Said:
    """The metadata of one architecture."""

    def __init__(self, header: Header, architecture: str, path: Path) -> None:
        self.header, self.architecture, self.path = header, architecture, path

    def value(self, name: str) -> Value | None:
        """What stands under ``<architecture>.name``."""
        return self.header.metadata.get(f"{self.architecture}.{name}")

    def number(self, name: str) -> int | None:
        """A whole number; of a list with one for each layer the largest."""
        value = self.value(name)
        if isinstance(value, list):
            sizes = [size for size in value if isinstance(size, int)]
            return max(sizes, default=None)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def vocabulary(self, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
        """Rows of the embedding, or as the metadata counts them."""
        table = shapes.get("token_embd.weight", ())
        if len(table) == 2:
            return table[1]
        tokens = self.header.metadata.get("tokenizer.ggml.tokens")
        return tokens.entries if isinstance(tokens, Length) else self.number("vocab_size")


def _heads(said: _Said) -> dict[str, Any]:
    """KV heads; where some layers have none, those convolve or keep a state."""
    value = said.value("attention.head_count_kv")
    fields: dict[str, Any] = {}
    if said.number("attention.head_count_kv"):
        fields["num_key_value_heads"] = said.number("attention.head_count_kv")
    if isinstance(value, list) and 0 in value and said.number("shortconv.l_cache"):
        fields["layer_types"] = ["full_attention" if heads else "conv" for heads in value]
    return fields


def _latent(said: _Said) -> dict[str, Any]:
    """Head sizes of latent attention: of a key without and with position, and of a value."""
    if not said.number("attention.kv_lora_rank"):
        return {}
    rope = said.number("rope.dimension_count") or 0
    key = said.number("attention.key_length_mla") or said.number("attention.key_length") or 0
    value = said.number("attention.value_length_mla") or said.number("attention.value_length")
    return {"qk_rope_head_dim": rope, "qk_nope_head_dim": key - rope, "v_head_dim": value}


def _recurrent(said: _Said, model_type: str) -> dict[str, Any]:
    if not said.number("ssm.state_size"):
        return {}
    is_delta = said.number("ssm.time_step_rank") and model_type in (
        "qwen3_next",
        "qwen3_5",
        "qwen3_5_moe",
    )
    names = _DELTA if is_delta else _MAMBA
    fields: dict[str, Any] = {
        common: value for own, common in names.items() if (value := said.number(own))
    }
    inner, heads = said.number("ssm.inner_size"), said.number("ssm.time_step_rank")
    if inner and heads:
        fields["linear_value_head_dim" if is_delta else "mamba_d_head"] = inner // heads
    return fields


def _scaling(said: _Said) -> dict[str, Any]:
    kind, factor = said.value("rope.scaling.type"), said.value("rope.scaling.factor")
    if not isinstance(kind, str) or not isinstance(factor, int | float):
        return {}
    original = said.number("rope.scaling.original_context_length")
    scaling = {"rope_type": kind, "factor": factor, "original_max_position_embeddings": original}
    return {"rope_scaling": scaling}
