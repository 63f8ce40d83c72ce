"""Which format llama.cpp gives each tensor under a name like ``q4_k_m``.

The rule is ``llama_tensor_get_type_impl`` of src/llama-quant.cpp (ggml-org/llama.cpp@007dbbf3),
without an importance matrix: most tensors have the format of the name, values and down projections
of some layers a better one, the head six bits, and rows that no block divides another format.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from simulator.specs.kinds.feedforward import MixtureOfExperts
from simulator.specs.kinds.grouped_query import SharedKeyAttention
from simulator.specs.model import Layer, Model, counted, stored_otherwise
from simulator.specs.modules import Module, modules_of_layer, usual_products
from simulator.specs.precision import Precision, precision
from simulator.specs.stored import EMBEDDING, HEAD, Stored, deviating, together, usual_ends

_BLOCK = 256
_FALLBACK = {
    "iq4_xs": "iq4_nl",
    "q2_k": "q4_0",
    "q3_k": "q4_0",
    "q4_k": "q5_0",
    "q5_k": "q5_1",
    "q6_k": "q8_0",
}
"""What takes the place of a format in blocks of 256 where they do not divide a row."""

_SEVENTY_BILLION = (80, 8192)
"""Layers and width of the shape that llama.cpp calls 70B."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor stands: its layer among all, and what of the model the rule looks at."""

    layer: int
    layers: int
    shared_heads: int
    experts: int
    is_70b: bool

    @property
    def gets_more_bits(self) -> bool:
        """The first and last eighth of the layers, and every third between."""
        eighth = self.layers // 8
        at_an_end = self.layer < eighth or self.layer >= 7 * self.layers // 8
        return at_an_end or (self.layer - eighth) % 3 == 2

    @property
    def is_in_first_eighth(self) -> bool:
        """Whether the layer is one of the first eighth."""
        return self.layer < self.layers // 8


Rule = Callable[[_Place], str]


def _always(name: str) -> Rule:
    return lambda _place: name


def _if(holds: Callable[[_Place], bool], then: str, otherwise: str) -> Rule:
    return lambda place: then if holds(place) else otherwise


@dataclass(frozen=True, slots=True)
class _Mix:
    """The formats under one name: of most tensors, and of those that have their own."""

    most: str
    value: Rule
    output: Rule
    down: Rule


def _plain(name: str) -> _Mix:
    same = _always(name)
    return _Mix(name, same, same, same)


def _many(place: _Place) -> bool:
    return place.shared_heads >= 4


def _more(place: _Place) -> bool:
    return place.gets_more_bits


def _early(place: _Place) -> bool:
    return place.is_in_first_eighth


