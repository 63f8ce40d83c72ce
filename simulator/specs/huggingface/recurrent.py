"""Mixers that remember by a state, from a config: delta rules, state spaces, convolutions."""

from simulator.specs.huggingface.family import Family, LayerWord
from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.kind import AttentionKind
from simulator.specs.kinds.lightning import LightningAttention
from simulator.specs.kinds.recurrent import (
    GatedDeltaNet,
    KimiDeltaAttention,
    Mamba1,
    Mamba2,
    ShortConvolution,
)


def gated_delta(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """Qwen3-Next and Qwen3.5."""
    return config.part(
        GatedDeltaNet,
        key_heads=config.size("linear_num_key_heads"),
        value_heads=config.size("linear_num_value_heads"),
        key_size=config.size("linear_key_head_dim"),
        value_size=config.size("linear_value_head_dim"),
        kernel=config.size("linear_conv_kernel_dim"),
    )


def kimi_delta(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """Kimi Linear and K3; K3's decay projection has the rank of a head, as Kimi Linear's."""
    size = config.size("linear_head_dim")
    return config.part(
        KimiDeltaAttention,
        heads=config.size("linear_num_heads"),
        head_size=size,
        kernel=config.size("linear_conv_kernel_dim"),
        decay_rank=size,
        full_gate=config.flag("linear_full_gate"),
    )


def lightning(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """MiniMax-Text-01 and M1."""
    heads = config.size("num_attention_heads")
    return config.part(
        LightningAttention,
        heads=heads,
        head_size=config.optional_size("head_dim") or config.size("hidden_size") // heads,
    )


def short_convolution(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """LFM2's double-gated short convolution."""
    return config.part(
        ShortConvolution,
        channels=config.size("conv_dim", "hidden_size"),
        kernel=config.size("conv_L_cache"),
    )


def mamba_1(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """The first Mamba: Jamba, Falcon Mamba."""
    hidden = config.size("hidden_size")
    return config.part(
        Mamba1,
        channels=config.optional_size("mamba_inner") or config.size("mamba_expand") * hidden,
        state_size=config.size("mamba_d_state"),
        step_rank=config.optional_size("mamba_dt_rank") or -(-hidden // 16),
        kernel=config.size("mamba_d_conv"),
        inner_norms=config.flag("mamba_inner_norms"),
    )


def mamba_2(config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    """The second: Bamba, Granite 4, Nemotron-H, Falcon-H1."""
    return config.part(
        Mamba2,
        heads=config.size("mamba_n_heads"),
        head_size=config.size("mamba_d_head"),
        state_size=config.size("mamba_d_state"),
        groups=config.size("mamba_n_groups"),
        kernel=config.size("mamba_d_conv"),
        output_norm=config.flag("mamba_rms_norm", True),
    )
