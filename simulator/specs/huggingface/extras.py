"""What stands beside attention and feed-forward: residual streams, tables, drafts."""

from simulator.specs.huggingface.fields import Config
from simulator.specs.kinds.kind import LookupKind, ResidualKind
from simulator.specs.kinds.lookup import Engram, PerLayerEmbedding
from simulator.specs.kinds.residual import AltUp, AttentionResidual, HyperConnections, PlainResidual
from simulator.specs.model import Draft, Layer


def residuals_of(config: Config, layers: int) -> list[ResidualKind]:
    """The residual stream of each layer: plain, several streams, or attention over the depth."""
    streams = config.optional_size("hc_mult", "mhc_expansion_rate")
    if streams:
        return [config.part(HyperConnections, streams=streams)] * layers
    block = config.optional_size("attn_res_block_size")
    if block:
        blocks = -(-layers // block)
        return [config.part(AttentionResidual, layers_per_block=block, blocks=blocks)] * layers
    if config.has("altup_num_inputs"):
        return [_altup(config, i == 0, i == layers - 1) for i in range(layers)]
    return [PlainResidual()] * layers


def _altup(config: Config, is_first: bool, is_last: bool) -> ResidualKind:
    return config.part(
        AltUp,
        streams=config.size("altup_num_inputs"),
        laurel_rank=config.size("laurel_rank"),
        widens=is_first,
        narrows=is_last,
    )


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
