"""Attention and feed-forward of every layer, from the conventions of each config family."""

from simulator.specs.huggingface.fields import Config
from simulator.specs.model import (
    Attention,
    DenseFeedforward,
    Feedforward,
    GroupedQueryAttention,
    LatentAttention,
    MixtureOfExperts,
)

_QKV_BIAS_BY_DEFAULT = frozenset({"qwen2", "qwen2_moe"})
_QUERY_KEY_NORM = frozenset(
    {"qwen3", "qwen3_moe", "qwen3_vl", "qwen3_vl_text", "gemma3", "gemma3_text", "minimax_m2"}
)


def attention_layers(config: Config, model_type: str, layers: int) -> list[Attention]:
    """The attention block of each layer."""
    if config.optional_size("kv_lora_rank"):
        return [_latent(config)] * layers
    reach = _reach_of_layers(config, model_type, layers)
    return [_grouped_query(config, model_type, **limits) for limits in reach]


def _latent(config: Config) -> LatentAttention:
    return LatentAttention(
        query_heads=config.size("num_attention_heads"),
        query_rank=config.optional_size("q_lora_rank"),
        kv_rank=config.size("kv_lora_rank"),
        nope_size=config.size("qk_nope_head_dim"),
        rope_size=config.size("qk_rope_head_dim"),
        value_size=config.size("v_head_dim"),
    )


def _grouped_query(
    config: Config, model_type: str, window: int | None = None, chunk: int | None = None
) -> GroupedQueryAttention:
    heads = config.size("num_attention_heads")
    kv_heads = config.optional_size("num_key_value_heads") or heads
    if heads % kv_heads:
        raise config.error(
            "num_key_value_heads", f"{heads} query heads cannot share {kv_heads} KV heads evenly"
        )
    return GroupedQueryAttention(
        query_heads=heads,
        kv_heads=kv_heads,
        head_size=config.optional_size("head_dim") or config.size("hidden_size") // heads,
        window=window,
        chunk=chunk,
        sinks=model_type == "gpt_oss",
        bias=config.flag("attention_bias", model_type in _QKV_BIAS_BY_DEFAULT),
        output_bias=model_type == "gpt_oss",
        query_key_norm=model_type in _QUERY_KEY_NORM or config.flag("use_qk_norm"),
    )


def _reach_of_layers(
    config: Config, model_type: str, layers: int
) -> list[dict[str, int | None]]:
    """How far back each layer looks: everything, a sliding window, or its own chunk."""
    window = config.optional_size("sliding_window")
    chunk = config.optional_size("attention_chunk_size")
    if model_type.startswith("llama4") and chunk:
        every = config.optional_size("no_rope_layer_interval") or 4
        return [{"chunk": None if (i + 1) % every == 0 else chunk} for i in range(layers)]
    kinds = config.pattern("layer_types", layers)
    if kinds is not None:
        return [{"window": _window_of(config, str(kind), window)} for kind in kinds]
    every = config.optional_size("sliding_window_pattern") or 0
    if window and every:
        return [{"window": None if (i + 1) % every == 0 else window} for i in range(layers)]
    uses_window = config.flag("use_sliding_window", model_type in ("mistral", "mixtral", "phi3"))
    return [{"window": window if uses_window else None}] * layers


def _window_of(config: Config, kind: str, window: int | None) -> int | None:
    if kind == "full_attention":
        return None
    if kind == "sliding_attention" and window:
        return window
    raise config.error(
        "layer_types",
        f"layer kind {kind!r} is not understood",
        "known: full_attention, sliding_attention (with sliding_window)",
    )


def feedforward_layers(config: Config, model_type: str, layers: int) -> list[Feedforward]:
    """The feed-forward block of each layer: dense or a mixture of experts."""
    experts = config.optional_size("n_routed_experts", "num_experts", "num_local_experts")
    if not experts:
        return [_dense(config)] * layers
    moe = _mixture(config, model_type, experts)
    is_moe = _moe_layers(config, layers)
    return [moe if m else _dense(config) for m in is_moe]


def _dense(config: Config) -> DenseFeedforward:
    return DenseFeedforward(
        width=config.optional_size("intermediate_size_mlp") or config.size("intermediate_size"),
        bias=config.flag("mlp_bias"),
    )


def _mixture(config: Config, model_type: str, experts: int) -> MixtureOfExperts:
    width = config.size("moe_intermediate_size", "intermediate_size")
    shared = config.optional_size("n_shared_experts") or (1 if "llama4" in model_type else 0)
    return MixtureOfExperts(
        experts=experts,
        top_k=config.size("num_experts_per_tok", "top_k_experts", "experts_per_token"),
        expert_width=width,
        shared_width=config.optional_size("shared_expert_intermediate_size") or shared * width,
        shared_gate=model_type == "qwen2_moe",
        router_bias=model_type == "gpt_oss",
        bias=model_type == "gpt_oss",
    )


def _moe_layers(config: Config, layers: int) -> list[bool]:
    """Which layers route: after the first dense ones, every n-th, or as listed."""
    kinds = config.pattern("mlp_layer_types", layers)
    if kinds is not None:
        return [kind == "sparse" for kind in kinds]
    dense_first = config.optional_size("first_k_dense_replace") or 0
    step = config.optional_size(
        "moe_layer_freq", "decoder_sparse_step", "interleave_moe_layer_step"
    ) or 1
    listed_dense = config.fields.get("mlp_only_layers") or []
    return [
        i >= dense_first and (i + 1) % step == 0 and i not in listed_dense for i in range(layers)
    ]
