"""Hybrids: layers of linear attention or convolution between layers of ordinary attention."""

from simulator.errors import nearest
from simulator.specs.huggingface.families import Family
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.grouped_query import grouped_query
from simulator.specs.huggingface.latent import latent
from simulator.specs.kinds.grouped_query import GroupedQueryAttention
from simulator.specs.kinds.kind import AttentionKind
from simulator.specs.kinds.latent import LatentAttention
from simulator.specs.kinds.recurrent import (
    GatedDeltaNet,
    KimiDeltaAttention,
    ShortConvolution,
)


def gated_delta_layers(config: Config, family: Family, layers: int) -> list[AttentionKind]:
    """Qwen3-Next and Qwen3.5: gated delta nets, every few layers gated full attention."""
    fields = grouped_query(config, family)
    gated = config.flag("attn_output_gate", True)
    full = config.part(GroupedQueryAttention, **fields, gated=gated)
    delta = config.part(
        GatedDeltaNet,
        key_heads=config.size("linear_num_key_heads"),
        value_heads=config.size("linear_num_value_heads"),
        key_size=config.size("linear_key_head_dim"),
        value_size=config.size("linear_value_head_dim"),
        kernel=config.size("linear_conv_kernel_dim"),
    )
    kinds: dict[str, AttentionKind] = {"full_attention": full, "linear_attention": delta}
    return [kinds[kind] for kind in _kinds(config, layers, tuple(kinds))]


def kimi_linear_layers(config: Config, _family: Family, layers: int) -> list[AttentionKind]:
    """Kimi Linear and K3: Kimi delta attention, every few layers latent attention.

    The config counts layers from one. K3's decay projection has the rank of a head, as Kimi
    Linear's.
    """
    linear = config.inner("linear_attn_config")
    size = linear.size("head_dim")
    delta = linear.part(
        KimiDeltaAttention,
        heads=linear.size("num_heads"),
        head_size=size,
        kernel=linear.size("short_conv_kernel_size"),
        decay_rank=size,
        full_gate=linear.flag("use_full_rank_gate"),
    )
    gated = config.flag("mla_use_output_gate")
    full = config.part(LatentAttention, **latent(config), gated=gated)
    full_layers = linear.numbers("full_attn_layers") or []
    delta_layers = linear.numbers("kda_layers") or []
    if sorted(full_layers + delta_layers) != list(range(1, layers + 1)):
        raise linear.error(
            "kda_layers", f"with full_attn_layers it must name each of the {layers} layers once"
        )
    return [full if i + 1 in full_layers else delta for i in range(layers)]


def convolution_layers(config: Config, family: Family, layers: int) -> list[AttentionKind]:
    """LFM2: double-gated short convolutions with a few layers of grouped-query attention."""
    full = config.part(GroupedQueryAttention, **grouped_query(config, family))
    convolution = config.part(
        ShortConvolution,
        channels=config.size("conv_dim", "hidden_size"),
        kernel=config.size("conv_L_cache"),
    )
    kinds: dict[str, AttentionKind] = {"full_attention": full, "conv": convolution}
    if not config.has("layer_types"):
        attending = config.numbers("full_attn_idxs") or []
        return [full if i in attending else convolution for i in range(layers)]
    return [kinds[kind] for kind in _kinds(config, layers, tuple(kinds))]


def _kinds(config: Config, layers: int, known: tuple[str, ...]) -> list[str]:
    kinds = config.pattern("layer_types", layers)
    if kinds is None:
        every = config.optional_size("full_attention_interval") or 4
        return [known[0] if (i + 1) % every == 0 else known[1] for i in range(layers)]
    for kind in kinds:
        if kind not in known:
            raise config.error(
                "layer_types", f"layer kind {kind!r} is not understood", nearest(str(kind), known)
            )
    return kinds
