"""What a model family leaves unsaid in its config: biases, norms, defaults.

Only facts of the reference implementations (``transformers``, and the publishers' own code)
that no field tells.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Conventions of one ``model_type``.

    Args:
        attention: which reader builds its attention layers.
        tied: whether the embedding is the output head unless the config says otherwise.
        norms: norms of the stream's width in a layer.
        query_bias: biases on query, key and value unless ``bias_field`` says otherwise.
        output_bias, mlp_bias, expert_bias, router_bias: other biases.
        query_key_norm: a norm over each head's query and key.
        sinks: a learned attention sink a head.
        slides: whether ``sliding_window`` holds without being switched on.
        global_every: with a window, every so many layers see everything (0: none does).
        sub_norms: norms before the output and down projections (BitNet).
        gated: whether the MLP has a gate.
        fixed_ratio: MLP width over hidden size where the config does not tell it.
        shared_experts: experts that every token visits, where no field counts them.
        shared_gate: a gate on them.
        moe_norms: further norms around the experts.
        stretches_context: a scaling of the rotary positions lengthens the context that the
            config names; elsewhere the length counts it already.
        spelling: other names of the common fields.
    """

    attention: str = "grouped-query"
    tied: bool = False
    norms: int = 2
    query_bias: bool = False
    bias_field: str = "attention_bias"
    output_bias: bool = False
    mlp_bias: bool = False
    expert_bias: bool = False
    router_bias: bool = False
    query_key_norm: bool = False
    sinks: bool = False
    slides: bool = False
    global_every: int = 0
    sub_norms: bool = False
    gated: bool = True
    fixed_ratio: int = 0
    shared_experts: int = 0
    shared_gate: bool = False
    moe_norms: int = 0
    stretches_context: bool = True
    spelling: tuple[tuple[str, str], ...] = ()


LLAMA = Family()
_QWEN3 = Family(query_key_norm=True)
_QWEN_HYBRID = Family(attention="gated-delta", query_key_norm=True, shared_gate=True)
_GEMMA2 = Family(tied=True, norms=4, global_every=2)
_GEMMA3 = Family(tied=True, norms=4, global_every=6, query_key_norm=True, stretches_context=False)
_GEMMA4 = Family(attention="gemma-4", tied=True, norms=4, query_key_norm=True, moe_norms=3)
_LLAMA4 = Family(shared_experts=1)
_DEEPSEEK = Family(attention="latent")
_DSA = Family(attention="sparse-latent")
_BLOOM_SPELLING = (
    ("n_layer", "num_hidden_layers"),
    ("n_head", "num_attention_heads"),
    ("n_embed", "hidden_size"),
    ("seq_length", "max_position_embeddings"),
)

FAMILIES: dict[str, Family] = {
    "llama": LLAMA,
    "mistral": Family(slides=True),
    "mixtral": Family(slides=True),
    "ministral": Family(slides=True),
    "phi3": Family(slides=True),
    "qwen2": Family(query_bias=True),
    "qwen2_moe": Family(query_bias=True, shared_gate=True),
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_vl": _QWEN3,
    "qwen3_vl_text": _QWEN3,
    "qwen3_next": _QWEN_HYBRID,
    "qwen3_5": _QWEN_HYBRID,
    "qwen3_5_text": _QWEN_HYBRID,
    "qwen3_5_moe": _QWEN_HYBRID,
    "qwen3_5_moe_text": _QWEN_HYBRID,
    "gemma": Family(tied=True),
    "gemma2": _GEMMA2,
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "gemma4": _GEMMA4,
    "gemma4_text": _GEMMA4,
    "llama4": _LLAMA4,
    "llama4_text": _LLAMA4,
    "gpt_oss": Family(
        query_bias=True, output_bias=True, sinks=True, router_bias=True, expert_bias=True
    ),
    "glm4_moe": Family(router_bias=True),
    "glm_moe_dsa": _DSA,
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK,
    "deepseek_v32": _DSA,
    "deepseek_v4": Family(attention="compressed"),
    "kimi_k2": _DEEPSEEK,
    "kimi_k25": _DEEPSEEK,
    "kimi_k3": Family(attention="kimi-linear", router_bias=True),
    "kimi_linear": Family(attention="kimi-linear", router_bias=True),
    "minimax_m2": Family(query_key_norm=True, router_bias=True),
    "minimax_m3": Family(attention="block-sparse", query_key_norm=True),
    "lfm2": Family(attention="convolution", tied=True, query_key_norm=True),
    "bitnet": Family(tied=True, sub_norms=True),
    "bloom": Family(
        tied=True, query_bias=True, output_bias=True, mlp_bias=True, gated=False,
        fixed_ratio=4, spelling=_BLOOM_SPELLING,
    ),
    "starcoder2": Family(
        tied=True, query_bias=True, output_bias=True, mlp_bias=True, gated=False,
        bias_field="use_bias", slides=True,
    ),
    "engram": Family(attention="engram"),
}  # fmt: skip
"""``model_type`` values whose structure is known."""
