"""A chip or a model with some of its fields changed, as a question about it."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel

from simulator.errors import InputError, shown
from simulator.specs import catalogue
from simulator.specs.hardware import Hardware
from simulator.specs.kept import Same
from simulator.specs.model import MOST_LAYERS, Model
from simulator.specs.reading import validate
from simulator.specs.scenario import Named

SpecT = TypeVar("SpecT", bound=BaseModel)


def hardware_of(named: Named) -> tuple[Hardware, str | None]:
    """The hardware that a scenario names, what-ifs applied, and the compute engine asked for.

    Raises:
        InputError: an unknown name, or a change that names no field or does not fit it.
    """
    base = named if isinstance(named, str) else str(named["base"])
    name, engine = split_engine(base)
    found = catalogue.hardware(name)
    if isinstance(named, str):
        return found, engine
    return _changed_hardware(Same(found), _frozen(named)), engine


def model_of(named: Named) -> Model:
    """The model that a scenario names, what-ifs applied.

    ``layers`` as a number repeats or thins out the model's own layers evenly.

    Raises:
        InputError: an unknown name, or a change that names no field or does not fit it.
    """
    if isinstance(named, str):
        return catalogue.model(named)
    return _changed_model(Same(catalogue.model(str(named["base"]))), _frozen(named))


def changes_in(named: Named) -> dict[str, object]:
    """Dotted paths and values of a what-if; nothing for a plain name."""
    return {} if isinstance(named, str) else dict(_leaves(_without_base(named), ""))


def split_engine(name: str) -> tuple[str, str | None]:
    """``apple-m4-pro:cpu`` is the hardware and one of its compute engines."""
    if catalogue.is_path(name):
        return name, None
    hardware, _, engine = name.partition(":")
    return hardware, engine or None


@lru_cache(maxsize=256)
def _changed_hardware(base: Same[Hardware], changes: str) -> Hardware:
    over = json.loads(changes)
    return _laid_over(base.thing, over, "hardware")


@lru_cache(maxsize=256)
def _changed_model(base: Same[Model], changes: str) -> Model:
    over = json.loads(changes)
    model = base.thing
    count = over.get("layers")
    if isinstance(count, int | str):
        del over["layers"]
        model = _with_layers(model, count)
    return _laid_over(model, over, "model") if over else model


def _with_layers(model: Model, count: int | str) -> Model:
    number = int(count) if str(count).isdecimal() else 0
    if not 1 <= number <= MOST_LAYERS:
        raise InputError(
            f"must be a whole number from 1 to {MOST_LAYERS}, found {shown(count)}",
            field="model.layers",
        )
    own = model.layers
    layers = tuple(own[i * len(own) // number] for i in range(number))
    return model.model_copy(update={"layers": layers})


def _laid_over(spec: SpecT, over: Mapping[str, Any], root: str) -> SpecT:
    """``spec`` with the fields of ``over`` changed, checked anew by its schema."""
    content = _merged(spec.model_dump(by_alias=True, exclude_none=True), over)
    try:
        return validate(type(spec), content, None)
    except InputError as error:
        field = f"{root}.{error.field}" if error.field else root
        raise InputError(error.problem, field=field, remedy=error.remedy) from None


def _merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and "value" not in below:
            value = _merged(below, value)
        merged[key] = value
    return merged


def _without_base(named: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in named.items() if key != "base"}


def _frozen(named: Mapping[str, Any]) -> str:
    return json.dumps(_without_base(named), sort_keys=True, default=str)


def _leaves(content: Mapping[str, Any], prefix: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in content.items():
        path = f"{prefix}{key}"
        found += _leaves(value, f"{path}.") if isinstance(value, dict) else [(path, value)]
    return found
