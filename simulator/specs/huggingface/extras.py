"""What stands beside attention and feed-forward: residual streams, tables, encoder, drafts."""

from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.kind import LookupKind, ResidualKind
from simulator.specs.kinds.lookup import Engram, PerLayerEmbedding
from simulator.specs.kinds.residual import AttentionResidual, HyperConnections, PlainResidual
from simulator.specs.model import Draft, Layer, VisionEncoder


def residual_of(config: Config) -> ResidualKind:
    """The residual stream: plain, several streams (``hc_mult``), or attention over the depth."""
    streams = config.optional_size("hc_mult", "mhc_expansion_rate")
    if streams:
        return config.part(HyperConnections, streams=streams)
    block = config.optional_size("attn_res_block_size")
    if block:
        blocks = -(-config.size("num_hidden_layers") // block)
        return config.part(AttentionResidual, layers_per_block=block, blocks=blocks)
    return PlainResidual()


def lookups_of(config: Config, layers: int) -> list[LookupKind | None]:
    """The table of each layer, where it has one: n-gram memories, per-layer embeddings."""
    width = config.optional_size("hidden_size_per_layer_input")
    if width:
        rows = config.size("vocab_size_per_layer_input", "vocab_size")
        return [config.part(PerLayerEmbedding, rows=rows, width=width)] * layers
    if not config.has("engram_layers"):
        return [None] * layers
    where = config.numbers("engram_layers") or []
    return [_engram(config, i) if i in where else None for i in range(layers)]


def _engram(config: Config, layer: int) -> LookupKind:
    return config.part(
        Engram,
        rows=config.size("engram_vocab_size"),
        width=config.size("engram_dim"),
        orders=tuple(config.numbers("engram_ngram_orders") or (2, 3)),
        heads=config.size("engram_num_heads"),
        streams=config.optional_size("mhc_expansion_rate", "hc_mult") or 1,
        layer=layer,
    )


def draft_of(config: Config, last: Layer) -> Draft | None:
    """Multi-token-prediction modules: layers like the last one."""
    modules = config.optional_size("num_nextn_predict_layers", "mtp_num_hidden_layers")
    if modules is None and config.flag("use_mtp"):
        modules = config.optional_size("num_mtp_modules")
    return None if modules is None else Draft(modules=modules, layer=last)


def vision_of(outer: Config, hidden: int, precision: str) -> VisionEncoder | None:
    """The vision encoder of a multimodal config, in the spellings of the known families.

    ``precision`` is how its products are stored.
    """
    if not outer.has("vision_config"):
        return None
    config = outer.inner("vision_config")
    if not config.optional_size("depth", "num_hidden_layers", "vt_num_hidden_layers"):
        return None
    width = config.size("hidden_size", "vt_hidden_size")
    kimi = config.has("vt_hidden_size")
    gemma = config.text("model_type") in ("siglip_vision_model", "gemma4_vision")
    return VisionEncoder(
        layers=config.size("depth", "num_hidden_layers", "vt_num_hidden_layers"),
        hidden_size=width,
        heads=config.size("num_heads", "num_attention_heads", "vt_num_attention_heads"),
        attention_size=config.optional_size("qkv_hidden_size"),
        width=config.size("intermediate_size", "vt_intermediate_size"),
        gated=config.text("model_type") == "gemma4_vision",
        bias=config.flag("linear_bias", config.text("model_type") != "gemma4_vision"),
        patch_size=config.size("patch_size"),
        channels=config.optional_size("in_channels", "num_channels") or 3,
        frames_per_patch=config.optional_size("temporal_patch_size") or 1,
        merge=1 if gemma else _merge(config),
        out_size=config.optional_size("out_hidden_size") or hidden,
        merger="linear" if gemma else "mlp",
        taps=len(config.numbers("deepstack_visual_indexes") or []),
        positions=_positions(config, kimi),
        precision=precision,
    )


def _merge(config: Config) -> int:
    """Patches along each side of the square that becomes one token."""
    kernel = config.numbers("merge_kernel_size")
    ratio = config.fields.get("pixel_shuffle_ratio")
    if kernel:
        return kernel[0]
    if isinstance(ratio, float) and ratio > 0:
        return round(1 / ratio)
    return config.optional_size("spatial_merge_size") or 1


def _positions(config: Config, kimi: bool) -> int:
    if kimi:
        return config.size("init_pos_emb_height") * config.size("init_pos_emb_width")
    stated = config.optional_size("num_position_embeddings", "position_embedding_size")
    if stated:
        return stated
    image = config.optional_size("image_size")
    return (image // config.size("patch_size")) ** 2 if image else 0
