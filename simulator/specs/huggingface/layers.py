"""The layers of a config one by one, as its family's words describe them."""

from collections.abc import Callable, Sequence

from simulator.specs.huggingface.common import renamed
from simulator.specs.huggingface.extras import lookups_of, residuals_of
from simulator.specs.huggingface.family import Family, LayerWord
from simulator.specs.huggingface.feedforward import feedforward_layers
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.grouped_query import block_sparse, grouped_query
from simulator.specs.huggingface.latent import (
    compressed,
    latent,
    picked_compressed,
    shared_sparse_latent,
    sparse_latent,
)
from simulator.specs.huggingface.pattern import layer_words, words_of
from simulator.specs.huggingface.per_layer import configs_of_layers
from simulator.specs.huggingface.recurrent import (
    gated_delta,
    kimi_delta,
    lightning,
    mamba_1,
    mamba_2,
    short_convolution,
)
from simulator.specs.kinds.grouped_query import GroupedQueryAttention
from simulator.specs.kinds.kind import AttentionKind
from simulator.specs.kinds.nothing import NoAttention
from simulator.specs.kinds.parallel import ParallelMixers
from simulator.specs.model import MOST_LAYERS, Layer

_Mixer = Callable[[Config, Family, LayerWord], AttentionKind]


def layers_of(config: Config, family: Family) -> list[Layer]:
    """Every layer of the decoder; equal ones are one object.

    Raises:
        InputError: a field is missing, or says something that is not understood.
    """
    count = _count(config) * family.sublayers
    if count > MOST_LAYERS:
        raise config.error("num_hidden_layers", f"must be at most {MOST_LAYERS}, found {count}")
    for field in family.required:
        if not config.has(field):
            raise config.error(field, "missing field", "add it: it says what each layer is")
    named = layer_words(config, family, count)
    known = words_of(family)
    words = [known[word] for word in named]
    norms = config.size(family.norms) if isinstance(family.norms, str) else family.norms
    configs = configs_of_layers(config, count)
    parts = zip(
        _attention(configs, family, named),
        feedforward_layers(configs, family, words),
        residuals_of(config, count),
        lookups_of(config, count),
        strict=True,
    )
    layers = (
        Layer(attention=a, feedforward=f, residual=r, lookup=t, norms=norms) for a, f, r, t in parts
    )
    known_layers: dict[Layer, Layer] = {}
    return [known_layers.setdefault(layer, layer) for layer in layers]


def _count(config: Config) -> int:
    """Layers as the config counts them; some tell their kinds and leave the count out."""
    kinds = config.fields.get("layer_types")
    if not config.has("num_hidden_layers") and isinstance(kinds, list | str) and kinds:
        return len(kinds)
    return config.size("num_hidden_layers")


def _attention(
    configs: Sequence[Config], family: Family, named: Sequence[str]
) -> list[AttentionKind]:
    known = words_of(family)
    built: dict[tuple[str, int], AttentionKind] = {}
    found = []
    for config, word in zip(configs, named, strict=True):
        kind = word, id(config)
        if kind not in built:
            built[kind] = mixer_of(config, family, known[word])
        found.append(built[kind])
    # The last layers of Gemma 3n and 4 E read the cache of the last layer of their kind before.
    shared = configs[0].optional_size("num_kv_shared_layers") or 0
    first = len(named) - shared
    return [_sharing(kind) if i >= first else kind for i, kind in enumerate(found)]


def _sharing(kind: AttentionKind) -> AttentionKind:
    if not isinstance(kind, GroupedQueryAttention):
        return kind
    return kind.model_copy(update={"shares_kv": True})


def mixer_of(config: Config, family: Family, word: LayerWord) -> AttentionKind:
    """The attention of a layer, or what stands in its place.

    Raises:
        InputError: a field that it needs is missing.
    """
    own = config.with_fields({**renamed(config.fields, word.names), **word.values})
    return MIXERS[word.mixer](own, family.model_copy(update=dict(word.settings)), word)


def _nothing(_config: Config, _family: Family, _word: LayerWord) -> AttentionKind:
    return NoAttention()


def _attention_beside_mamba(config: Config, family: Family, word: LayerWord) -> AttentionKind:
    """Falcon-H1: both read the same row, and what they give is added."""
    branches = (grouped_query(config, family, word), mamba_2(config, family, word))
    return ParallelMixers(branches=branches)


MIXERS: dict[str, _Mixer] = {
    "none": _nothing,
    "grouped-query": grouped_query,
    "block-sparse": block_sparse,
    "latent": latent,
    "sparse-latent": sparse_latent,
    "shared-sparse-latent": shared_sparse_latent,
    "compressed": compressed,
    "picked-compressed": picked_compressed,
    "gated-delta": gated_delta,
    "kimi-delta": kimi_delta,
    "lightning": lightning,
    "short-convolution": short_convolution,
    "mamba-1": mamba_1,
    "mamba-2": mamba_2,
    "grouped-query+mamba-2": _attention_beside_mamba,
}
"""What may mix the tokens of a layer, by the name that a family gives it."""
