"""Which layouts a model can take, and the nearest ones where it cannot take the one asked for."""

from collections.abc import Iterable
from math import gcd, isqrt

from simulator.errors import InputError
from simulator.graph.parallel.layout import Layout
from simulator.specs.kinds.feedforward import MixtureOfExperts
from simulator.specs.model import Model, counted


def check_layout(model: Model, layout: Layout) -> None:
    """Refuse a layout that the model's shapes rule out.

    Raises:
        InputError: names the degree, why it cannot be, and the nearest that can.
    """
    _check_heads(model, layout)
    _check_cache(model, layout)
    _check_experts(model, layout)
    _check_stages(model, layout)


def valid_degrees(sizes: Iterable[int]) -> list[int]:
    """Degrees that divide all ``sizes``, ascending."""
    whole = gcd(*sizes) or 1
    small = [d for d in range(1, isqrt(whole) + 1) if whole % d == 0]
    return sorted({*small, *(whole // d for d in small)})


def _nearest(degrees: list[int], asked: int, shown: int = 6) -> str:
    """The valid degrees closest to the one asked for, in ascending order, as words."""
    closest = sorted(degrees, key=lambda d: (abs(d - asked), d))[:shown]
    return ", ".join(map(str, sorted(closest)))


def _check_heads(model: Model, layout: Layout) -> None:
    heads = {h for layer, _ in counted(model.layers) for h in layer.attention.divisible()}
    undivided = sorted(h for h in heads if h % layout.tp)
    if undivided:
        raise InputError(
            f"{undivided[0]} heads cannot be divided over tp {layout.tp}",
            field="tp",
            remedy="the nearest that can: " + _nearest(valid_degrees(heads), layout.tp),
        )
    for kv_heads in sorted(_kv_heads(model)):
        if max(kv_heads, layout.tp) % min(kv_heads, layout.tp):
            degrees = [
                d
                for d in valid_degrees(heads)
                if all(max(k, d) % min(k, d) == 0 for k in _kv_heads(model))
            ]
            raise InputError(
                f"{kv_heads} KV heads can be neither divided over nor copied to tp {layout.tp}",
                field="tp",
                remedy="the nearest that can: " + _nearest(degrees, layout.tp),
            )


def _kv_heads(model: Model) -> set[int]:
    return {layer.attention.cached_heads() for layer, _ in counted(model.layers)} - {0}


def _check_cache(model: Model, layout: Layout) -> None:
    """A cache is shared by tokens only among ranks that would otherwise hold copies of it."""
    # Kinds without KV heads of their own keep one cache for all ranks (latent attention).
    copies = layout.tp // min(layout.tp, max(_kv_heads(model), default=1))
    if copies % layout.dcp:
        raise InputError(
            f"tp {layout.tp} keeps {copies} copies of the cache, which dcp {layout.dcp} "
            "does not divide",
            field="dcp",
            remedy="the nearest that can: " + _nearest(valid_degrees([copies]), layout.dcp),
        )


def _check_experts(model: Model, layout: Layout) -> None:
    parts = [layer.feedforward for layer, _ in counted(model.layers)]
    experts = {part.experts for part in parts if isinstance(part, MixtureOfExperts)}
    if not experts:
        asked = {"ep": layout.ep > 1, "redundant_experts": layout.redundant_experts > 0}
        for field, spreads in asked.items():
            if spreads:
                raise InputError(
                    "a dense model has no experts to spread",
                    field=field,
                    remedy=f"leave {field} out",
                )
        return
    held = {e + layout.redundant_experts for e in experts}
    degrees = valid_degrees([*held, layout.stage_devices])
    nearest = "the nearest that can: " + _nearest(degrees, layout.ep)
    if layout.stage_devices % layout.ep:
        raise InputError(
            f"ep {layout.ep} does not divide the {layout.stage_devices} devices of tp × cp × dp",
            field="ep",
            remedy=nearest,
        )
    undivided = sorted(e for e in held if e % layout.ep)
    if undivided:
        raise InputError(
            f"{undivided[0]} experts cannot be divided over ep {layout.ep}",
            field="ep",
            remedy=f"{nearest}; or add {-undivided[0] % layout.ep} redundant_experts",
        )


def _check_stages(model: Model, layout: Layout) -> None:
    layers = len(model.layers)
    if layout.pp > layers:
        raise InputError(
            f"{layers} layers cannot fill pp {layout.pp} stages",
            field="pp",
            remedy=f"use at most {layers}",
        )
    stages = layout.stages(layers)
    if len(stages) != layout.pp or sum(stages) != layers or min(stages) < 1:
        even = Layout(pp=layout.pp).stages(layers)
        raise InputError(
            f"stage_layers {list(stages)} are not {layout.pp} stages of {layers} layers in all",
            field="stage_layers",
            remedy=f"for example {list(even)}",
        )
