"""Lists of modules as quantisers write them: names, parts of names, wildcards, expressions."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property

from simulator.errors import InputError
from simulator.specs.model import MOST_LAYERS
from simulator.specs.modules import Module

_Match = Callable[[str], object]

_EXPRESSION = "re:"
_WILD = re.compile(r"[*?\[]")
_ONE_LAYER = re.compile(r"^(?P<stack>.*?)(?:layers|h|blocks)\.(?P<layer>\d+)(?:\.(?P<path>.+)|)$")
_LAYERS_BEGINNING = re.compile(r"^(?P<stack>.*?)(?:layers|h|blocks)\.(?P<digits>\d+)\*$")
_ONE_EXPERT = re.compile(r"(?:^|\.)experts\.(?P<expert>\d+)(?:\.(?P<leaf>\w+))?$")

_STACKS = (
    "model.",
    "model.language_model.",
    "language_model.model.",
    "language_model.",
    "",
    "model.decoder.",
    "transformer.",
    "backbone.",
    "thinker.model.",
)
"""What a decoder's stack of layers is called; other stacks are encoders or drafts."""


@dataclass(slots=True)
class _Named:
    """What a list says of one layer, or of all: paths within the layer, and single experts."""

    plain: set[str] = field(default_factory=set)
    wild: list[_Match] = field(default_factory=list)
    experts: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def has(self, path: str) -> bool:
        """Whether the module at ``path``, or something that holds it, is named."""
        if path in self.plain or "" in self.plain:
            return True
        held = (path.startswith(f"{name}.") for name in self.plain)
        return any(held) or any(m(path) for m in self.wild)


@dataclass(frozen=True)
class Patterns:
    """Which modules a list names.

    ``re:`` begins a regular expression, matched from the start of a name. A text with ``*`` is a
    wildcard for the whole name. Any other text names a module and all within it, by its whole
    path or by whole parts of it: ``lm_head``, ``self_attn``, ``model.layers.0.mlp.gate``.

    Args:
        written: the list.
        expressions: every text is a regular expression that may match anywhere.
    """

    written: tuple[str, ...]
    expressions: bool = False

    def names(self, candidates: Iterable[str]) -> bool:
        """Whether one of ``candidates``, whole names of one module, is on the list."""
        plain, compiled, _ = self._sorted
        return any(
            any(f".{text}." in f".{name}." for text in plain) or any(m(name) for m in compiled)
            for name in candidates
        )

    def share(self, module: Module, layer: int) -> float:
        """The part of ``module`` in a decoder's layer that is on the list: all, some experts."""
        of_layer = self._sorted[2].get(layer)
        if of_layer is not None:
            if any(of_layer.has(path) for path in module.paths()):
                return 1.0
            single = (of_layer.experts[leaf] for leaf in ("", *module.leaves))
            if module.experts and (named := set().union(*single)):
                return len(named) / module.experts
        if self._is_numbered:
            return float(self.names(_whole_names(module, layer)))
        key = module.containers, module.leaves
        if key not in self._in_any_layer:
            self._in_any_layer[key] = self.names(_whole_names(module, layer))
        return float(self._in_any_layer[key])

    def mentions(self, parts: Iterable[str]) -> bool:
        """Whether some text has one of ``parts`` among the words it is made of."""
        words = {word for text in self.written for word in re.split(r"\W+", text)}
        return not words.isdisjoint(parts)

    def depends_on(self, layer: int) -> bool:
        """Whether the list may treat this layer unlike others of its kind."""
        _, _, by_layer = self._sorted
        return layer in by_layer or self._is_numbered

    @cached_property
    def _in_any_layer(self) -> dict[tuple[tuple[str, ...], ...], bool]:
        """What is known of modules that are treated alike in all layers."""
        return {}

    @cached_property
    def _is_numbered(self) -> bool:
        return any(
            re.search(r"\d", text)
            for text in self.written
            if self.expressions or text.startswith(_EXPRESSION) or _WILD.search(text)
            if _ONE_LAYER.match(text) is None and _LAYERS_BEGINNING.match(text) is None
        )

    @cached_property
    def _sorted(self) -> tuple[list[str], list[_Match], dict[int, _Named]]:
        """Plain texts and compiled ones for all layers, and what names one layer alone."""
        plain: list[str] = []
        compiled: list[_Match] = []
        by_layer: dict[int, _Named] = defaultdict(_Named)
        for text in self.written:
            if self.expressions:
                compiled.append(_compiled(text).search)
                continue
            if text.startswith(_EXPRESSION):
                compiled.append(_compiled(text.removeprefix(_EXPRESSION)).match)
                continue
            one = _ONE_LAYER.match(text)
            if one is not None and one["stack"] in _STACKS:
                _note(by_layer[int(one["layer"])], one["path"] or "")
            elif (begun := _LAYERS_BEGINNING.match(text)) and begun["stack"] in _STACKS:
                for layer in range(MOST_LAYERS):
                    if str(layer).startswith(begun["digits"]):
                        by_layer[layer].plain.add("")
            elif _WILD.search(text):
                compiled += _wildcard(text)
            else:
                plain.append(text.strip("."))
        return plain, compiled, by_layer


def _note(named: _Named, path: str) -> None:
    if _WILD.search(path):
        named.wild += _wildcard(path)
        return
    single = _ONE_EXPERT.search(path)
    if single is not None:
        named.experts[single["leaf"] or ""].add(int(single["expert"]))
    else:
        named.plain.add(path)


def _wildcard(text: str) -> list[_Match]:
    """Names that a wildcard stands for, and all within them."""
    return [re.compile(translate(ending)).match for ending in (text, f"{text}.*")]


def _whole_names(module: Module, layer: int) -> Iterator[str]:
    for path in module.paths():
        for stack in _STACKS:
            yield f"{stack}{'h' if stack == 'transformer.' else 'layers'}.{layer}.{path}"


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(
            f"{text!r} is no regular expression: {error}",
            field="quantization_config",
            remedy="correct it, as engines refuse it too",
        ) from None