_Q3_M_DOWN = _if(lambda place: place.layer < place.layers // 16, "q5_k", "q4_k")
_Q3_M_VALUE = _if(lambda place: place.layer < 2, "q5_k", "q4_k")

MIXES: Mapping[str, _Mix] = {
    "q8_0": _plain("q8_0"),
    "q6_k": _plain("q6_k"),
    "q5_1": _plain("q5_1"),
    "q5_0": _plain("q5_0"),
    "q4_1": _plain("q4_1"),
    "q4_0": _plain("q4_0"),
    "q5_k_s": _plain("q5_k"),
    "q3_k_s": _plain("q3_k"),
    "q5_k_m": _Mix(
        "q5_k", _if(_more, "q6_k", "q5_k"), _always("q5_k"), _if(_more, "q6_k", "q5_k")
    ),
    "q4_k_m": _Mix(
        "q4_k", _if(_more, "q6_k", "q4_k"), _always("q4_k"), _if(_more, "q6_k", "q4_k")
    ),
    "q4_k_s": _Mix(
        "q4_k", _if(lambda place: place.layer < 4, "q5_k", "q4_k"), _always("q4_k"),
        _if(_early, "q5_k", "q4_k"),
    ),
    "iq4_nl": _Mix(
        "iq4_nl", _if(_many, "q5_k", "iq4_nl"), _always("iq4_nl"), _if(_early, "q5_k", "iq4_nl")
    ),
    "iq4_xs": _Mix(
        "iq4_xs", _if(_many, "q5_k", "iq4_xs"), _always("iq4_xs"), _if(_early, "q5_k", "iq4_xs")
    ),
    "q3_k_l": _Mix("q3_k", _always("q5_k"), _always("q5_k"), _always("q5_k")),
    "q3_k_m": _Mix("q3_k", _Q3_M_VALUE, _always("q4_k"), _Q3_M_DOWN),
    "q2_k": _Mix("q2_k", _if(_many, "q4_k", "q3_k"), _always("q3_k"), _always("q3_k")),
}  # fmt: skip
"""Every name whose formats are known."""

_WHOLE = ("q8_0", "q6_k", "q5_1", "q5_0", "q4_1", "q4_0", "q5_k_m", "q5_k_s", "q3_k_l")
"""Names under which the output projection of eight experts stays as it is."""


def llama_cpp_mix(model: Model, name: str) -> Model:
    """``model`` with every product stored as llama.cpp stores it under ``name``."""
    mix = MIXES[name]
    usual = precision(name)
    attention = next(
        (
            layer.attention
            for layer, _ in counted(model.layers)
            if isinstance(layer.attention, SharedKeyAttention)
        ),
        None,
    )
    experts = next(
        (
            layer.feedforward.experts
            for layer, _ in counted(model.layers)
            if isinstance(layer.feedforward, MixtureOfExperts)
        ),
        0,
    )
    count = len(model.layers)
    heads = 1 if attention is None else attention.query_heads // attention.kv_heads
    is_70b = (count, model.hidden_size) == _SEVENTY_BILLION and not experts

    def of_layer(place: int, layer: Layer) -> Stored:
        where = _Place(place, count, heads, experts, is_70b)
        parts: dict[str, list[tuple[float, Precision]]] = {}
        for module in modules_of_layer(layer, model.hidden_size):
            stored = precision(_fitting(_format(module, mix, name, where), module.columns))
            parts.setdefault(module.product, []).append((module.parameters, stored))
        wanted = {product: _named(together(found), usual) for product, found in parts.items()}
        return deviating(wanted, usual_products(layer, model.hidden_size, name))

    hidden = model.hidden_size
    ends = {HEAD: _end(usual.head, hidden), EMBEDDING: _end(usual.embedding, hidden)}
    return stored_otherwise(model, of_layer, deviating(ends, usual_ends(name)))


def _format(module: Module, mix: _Mix, name: str, place: _Place) -> str:
    """The format of one tensor, if its rows are divided by blocks of 256."""
    kind = module.gguf[0] if module.gguf else ""
    eight = place.experts == 8
    if kind in ("attn_v", "attn_qkv"):
        found = mix.value(place)
        if place.is_70b and found in ("q3_k", "q4_k"):
            found = "q5_k"
        return "q8_0" if eight else found
    if kind == "attn_k" and eight:
        return "q8_0"
    if kind == "attn_output":
        return "q5_k" if eight and name not in _WHOLE else mix.output(place)
    if kind.startswith("ffn_down"):
        return mix.down(place)
    return mix.most


def _fitting(name: str, columns: int) -> str:
    """The format, or the one that llama.cpp takes where its blocks do not divide a row."""
    return name if columns % _BLOCK == 0 else _FALLBACK.get(name, name)


def _end(name: str, columns: int) -> Precision:
    if columns % _BLOCK == 0:
        return precision(name)
    # Where the blocks of the format do not divide its rows the head has eight bits.
    return precision("q8_0" if name == "q6_k" else _FALLBACK.get(name, name))


def _named(found: Precision, usual: Precision) -> Precision:
    """Under the name that the user gave, by which kernels are known."""
    return replace(usual, weight_bits=found.weight_bits)
