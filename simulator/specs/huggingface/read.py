"""Which architecture a config describes, and its layers one by one."""

from typing import Any

from simulator.errors import InputError
from simulator.specs.huggingface.common import in_common_words, renamed
from simulator.specs.huggingface.context import context_of
from simulator.specs.huggingface.engram import complete_engram
from simulator.specs.huggingface.extras import draft_of
from simulator.specs.huggingface.family import (
    Family,
    described_family,
    families_like,
    family_called,
    family_of_architecture,
)
from simulator.specs.huggingface.fields import Config
from simulator.specs.huggingface.layers import layers_of
from simulator.specs.huggingface.quantization import stored_as
from simulator.specs.huggingface.vision import unheard, vision_of
from simulator.specs.model import Model

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
    content: dict[str, Any],
    *,
    name: str,
    title: str,
    file: object | None = None,
    quantisation: Config | None = None,
    own_family: dict[str, Any] | None = None,
) -> Model:
    """Build a model from the fields of a ``config.json``.

    ``quantisation`` is how its weights are stored where another file says so, ``own_family`` the
    conventions to read it by where they are no known family's.

    A multimodal config's decoder stands in an inner mapping (``text_config``, …). The family is
    the one that ``model_type`` names, or ``architectures`` where that is absent; a mapping with
    neither is an excerpt, read by the fields that it has.

    Raises:
        InputError: a field is missing, or says something that is not understood.
    """
    outer = Config(content, file)
    written = _decoder(outer)
    if own_family is None:
        family, written, assumed = _family(written, outer)
    else:
        family, assumed = _described(own_family, outer), ()
    config = in_common_words(written, family)
    hidden = config.size("hidden_size")
    layers = layers_of(config, family)
    stored = stored_as(outer, written, quantisation, layers, hidden)
    max_context, said = context_of(config, family)
    seeing = _holder_of_vision(outer)
    vision, unseen = vision_of(seeing, hidden, stored.tower)
    tying = [c for c in (written, outer, config) if "tie_word_embeddings" in c.fields]
    return config.built(
        Model,
        name=name,
        title=title,
        hidden_size=hidden,
        vocabulary=config.size("vocab_size"),
        layers=tuple(
            layer.model_copy(update={"stored": products}) if products else layer
            for layer, products in zip(layers, stored.layers, strict=True)
        ),
        max_context=max_context,
        tied_embeddings=tying[0].flag("tie_word_embeddings") if tying else False,
        learned_positions=_learned_positions(config, family),
        weight_precision=stored.precision,
        stored=stored.ends,
        cache_precision=stored.cache,
        vision=vision,
        draft=draft_of(config, layers[-1]),
        assumptions=(*assumed, *said, *stored.said, *unseen, *unheard(outer, seeing)),
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
    """The conventions to read the config by, the config itself, and what is assumed."""
    model_type = config.text("model_type") or outer.text("model_type")
    if model_type:
        family = family_called(model_type)
        if family is None:
            raise config.error(
                "model_type",
                f"architecture {model_type!r} is not understood",
                families_like(model_type),
            )
        return family, config, ()
    named = [str(name) for c in (config, outer) for name in c.listed("architectures")]
    if not named:
        return _by_fields(config)
    found = family_of_architecture(named[0])
    if found is None:
        raise config.error(
            "architectures",
            f"architecture {named[0]!r} is not understood, and no model_type says more",
            "add the model_type of an architecture that computes the same",
        )
    return _of(found), config, (f"family {found}, as architectures says",)


def _described(own_family: dict[str, Any], outer: Config) -> Family:
    try:
        return described_family(own_family, outer.file)
    except InputError as error:
        field = f"family.{error.field}" if error.field else "family"
        raise InputError(error.problem, file=error.file, field=field, remedy=error.remedy) from None


def _of(model_type: str) -> Family:
    """A family that is known to be there."""
    family = family_called(model_type)
    if family is None:
        raise LookupError(model_type)
    return family


def _by_fields(config: Config) -> tuple[Family, Config, tuple[str, ...]]:
    """An excerpt that names no architecture: DeepSeek's own configs, tables of papers."""
    if config.has("engram_layers"):
        return _of("engram"), complete_engram(config), ()
    if config.has("n_layers") and config.has("dim"):
        config = config.with_fields(renamed(config.fields, _INFERENCE_SPELLING))
    if config.has("index_topk") and config.has("kv_lora_rank"):
        return _of("deepseek_v32"), config, ()
    if config.has("kv_lora_rank"):
        return _of("deepseek_v3"), config, ()
    method = ""
    if config.has("quantization_config"):
        method = config.inner("quantization_config").text("quant_method")
    assumed = (
        "neither model_type nor architectures is given: read by its fields, as a decoder of "
        "grouped-query attention with gated MLPs and no biases",
    )
    return family_called(method) or _of("llama"), config, assumed


def _learned_positions(config: Config, family: Family) -> int:
    field = family.learned_positions
    return 0 if field is None else config.optional_size(field) or 0
