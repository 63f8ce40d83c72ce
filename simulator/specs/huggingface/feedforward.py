"""Feed-forward of every layer: dense, or a mixture of experts from some layer on."""

from simulator.specs.huggingface.families import Family
from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.feedforward import DenseFeedforward, MixtureOfExperts
from simulator.specs.kinds.kind import FeedforwardKind

_EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts")


def feedforward_layers(config: Config, family: Family, layers: int) -> list[FeedforwardKind]:
    """The feed-forward of each layer."""
    if not config.optional_size(*_EXPERTS):
        dense, wide = _dense(config, family), _dense(config, family, 2)
        # Gemma 4 E2B widens the layers that read an earlier layer's cache.
        widened = config.optional_size("num_kv_shared_layers") or 0
        if not config.flag("use_double_wide_mlp"):
            widened = 0
        return [dense] * (layers - widened) + [wide] * widened
    hashed = config.optional_size("num_hash_layers") or 0
    return [
        _mixture(config, family, index < hashed) if routes else _dense(config, family)
        for index, routes in enumerate(_moe_layers(config, layers))
    ]


def _dense(config: Config, family: Family, times: int = 1) -> FeedforwardKind:
    width = config.optional_size("intermediate_size_mlp", "dense_intermediate_size")
    return config.part(
        DenseFeedforward,
        width=times * (width or _width(config, family)),
        gated=family.gated,
        bias=config.flag("mlp_bias", family.mlp_bias),
        sub_norm=family.sub_norms,
    )


def _width(config: Config, family: Family) -> int:
    if family.fixed_ratio:
        return config.optional_size("intermediate_size") or family.fixed_ratio * config.size(
            "hidden_size"
        )
    if config.has("block_ff_dim"):
        return _adjusted(config)
    return config.size("intermediate_size")


def _adjusted(config: Config) -> int:
    """LFM2 writes the width before SwiGLU's two thirds and the rounding up."""
    width = config.size("block_ff_dim")
    if not config.flag("block_auto_adjust_ff_dim", True):
        return width
    multiple = config.optional_size("block_multiple_of") or 256
    return -(-(2 * width // 3) // multiple) * multiple


def _mixture(config: Config, family: Family, hash_routed: bool) -> FeedforwardKind:
    width = config.size("moe_intermediate_size", "intermediate_size")
    count = config.optional_size("n_shared_experts", "num_shared_experts") or family.shared_experts
    shared = config.optional_size("shared_expert_intermediate_size")
    if config.flag("enable_moe_block"):
        # Gemma 4 runs its dense MLP beside the experts.
        shared = config.size("intermediate_size")
    return config.part(
        MixtureOfExperts,
        experts=config.size(*_EXPERTS),
        top_k=config.size(
            "num_experts_per_tok", "num_experts_per_token", "top_k_experts", "experts_per_token"
        ),
        expert_width=width,
        shared_width=shared or count * width,
        latent=config.optional_size("routed_expert_hidden_size"),
        shared_gate=family.shared_gate,
        router_bias=family.router_bias
        or config.text("topk_method") == "noaux_tc"
        or config.flag("use_routing_bias"),
        hash_routed=hash_routed,
        bias=family.expert_bias,
        norms=family.moe_norms,
    )


def _moe_layers(config: Config, layers: int) -> list[bool]:
    """Which layers route: after the first dense ones, every n-th, or as listed."""
    kinds = config.pattern("mlp_layer_types", layers)
    if kinds is not None:
        return [kind == "sparse" for kind in kinds]
    if isinstance(config.fields.get("moe_layer_freq"), list):
        return [bool(routes) for routes in config.pattern("moe_layer_freq", layers) or []]
    dense_first = config.optional_size("first_k_dense_replace") or 0
    step = (
        config.optional_size("moe_layer_freq", "decoder_sparse_step", "interleave_moe_layer_step")
        or 1
    )
    listed_dense = config.numbers("mlp_only_layers") or []
    return [
        i >= dense_first and (i + 1) % step == 0 and i not in listed_dense for i in range(layers)
    ]
