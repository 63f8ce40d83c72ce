"""From a YAML or JSON file to a checked specification, with errors that name the field."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from simulator.errors import FieldError, InputError, nearest
from simulator.specs.quantity import Spec
from simulator.specs.schema import models_in

SpecT = TypeVar("SpecT", bound=BaseModel)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read one YAML or JSON file that holds a mapping; duplicate keys are refused."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None
    content = _parse_json(text, path) if path.suffix == ".json" else parse_yaml(text, path)
    if not isinstance(content, dict):
        raise InputError(f"expected a mapping of fields, found {type(content).__name__}", file=path)
    return content


def _parse_json(text: str, path: Path) -> object:
    def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise InputError(
                    "this key stands twice in one object",
                    file=path,
                    field=key,
                    remedy="delete one of the two",
                )
            seen[key] = value
        return seen

    try:
        return json.loads(text, object_pairs_hook=refuse_duplicates)
    except json.JSONDecodeError as error:
        raise InputError(
            f"not valid JSON: {error.msg}", file=path, field=f"line {error.lineno}"
        ) from None


def parse_yaml(text: str, path: Path) -> object:
    """The data in YAML ``text``, which stands in the file ``path``.

    Raises:
        InputError: not YAML, or a key twice; names the line.
    """
    from yaml import MarkedYAMLError, YAMLError

    from simulator.specs.yaml_text import DuplicateKeyError, read_yaml

    try:
        return read_yaml(text)
    except MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}"
        twice = isinstance(error, DuplicateKeyError)
        problem = f"the key {error.problem}" if twice else f"not valid YAML: {error.problem}"
        remedy = "delete one of the two" if twice else None
        raise InputError(problem, file=path, field=line, remedy=remedy) from None
    except (YAMLError, ValueError, OverflowError) as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None


def read_yaml_value(text: str, written: str) -> object:
    """A value as written on a command line, read as YAML.

    Raises:
        InputError: it is not YAML; names ``written``.
    """
    return parse_yaml(text, Path(written))


def validate(kind: type[SpecT], content: dict[str, Any], file: object | None) -> SpecT:
    """Check ``content`` against the schema ``kind``; the first problem is told to the user."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _explain(error, kind, content, file) from None


def _explain(
    error: ValidationError, kind: type[BaseModel], content: object, file: object | None
) -> InputError:
    problems = error.errors(include_url=False)
    # An unknown field is usually the misspelling behind a "missing" one: tell it first.
    problems.sort(key=lambda p: p["type"] != "extra_forbidden")
    first = problems[0]
    place = _Place.of(kind, content, first["loc"])
    remedy: str | None = None
    if first["type"] == "extra_forbidden":
        problem, remedy = place.unknown()
    elif first["type"] == "missing":
        problem, remedy = "missing field", "add it"
    elif first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        place, problem, remedy = _no_such_kind(place, first)
    elif first["type"] == "literal_error":
        problem, remedy = _no_such_choice(first)
    elif first["type"] in _PLAINLY:
        problem = f"must be {_PLAINLY[first['type']]}, found {first['input']!r}"
    elif first["type"] == "value_error":
        reason = first.get("ctx", {}).get("error", first["msg"])
        problem = str(reason)
        remedy = reason.remedy if isinstance(reason, FieldError) else None
    elif first["type"] == "unknown_kind":
        problem, remedy = first["msg"], first["ctx"]["remedy"]
        place = replace(place, path=f"{place.path}.kind")
    else:
        said = first["msg"].removeprefix("Input should be ")
        should = "must be " if said != first["msg"] else ""
        problem = f"{should}{said[0].lower()}{said[1:]}, found {first['input']!r}"
    others = len({place.path} ^ {_Place.of(kind, content, p["loc"]).path for p in problems})
    if others:
        more = f"{others} more problem{'s' if others > 1 else ''} beside it"
        remedy = f"{remedy} ({more})" if remedy else more
    return InputError(problem, file=file, field=place.path or None, remedy=remedy)


_PLAINLY = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of ordinary size",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a text",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""What people call the types that pydantic names in its own words."""


def _no_such_kind(place: "_Place", problem: ErrorDetails) -> tuple["_Place", str, str]:
    context = problem["ctx"]
    name = str(context["discriminator"]).strip("'")
    place = replace(place, path=f"{place.path}.{name}".lstrip("."))
    if problem["type"] == "union_tag_not_found":
        return place, "missing field", f"add {name}"
    known = re.findall(r"'([^']*)'", context["expected_tags"])
    tag = str(context["tag"])
    return place, f"there is no {name} {tag!r}", nearest(tag, known)


def _no_such_choice(problem: ErrorDetails) -> tuple[str, str]:
    known = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
    shown = ", ".join(known)
    return f"must be one of {shown}; found {problem['input']!r}", nearest(
        str(problem["input"]), known
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a schema a problem is: the path as people write it, and the class found there.

    ``alternatives`` are the members of the union that the class was chosen from, by their tags.
    """

    path: str
    owner: type[BaseModel]
    tag: str | None
    alternatives: Mapping[str, type[BaseModel]]

    @classmethod
    def of(
        cls, kind: type[BaseModel], content: object, location: tuple[int | str, ...]
    ) -> "_Place":
        place = cls("", kind, None, {})
        for i, part in enumerate(location):
            if str(part) in place.alternatives and place.tag is None:
                place = replace(place, owner=place.alternatives[str(part)], tag=str(part))
                continue
            content = _below(content, part)
            found = _field_of(place.owner, str(part))
            path = f"{place.path}.{part}".lstrip(".")
            if found is None or i == len(location) - 1:
                # Mapping keys and list positions name no field: the class stays, or its kind.
                place = replace(place, path=path, owner=_class_of(place.owner, content))
                continue
            models = models_in(found.annotation)
            tags = {tag: model for model in models for tag in _tags(model)}
            chosen = _class_of(models[0] if models else place.owner, content)
            place = cls(path, chosen, None, tags if len(models) > 1 else {})
        return place

    def unknown(self) -> tuple[str, str]:
        """What to say of a field that the class does not have."""
        name = self.path.rpartition(".")[2]
        elsewhere = [
            tag
            for tag, other in self.alternatives.items()
            if other is not self.owner and name in other.model_fields
        ]
        if elsewhere and self.tag is not None:
            return (
                f"has no effect where the kind is {self.tag}",
                f"it belongs to {' and '.join(dict.fromkeys(elsewhere))}",
            )
        known = [f.alias or n for n, f in self.owner.model_fields.items()]
        return "unknown field", nearest(name, known)


def _class_of(kind: type[BaseModel], content: object) -> type[BaseModel]:
    return kind.schema_of(content) if issubclass(kind, Spec) else kind


def _below(content: object, part: int | str) -> object:
    if isinstance(content, dict):
        return content.get(part)
    return content[part] if isinstance(content, list) and isinstance(part, int) else None


def _field_of(kind: type[BaseModel], name: str) -> FieldInfo | None:
    return kind.model_fields.get(name) or next(
        (f for f in kind.model_fields.values() if f.alias == name), None
    )


def _tags(kind: type[BaseModel]) -> Iterator[str]:
    """Values of the field that tells a union's members apart, where the class has one."""
    for name in ("kind", "process", "policy"):
        info = kind.model_fields.get(name)
        if info is not None and get_origin(info.annotation) is Literal:
            yield from (str(value) for value in get_args(info.annotation))
            return
