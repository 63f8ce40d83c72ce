"""Which architecture a config describes, and its layers one by one."""

import re
from collections.abc import Callable
from typing import Any

from simulator.errors import nearest
from simulator.specs.huggingface.context import context_of
from simulator.specs.huggingface.engram import complete_engram
from simulator.specs.huggingface.extras import draft_of, lookups_of, residual_of, vision_of
from simulator.specs.huggingface.families import FAMILIES, LLAMA, Family
from simulator.specs.huggingface.feedforward import feedforward_layers
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.grouped_query import (
    block_sparse_layers,
    gemma4_layers,
    grouped_query_layers,
)
from simulator.specs.huggingface.hybrid import (
    convolution_layers,
    gated_delta_layers,
    kimi_linear_layers,
)
from simulator.specs.huggingface.latent import (
    compressed_layers,
    latent_layers,
    sparse_latent_layers,
)
from simulator.specs.huggingface.quantization import stored_as
from simulator.specs.kinds.kind import AttentionKind
from simulator.specs.model import Layer, Model

_ATTENTION: dict[str, Callable[[Config, Family, int], list[AttentionKind]]] = {
    "grouped-query": grouped_query_layers,
    "gemma-4": gemma4_layers,
    "block-sparse": block_sparse_layers,
    "latent": latent_layers,
    "engram": latent_layers,
    "sparse-latent": sparse_latent_layers,
    "compressed": compressed_layers,
    "gated-delta": gated_delta_layers,
    "kimi-linear": kimi_linear_layers,
    "convolution": convolution_layers,
}

_DECODERS = ("text_config", "llm_config", "language_config", "thinker_config")
"""Where multimodal configs keep their decoder."""

_INFERENCE_SPELLING = {
    "dim": "hidden_size",
    "inter_dim": "intermediate_size",
    "moe_inter_dim": "moe_intermediate_size",
    "n_layers": "num_hidden_layers",
    "n_dense_layers": "first_k_dense_replace",
    "n_heads": "num_attention_heads",
    "n_activated_experts": "num_experts_per_tok",
}
"""Field names of DeepSeek's own inference configs."""


def read_config(
    content: dict[str, Any], *, name: str, title: str, file: object | None = None
) -> Model:
    """Build a model from the fields of a ``config.json``.

    A multimodal config's decoder stands in an inner mapping (``text_config``, …). The family is
    the one that ``model_type`` names, or ``architectures`` where that is absent; a mapping with
    neither is an excerpt, read by the fields that it has.

    Raises:
        InputError: a field is missing, or says something that is not understood.
    """
    outer = Config(content, file)
    config = _decoder(outer)
    family, config, assumed = _family(config, outer)
    hidden = config.size("hidden_size")
    layers = _layers(config, family)
    last = layers[-1]
    stored = stored_as(outer, config, layers, hidden)
    max_context, said = context_of(config, family)
    tie_field = config if "tie_word_embeddings" in config.fields else outer
    return Model(
        name=name,
        title=title,
        hidden_size=hidden,
        vocabulary=config.size("vocab_size"),
        layers=tuple(
            layer.model_copy(update={"stored": products}) if products else layer
            for layer, products in zip(layers, stored.layers, strict=True)
        ),
        max_context=max_context,
        tied_embeddings=tie_field.flag("tie_word_embeddings", family.tied),
        weight_precision=stored.precision,
        stored=stored.ends,
        cache_precision=stored.cache,
        vision=vision_of(_holder_of_vision(outer), hidden, stored.tower),
        draft=draft_of(config, last),
        assumptions=(*assumed, *said, *stored.said),
    )


def _decoder(outer: Config) -> Config:
    """The mapping that describes the decoder."""
    for name in _DECODERS:
        if isinstance(outer.fields.get(name), dict):
            return _decoder(outer.inner(name))
    return outer


def _holder_of_vision(outer: Config) -> Config:
    """The mapping beside whose ``vision_config`` the decoder stands."""
    return outer.inner("thinker_config") if outer.has("thinker_config") else outer


def _family(config: Config, outer: Config) -> tuple[Family, Config, tuple[str, ...]]:
    """The conventions to read the config by, the config in the common spelling, what is assumed."""
    model_type = config.text("model_type") or outer.text("model_type")
    if model_type:
        if model_type not in FAMILIES:
            raise config.error(
                "model_type",
                f"architecture {model_type!r} is not understood",
                nearest(model_type, FAMILIES),
            )
        return *_spelled(model_type, config), ()
    named = [str(a) for c in (config, outer) for a in c.fields.get("architectures") or ()]
    if named:
        found = _model_type_of(named[0])
        if found is None:
            raise config.error(
                "architectures",
                f"architecture {named[0]!r} is not understood, and no model_type says more",
                "add the model_type of an architecture that computes the same",
            )
        return *_spelled(found, config), (f"family {found}, as architectures says",)
    return _by_fields(config)


def _spelled(model_type: str, config: Config) -> tuple[Family, Config]:
    family = FAMILIES[model_type]
    return family, config.renamed(dict(family.spelling))


def _model_type_of(architecture: str) -> str | None:
    """The known ``model_type`` that a class of ``transformers`` belongs to.

    Classes are called like their type, without its underscores and with what the class is for
    at the end: ``Qwen3MoeForCausalLM`` is ``qwen3_moe``.
    """
    stem = re.sub(r"(For\w+|LMHeadModel|Model)$", "", architecture).lower()
    return next((known for known in FAMILIES if known.replace("_", "") == stem), None)


def _by_fields(config: Config) -> tuple[Family, Config, tuple[str, ...]]:
    """An excerpt that names no architecture: DeepSeek's own configs, tables of papers."""
    if config.has("engram_layers"):
        return FAMILIES["engram"], complete_engram(config), ()
    if config.has("n_layers") and config.has("dim"):
        config = config.renamed(_INFERENCE_SPELLING)
    if config.has("index_topk") and config.has("kv_lora_rank"):
        return FAMILIES["deepseek_v32"], config, ()
    if config.has("kv_lora_rank"):
        return FAMILIES["deepseek_v3"], config, ()
    method = ""
    if config.has("quantization_config"):
        method = config.inner("quantization_config").text("quant_method")
    assumed = (
        "neither model_type nor architectures is given: read by its fields, as a decoder of "
        "grouped-query attention with gated MLPs and no biases",
    )
    return FAMILIES.get(method, LLAMA), config, assumed


def _layers(config: Config, family: Family) -> list[Layer]:
    count = config.size("num_hidden_layers")
    attention = _ATTENTION[family.attention](config, family, count)
    feedforward = feedforward_layers(config, family, count)
    residual = residual_of(config)
    lookups = lookups_of(config, count)
    layers = (
        Layer(attention=a, feedforward=f, residual=residual, lookup=t, norms=family.norms)
        for a, f, t in zip(attention, feedforward, lookups, strict=True)
    )
    known: dict[Layer, Layer] = {}
    return [known.setdefault(layer, layer) for layer in layers]
