"""The schema of a question, read from its own classes: fields, units, defaults, help, flags.

Flags of commands, columns of tables, paths of ``--set``, the reference and the templates are all
printed from here, so that a field is written once: in its class.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulator.specs.quantity import Flag, Unit


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One field that a person may write.

    Args:
        path: dotted, as in ``--set``; members of a union share it.
        name: the last part of the path.
        owner: the class that holds the field.
        type: what is written there, in a few words.
        unit: the dimension, for numbers that may carry a unit.
        default: what holds where nothing is written; ``None`` may mean the engine's own default.
        required: whether there is no default.
        help: what it means.
        bounds: the range of a number, in words.
        choices: the words that are allowed, where they are few.
        flag: whether commands have a flag and tables a column of this name, and its short form.
    """

    path: str
    name: str
    owner: type[BaseModel]
    type: str
    unit: str | None
    default: object
    required: bool
    help: str
    bounds: str
    choices: tuple[str, ...]
    flag: Flag | None


def fields_of(kind: type[BaseModel], prefix: str = "") -> Iterator[SchemaField]:
    """Every field below ``kind`` in the order of the classes, members of unions one by one.

    Fields that a child class inherits stand where the parent declares them.
    """
    for name, info in kind.model_fields.items():
        alias = info.alias or name
        path = f"{prefix}{alias}"
        yield _field(kind, alias, name, path, info)
        for inner in models_in(info.annotation):
            yield from fields_of(inner, f"{path}.")


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The schema classes that a value of this type may be, through optionals, lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


@cache
def descriptions(kind: type[BaseModel]) -> dict[str, str]:
    """What the ``Args`` of the class and of those it inherits from say of each field."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if each is not BaseModel and issubclass(each, BaseModel):
            found |= _arguments(each.__doc__ or "")
    return found


def _arguments(docstring: str) -> dict[str, str]:
    _, _, section = cleandoc(docstring).partition("Args:\n")
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \w)", section.rstrip()):
        names, colon, text = entry.strip().partition(":")
        if colon:
            words = " ".join(text.split())
            found |= dict.fromkeys((name.strip() for name in names.split(",")), words)
    return found


def _field(
    owner: type[BaseModel], alias: str, name: str, path: str, info: FieldInfo
) -> SchemaField:
    metadata = list(_metadata(info))
    return SchemaField(
        path=path,
        name=alias,
        owner=owner,
        type=_type_in_words(info.annotation),
        unit=next((m.dimension for m in metadata if isinstance(m, Unit)), None),
        default=None if info.is_required() else info.get_default(call_default_factory=True),
        required=info.is_required(),
        help=descriptions(owner).get(name, ""),
        bounds=_bounds(metadata),
        choices=_choices(info.annotation),
        flag=next((m for m in metadata if isinstance(m, Flag)), None),
    )


def _metadata(info: FieldInfo) -> Iterator[object]:
    yield from info.metadata
    yield from _inner_metadata(info.annotation)


def _inner_metadata(annotation: object) -> Iterator[object]:
    """Marks of the type itself: ``Annotated[int, Ge(1)] | None`` keeps them inside."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        for mark in marks:
            yield from mark.metadata if isinstance(mark, FieldInfo) else (mark,)
        yield from _inner_metadata(inner)
    elif get_origin(annotation) in (Union, UnionType):
        for argument in get_args(annotation):
            yield from _inner_metadata(argument)


_SIGNS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def _bounds(metadata: list[object]) -> str:
    found = []
    for kind, (sign, attribute) in _SIGNS.items():
        found += [_bound(sign, getattr(m, attribute)) for m in metadata if isinstance(m, kind)]
    for unit in metadata:
        if isinstance(unit, Unit):
            found += [] if unit.allow_zero or unit.low is not None else ["> 0"]
            found += [] if unit.low is None else [_bound("≥", unit.low)]
            found += [] if unit.high is None else [_bound("≤", unit.high)]
    return ", ".join(dict.fromkeys(found))


def _bound(sign: str, limit: float) -> str:
    return f"{sign} {limit:,}" if isinstance(limit, int) else f"{sign} {limit:g}"


def _choices(annotation: object) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType, Annotated):
        inner = get_args(annotation)
        inner = inner[:1] if get_origin(annotation) is Annotated else inner
        return tuple(dict.fromkeys(c for argument in inner for c in _choices(argument)))
    return ()


_WORDS: dict[object, str] = {
    int: "whole number", float: "number", str: "text", bool: "true or false", Path: "file",
    Any: "anything",
}  # fmt: skip


def _type_in_words(annotation: object) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_in_words(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in arguments)
    if origin in (Union, UnionType):
        kinds = [_type_in_words(a) for a in arguments if a is not NoneType]
        return " or ".join(dict.fromkeys(kinds))
    if origin in (list, tuple):
        return f"list of {_type_in_words(arguments[0])}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _WORDS.get(annotation, "value")
