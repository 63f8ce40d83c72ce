"""From a YAML or JSON file to a checked specification, with errors that name the field."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from simulator.errors import FieldError, InputError, nearest, shown
from simulator.specs.json_text import NotJsonError, read_json
from simulator.specs.plain import check_plain
from simulator.specs.quantity import Spec
from simulator.specs.schema import models_in
from simulator.specs.text_file import read_text

SpecT = TypeVar("SpecT", bound=BaseModel)


MOST_BYTES = {".json": 5_000_000}
_MOST_YAML_BYTES = 500_000
"""Thirty times the largest file of the catalogue; YAML takes a second for it."""


def read_mapping(path: Path) -> dict[str, Any]:
    """Read one YAML or JSON file that holds a mapping; duplicate keys are refused."""
    text = read_text(path, MOST_BYTES.get(path.suffix, _MOST_YAML_BYTES))
    content = _parse_json(text, path) if path.suffix == ".json" else parse_yaml(text, path)
    if not isinstance(content, dict):
        raise InputError(f"must be a mapping of fields, found {shown(content)}", file=path)
    return content


def _parse_json(text: str, path: Path) -> object:
    try:
        content = read_json(text, every_key_once=True)
    except NotJsonError as error:
        line = None if error.line is None else f"line {error.line}"
        raise InputError(str(error), file=path, field=line, remedy=error.remedy) from None
    return checked_plain(content, path)


def checked_plain(content: object, file: object | None) -> object:
    """``content`` as it is, where it is plain data of bounded size.

    Raises:
        InputError: see ``check_plain``; names the file, flag or field that it is from.
    """
    try:
        check_plain(content)
    except FieldError as error:
        raise InputError(str(error), file=file, remedy=error.remedy) from None
    return content


def parse_yaml(text: str, path: Path) -> object:
    """The data in YAML ``text``, which stands in the file ``path``.

    Raises:
        InputError: not YAML, or a key twice; names the line.
    """
    from yaml import MarkedYAMLError, YAMLError

    from simulator.specs.yaml_text import DuplicateKeyError, read_yaml

    try:
        return checked_plain(read_yaml(text), path)
    except MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}"
        twice = isinstance(error, DuplicateKeyError)
        said = error.problem or error.context or "cannot be understood"
        problem = f"the key {said}" if twice else f"not valid YAML: {said}"
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
    problems = error.errors(include_url=False)[:_MOST_PROBLEMS]
    # An unknown field is usually the misspelling behind a "missing" one: tell it first.
    problems.sort(key=lambda p: p["type"] != "extra_forbidden")
    first = problems[0]
    place = _Place.of(kind, content, first)
    remedy: str | None = None
    if first["type"] == "extra_forbidden":
        problem, remedy = place.unknown()
    elif first["type"] == "missing":
        problem, remedy = "missing field", "add it"
    elif first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        if isinstance(first["input"], dict):
            place, problem, remedy = _no_such_kind(place, first)
        else:
            problem = f"must be a mapping of fields, found {shown(first['input'])}"
    elif first["type"] == "literal_error":
        problem, remedy = _no_such_choice(first)
    elif first["type"] in _PLAINLY:
        should = _PLAINLY[first["type"]].format(**first.get("ctx", {}))
        problem = f"must {should}, found {shown(first['input'])}"
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
        problem = f"{should}{said[0].lower()}{said[1:]}, found {shown(first['input'])}"
    others = len({place.path} ^ {_Place.of(kind, content, p).path for p in problems})
    if others:
        least = "at least " if error.error_count() > _MOST_PROBLEMS else ""
        more = f"{least}{others} more problem{'s' if others > 1 else ''} beside it"
        remedy = f"{remedy} ({more})" if remedy else more
    return InputError(problem, file=file, field=place.path or None, remedy=remedy)


_MOST_PROBLEMS = 100
"""Of a long list of wrong values the first ones say enough."""

_PLAINLY = {
    "int_parsing": "be a whole number",
    "int_type": "be a whole number",
    "int_from_float": "be a whole number",
    "int_parsing_size": "be a whole number of ordinary size",
    "float_parsing": "be a number",
    "float_type": "be a number",
    "finite_number": "be a finite number",
    "greater_than_equal": "be at least {ge:,}",
    "greater_than": "be more than {gt:,}",
    "less_than_equal": "be at most {le:,}",
    "less_than": "be less than {lt:,}",
    "bool_parsing": "be true or false",
    "bool_type": "be true or false",
    "string_type": "be a text",
    "string_unicode": "be a text",
    "string_pattern_mismatch": "consist of lower-case letters, digits, dots and hyphens",
    "string_too_short": "have at least {min_length} characters",
    "string_too_long": "have at most {max_length} characters",
    "too_short": "have at least {min_length} entries",
    "too_long": "have at most {max_length} entries",
    "path_type": "be a path to a file",
    "date_type": "be a date, a month or a year",
    "date_parsing": "be a date, a month or a year",
    "date_from_datetime_parsing": "be a date, a month or a year",
    "date_from_datetime_inexact": "be a date, a month or a year",
    "model_type": "be a mapping of fields",
    "model_attributes_type": "be a mapping of fields",
    "dict_type": "be a mapping",
    "invalid_key": "have texts as keys",
    "list_type": "be a list",
    "tuple_type": "be a list",
}
"""What people call the types that pydantic names in its own words."""


def _no_such_kind(place: "_Place", problem: ErrorDetails) -> tuple["_Place", str, str]:
    context = problem["ctx"]
    name = str(context["discriminator"]).strip("'")
    place = replace(place, path=f"{place.path}.{name}".lstrip("."))
    if problem["type"] == "union_tag_not_found":
        return place, "missing field", f"add {name}"
    known = re.findall(r"'([^']*)'", context["expected_tags"])
    tag = problem["input"].get(name)
    return place, f"there is no {name} {shown(tag)}", nearest(str(tag), known)


def _no_such_choice(problem: ErrorDetails) -> tuple[str, str]:
    known = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
    choices = ", ".join(known)
    return f"must be one of {choices}; found {shown(problem['input'])}", nearest(
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
    def of(cls, kind: type[BaseModel], content: object, problem: ErrorDetails) -> "_Place":
        place = cls("", kind, None, {})
        location = problem["loc"]
        for i, part in enumerate(location):
            if str(part) in place.alternatives and place.tag is None:
                place = replace(place, owner=place.alternatives[str(part)], tag=str(part))
                continue
            is_absent = problem["type"] == "missing" and i == len(location) - 1
            if not is_absent and not _holds(content, part):
                # Where the value could be of several types, pydantic names the type as well.
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


def _holds(content: object, part: int | str) -> bool:
    if isinstance(content, dict):
        return part in content
    return isinstance(content, list | tuple) and isinstance(part, int) and part < len(content)


def _below(content: object, part: int | str) -> object:
    if isinstance(content, dict):
        return content.get(part)
    if isinstance(content, list | tuple) and isinstance(part, int):
        return content[part] if part < len(content) else None
    return None


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
