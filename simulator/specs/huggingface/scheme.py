"""What a quantised checkpoint says, as one scheme: which modules are stored how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.specs.huggingface.patterns import Patterns
from simulator.specs.model import Layer
from simulator.specs.modules import Module, modules_of_layer, usual_products
from simulator.specs.precision import BF16, Precision, precision
from simulator.specs.stored import EMBEDDING, EXPERTS, HEAD, Stored, deviating, together, usual_ends
from simulator.units import significant

_HEADS = ("lm_head", "model.lm_head", "language_model.lm_head", "output")
_EMBEDDINGS = (
    "model.embed_tokens",
    "embed_tokens",
    "language_model.model.embed_tokens",
    "model.language_model.embed_tokens",
)
_TOWERS = (
    "visual",
    "vision_tower",
    "vision_model",
    "vision_encoder",
    "vit",
    "vision",
    "image_encoder",
)

_PRESETS = {
    ("w4a16", 4.5, "bf16"): "int4_experts",
    ("mxfp4", 4.25, "fp8_block"): "mxfp4_fp8",
}
"""Precisions that stand for (experts, bits a weight, everything else)."""


@dataclass(frozen=True)
class Rule:
    """Modules on a list are stored as ``stored``."""

    modules: Patterns
    stored: Precision


@dataclass(frozen=True)
class Scheme:
    """How a checkpoint stores its weights.

    Args:
        rules: the first that names a module decides.
        otherwise: all other matrices of the layers.
        experts: the routed experts that no rule names, where unlike ``otherwise``.
        ends: the embedding and the head that no rule names.
        tower: the encoder of images, unless some rule speaks of it.
        joined_up_projections: the up-projections of latent attention are quantised as well;
            engines of ``transformers`` checkpoints keep them in 16 bits.
        cache: format of the cache.
        said: what a user should hear of how it was read.
    """

    otherwise: Precision
    rules: tuple[Rule, ...] = ()
    experts: Precision | None = None
    ends: Precision = BF16
    tower: Precision = BF16
    joined_up_projections: bool = False
    cache: str | None = None
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredModel:
    """A model's weights as stored: the precision of most, and what deviates from it.

    ``layers`` has one entry for each layer; see ``Model`` for the others.
    """

    precision: str
    layers: tuple[Stored, ...]
    ends: Stored
    tower: str
    cache: str | None
    said: tuple[str, ...]


def stored_model(scheme: Scheme, layers: Sequence[Layer], hidden: int) -> StoredModel:
    """``scheme`` laid over the layers of a model, module by module."""
    formats = _formats(scheme, layers, hidden)
    weights: dict[tuple[bool, Precision], float] = {}
    for layer, of_layer in zip(layers, formats, strict=True):
        for module in modules_of_layer(layer, hidden):
            if module.product in of_layer:
                key = module.product == EXPERTS, of_layer[module.product]
                weights[key] = weights.get(key, 0.0) + module.parameters
    name = _name(weights) if weights else scheme.otherwise.name
    usual: dict[int, Mapping[str, Precision]] = {
        id(layer): usual_products(layer, hidden, name) for layer in layers
    }
    ends = {HEAD: _end(scheme, _HEADS), EMBEDDING: _end(scheme, _EMBEDDINGS)}
    chosen = precision(name)
    speaks_of_tower = any(rule.modules.mentions(_TOWERS) for rule in scheme.rules)
    return StoredModel(
        name,
        tuple(
            deviating(_as_preset(found, chosen), usual[id(layer)])
            for layer, found in zip(layers, formats, strict=True)
        ),
        deviating(ends, usual_ends(name)),
        BF16.name if speaks_of_tower else scheme.tower.name,
        scheme.cache,
        (*scheme.said, *_shares(weights)),
    )


def _formats(scheme: Scheme, layers: Sequence[Layer], hidden: int) -> list[Mapping[str, Precision]]:
    """Product → precision of each layer; equal layers that no rule tells apart share one."""
    known: dict[tuple[int, int | None], Mapping[str, Precision]] = {}
    found = []
    for place, layer in enumerate(layers):
        alone = any(rule.modules.depends_on(place) for rule in scheme.rules)
        key = id(layer), place if alone else None
        if key not in known:
            known[key] = _of_layer(scheme, layer, place, hidden)
        found.append(known[key])
    return found


def _of_layer(scheme: Scheme, layer: Layer, place: int, hidden: int) -> Mapping[str, Precision]:
    parts: dict[str, list[tuple[float, Precision]]] = {}
    for module in modules_of_layer(layer, hidden):
        if module.sixteen_bit and not scheme.joined_up_projections:
            continue
        parts.setdefault(module.product, []).extend(
            (share * module.parameters, stored)
            for share, stored in _of_module(scheme, module, place)
        )
    return {product: together(found) for product, found in parts.items()}


def _of_module(scheme: Scheme, module: Module, place: int) -> list[tuple[float, Precision]]:
    left = 1.0
    found = []
    for rule in scheme.rules:
        share = min(left, rule.modules.share(module, place))
        if share > 0:
            found.append((share, rule.stored))
            left -= share
        if left <= 0:
            return found
    routed = scheme.experts if module.product == EXPERTS else None
    return [*found, (left, routed or scheme.otherwise)]


def _end(scheme: Scheme, names: Sequence[str]) -> Precision:
    named = (rule.stored for rule in scheme.rules if rule.modules.names(names))
    return next(named, scheme.ends)


def _name(weights: Mapping[tuple[bool, Precision], float]) -> str:
    """The precision that most weights have, or one that stands for how all are mixed."""
    experts = _most({p: w for (routed, p), w in weights.items() if routed})
    others = _most({p: w for (routed, p), w in weights.items() if not routed})
    if experts is not None and others is not None:
        preset = _PRESETS.get((experts.name, experts.weight_bits, others.name))
        if preset is not None:
            return preset
    whole: dict[Precision, float] = {}
    for (_, stored), size in weights.items():
        whole[stored] = whole.get(stored, 0.0) + size
    most = _most(whole)
    return BF16.name if most is None else most.name


def _most(weights: Mapping[Precision, float]) -> Precision | None:
    return max(weights, key=weights.__getitem__, default=None)


def _as_preset(found: Mapping[str, Precision], chosen: Precision) -> Mapping[str, Precision]:
    """Experts under the preset's own name, by which their kernels are known."""
    experts = found.get(EXPERTS)
    if experts is None or not chosen.only_experts or experts.weight_bits != chosen.weight_bits:
        return found
    return {**found, EXPERTS: chosen}


def _shares(weights: Mapping[tuple[bool, Precision], float]) -> tuple[str, ...]:
    """How the layers' weights are mixed, where they are."""
    whole: dict[str, float] = {}
    for (_, stored), size in weights.items():
        whole[stored.name] = whole.get(stored.name, 0.0) + size
    if len(whole) < 2:
        return ()
    total = sum(whole.values())
    shares = ", ".join(
        f"{significant(100 * size / total)} % {name}"
        for name, size in sorted(whole.items(), key=lambda item: -item[1])
    )
    return (f"weights of the layers as stored: {shares}",)
