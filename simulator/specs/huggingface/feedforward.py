"""Feed-forward of every layer: dense, or a mixture of experts in those layers that route."""

import re
from collections.abc import Sequence

from simulator.errors import nearest, shown
from simulator.specs.huggingface.family import Family, LayerWord
from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.feedforward import DenseFeedforward, MixtureOfExperts, NoFeedforward
from simulator.specs.kinds.kind import FeedforwardKind

_HASHED = "hash_moe"
_MLP_WORDS = ("dense", "sparse", "moe", _HASHED)
"""Words of ``mlp_layer_types``; layers whose experts are hashed come first."""

_EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts")


def feedforward_layers(
    configs: Sequence[Config], family: Family, words: Sequence[LayerWord]
) -> list[FeedforwardKind]:
    """The feed-forward of each layer, which has its own config and word."""
    config = configs[0]
    routing = _moe_layers(config, len(words))
    by_hash = [kind == _HASHED for kind in config.fields.get("mlp_layer_types") or ()]
    hashed = config.optional_size("num_hash_layers") or sum(by_hash)
    # Gemma 4 E2B widens the layers that read an earlier layer's cache.
    widened = config.optional_size("num_kv_shared_layers") or 0
    narrow = len(words) - widened * config.flag("use_double_wide_mlp")
    found: list[FeedforwardKind] = []
    for index, (own, word) in enumerate(zip(configs, words, strict=True)):
        kind = word.feedforward
        if kind == "usual":
            kind = "moe" if routing[index] else "dense"
        if kind == "none":
            found.append(NoFeedforward())
        elif kind == "moe":
            found.append(_mixture(own, family, index < hashed))
        else:
            found.append(_dense(own, family, 1 if index < narrow else 2))
    return found


def _dense(config: Config, family: Family, times: int) -> FeedforwardKind:
    return config.part(
        DenseFeedforward,
        width=times * _width(config, family),
        gated=config.holds(family.gated_mlp),
        bias=config.holds(family.mlp_bias),
        sub_norm=config.holds(family.sub_norms),
    )


def _width(config: Config, family: Family) -> int:
    """The width of a dense MLP, which some configs spell apart from that of an expert."""
    width = config.optional_size(
        "intermediate_size_mlp", "dense_intermediate_size", "intermediate_size"
    )
    if width is None and family.mlp_ratio:
        return family.mlp_ratio * config.size("hidden_size")
    if width is None:
        return config.size("intermediate_size")
    if not config.flag("block_auto_adjust_ff_dim"):
        return width
    # LFM2 writes the width before SwiGLU's two thirds and the rounding up.
    multiple = config.optional_size("block_multiple_of") or 256
    return -(-(2 * width // 3) // multiple) * multiple


def _mixture(config: Config, family: Family, hash_routed: bool) -> FeedforwardKind:
    width = config.size("moe_intermediate_size", "intermediate_size")
    count = config.optional_size("n_shared_experts", "num_shared_experts") or family.shared_experts
    shared = config.optional_size("shared_expert_intermediate_size") or count * width
    if config.holds(family.dense_beside):
        shared += _width(config, family)
    experts = config.size(*_EXPERTS)
    chosen = config.size(
        "num_experts_per_tok", "num_experts_per_token", "top_k_experts", "experts_per_token"
    )
    # Experts that do nothing take their share of the choices (LongCat).
    idle = config.optional_size("zero_expert_num") or 0
    return config.part(
        MixtureOfExperts,
        experts=experts,
        top_k=max(1, round(chosen * experts / (experts + idle))),
        idle_experts=idle,
        expert_width=width,
        shared_width=shared,
        latent=config.optional_size("routed_expert_hidden_size"),
        gated=config.holds(family.gated_mlp),
        shared_gate=config.holds(family.shared_gate),
        router_bias=config.holds(family.router_bias) or config.text("topk_method") == "noaux_tc",
        hash_routed=hash_routed,
        bias=config.holds(family.expert_bias),
        norms=family.moe_norms,
    )


def _moe_layers(config: Config, layers: int) -> list[bool]:
    """Which layers route: all after the first dense ones, every n-th, or as listed."""
    if not config.optional_size(*_EXPERTS):
        return [False] * layers
    kinds = config.pattern("mlp_layer_types", layers)
    if kinds is not None:
        for kind in kinds:
            if kind not in _MLP_WORDS:
                raise config.error(
                    "mlp_layer_types",
                    f"layer kind {shown(kind)} is not understood",
                    nearest(str(kind), _MLP_WORDS),
                )
        return [kind != "dense" for kind in kinds]
    if isinstance(config.fields.get("moe_layer_freq"), list):
        return [bool(routes) for routes in config.pattern("moe_layer_freq", layers) or []]
    listed = _layer_numbers(config, "moe_layers")
    if listed is not None:
        return [i in listed for i in range(layers)]
    first = config.optional_size("first_k_dense_replace") or 0
    last = config.optional_size("moe_layer_end_index") or layers - 1
    step = (
        config.optional_size("moe_layer_freq", "decoder_sparse_step", "interleave_moe_layer_step")
        or 1
    )
    # Counted so that the last layer of each ``step`` routes, unless the config says which.
    stated = config.has("expert_layer_offset")
    place = (config.optional_size("expert_layer_offset") or 0) if stated else step - 1
    dense = _layer_numbers(config, "mlp_only_layers") or []
    return [first <= i <= last and i % step == place and i not in dense for i in range(layers)]


def _layer_numbers(config: Config, field: str) -> list[int] | None:
    """Numbers of layers: a list, or a text with commas."""
    stated = config.fields.get(field)
    if isinstance(stated, str) and re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", stated):
        return [int(number) for number in stated.split(",")]
    return config.numbers(field)
