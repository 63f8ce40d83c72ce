"""What a family of models leaves unsaid in its ``config.json``, as data.

A family is one file of ``simulator/specs/model_families``, called like its ``model_type``: which
fields mean what, what the config class fills in, and facts of the reference implementation that
no field tells. A setting is true, false, or the name of the field that decides.
"""

import re
from functools import lru_cache
from typing import Any, Literal

from simulator.errors import InputError, nearest, related, shown
from simulator.specs.folders import SPECS, entry, names
from simulator.specs.quantity import Spec
from simulator.specs.reading import read_mapping, validate

Setting = bool | str
"""Yes, no, or the field of the config that says (no where it is absent)."""

FOLDER = SPECS / "model_families"


class LayerWord(Spec):
    """What one word of a config's list of layers stands for.

    Args:
        mixer: the attention or what stands in its place; see ``mixers``.
        feedforward: the family's usual one, or what the layer has instead.
        reach: how far the attention looks back.
        names: fields that hold this layer's own values of common fields.
        values: common fields that the word itself tells.
        settings: settings of the family that this layer has otherwise.
    """

    mixer: str = "grouped-query"
    feedforward: Literal["usual", "none", "dense", "moe"] = "usual"
    reach: Literal["everything", "window", "chunk"] = "everything"
    names: dict[str, str] = {}
    values: dict[str, int] = {}
    settings: dict[str, Setting] = {}


class Cycle(Spec):
    """Layers repeat: ``word`` once in ``every`` (a number or a field), ``otherwise`` elsewhere.

    ``at`` is its place in the cycle, from 0; the last one where it is absent.
    """

    every: int | str
    at: int | str | None = None
    word: str
    otherwise: str


class Listed(Spec):
    """Layers whose numbers a field lists are ``word``, the others ``otherwise``.

    The field counts layers from ``first``.
    """

    field: str
    word: str
    otherwise: str
    first: int = 0


class Case(Spec):
    """Where every field of ``given`` has the value there, fields have those of ``then``."""

    given: dict[str, Any]
    then: dict[str, Any]


class Family(Spec):
    """The conventions of one ``model_type``.

    Args:
        source: where they were read.
        architectures: class names that do not follow from the ``model_type``.
        names: the family's spelling of common fields; a dotted name reaches into a mapping,
            a number into a list.
        defaults: what its config class fills in for absent fields.
        same: common fields that, where absent, have the value of another.
        cases: values that follow from others.
        required: common fields without which the layers cannot be told.
        words: what each word of ``layer_types`` stands for, beside the usual ones.
        mixer: the attention of layers that the config does not tell apart.
        sublayers: layers for each one that the config counts.
        cycle, listed: which layer is what where there is no ``layer_types``.
        slides: whether ``sliding_window`` holds; from layer ``max_window_layers`` on.
        norms: norms of the stream's width in a layer, or the field that counts them.
        query_bias, output_bias, mlp_bias, expert_bias, router_bias: biases.
        query_key_norm: a norm over queries and keys; ``norm_spans_heads``: not shared by heads.
        sinks: a learned attention sink a head.
        gated: the attention's output has a gate as wide as itself; ``head_gate``: one a head.
        value_from_key: keys are the values too.
        sub_norms: norms before the output and down projections (BitNet).
        gated_mlp: whether the MLP has a gate (three matrices, not two).
        mlp_ratio: MLP width over hidden size where the config does not tell it.
        shared_experts: experts that every token visits, where no field counts them.
        shared_gate: a gate on them.
        dense_beside: the dense MLP runs beside the experts.
        moe_norms: further norms around the experts.
        learned_positions: each position has a learned vector; the field that counts them.
        stretches_context: a scaling of the rotary positions lengthens the context that the
            config names; elsewhere the length counts it already.
    """

    source: str = ""
    architectures: tuple[str, ...] = ()
    names: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    same: dict[str, str] = {}
    cases: tuple[Case, ...] = ()
    required: tuple[str, ...] = ()
    words: dict[str, LayerWord] = {}
    mixer: str = "grouped-query"
    sublayers: int = 1
    cycle: Cycle | None = None
    listed: Listed | None = None
    slides: Setting = "use_sliding_window"
    norms: int | str = 2
    query_bias: Setting = "attention_bias"
    output_bias: Setting = False
    mlp_bias: Setting = "mlp_bias"
    expert_bias: Setting = False
    router_bias: Setting = "use_routing_bias"
    query_key_norm: Setting = "use_qk_norm"
    norm_spans_heads: Setting = False
    sinks: Setting = False
    gated: Setting = False
    head_gate: Setting = False
    value_from_key: Setting = False
    sub_norms: Setting = False
    gated_mlp: Setting = True
    mlp_ratio: int | None = None
    shared_experts: int = 0
    shared_gate: Setting = False
    dense_beside: Setting = False
    moe_norms: int = 0
    learned_positions: str | None = None
    stretches_context: bool = True


def known_families() -> tuple[str, ...]:
    """Every ``model_type`` that is understood."""
    return tuple(names(FOLDER))


def families_like(model_type: str) -> str:
    """What to do about a ``model_type`` that is not understood: its relatives, if it has any."""
    relatives = related(model_type, known_families())
    if relatives:
        return nearest(model_type, relatives)
    return "describe its family in a few lines (field family of a model file): see CONTRIBUTING"


@lru_cache(maxsize=256)
def family_called(model_type: str) -> Family | None:
    """The family of that ``model_type``; the decoder ``x_text`` of a family ``x`` is of it."""
    for name in (model_type, model_type.removesuffix("_text")):
        path = entry(FOLDER, name)
        if path is not None:
            return described_family(read_mapping(path), path)
    return None


def described_family(content: dict[str, Any], file: object | None) -> Family:
    """The family that ``content`` describes, as a file of ``model_families`` does.

    Raises:
        InputError: a setting that is not understood, or a family to be like that is not there.
    """
    return validate(Family, _laid_over(content, file), file)


def _laid_over(content: dict[str, Any], file: object | None) -> dict[str, Any]:
    """A family's fields, those of the family that it is ``like`` under its own."""
    own = {key: value for key, value in content.items() if key != "like"}
    if "like" not in content:
        return own
    above = entry(FOLDER, str(content["like"]))
    if above is None:
        raise InputError(
            f"there is no family {shown(content['like'])}",
            file=file,
            field="like",
            remedy=nearest(str(content["like"]), known_families()),
        )
    below = _laid_over(read_mapping(above), above)
    under = {key: value for key, value in below.items() if key != "architectures"}
    laid = {
        key: {**under[key], **value}
        for key, value in own.items()
        if isinstance(value, dict) and isinstance(under.get(key), dict)
    }
    return {**under, **own, **laid}


_ROLE = re.compile(r"(?:For(?:CausalLM|ConditionalGeneration)|LMHead(?:Custom)?Model|Model)\w*$")


def family_of_architecture(architecture: str) -> str | None:
    """The ``model_type`` whose class is called so; None where none is known."""
    sought = _plain(_ROLE.sub("", architecture))
    for name in known_families():
        if _plain(name) == sought:
            return name
    for name in known_families():
        family = family_called(name)
        if family is not None and architecture in family.architectures:
            return name
    return None


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
