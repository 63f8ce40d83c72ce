"""From a YAML or JSON file to a checked specification, with errors that name the field."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from simulator.errors import FieldError, InputError, nearest
from simulator.specs.quantity import Spec

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


def read_setting(text: str) -> tuple[str, Any]:
    """One ``field=value`` as written on a command line; the value is read as YAML.

    Raises:
        InputError: no equals sign, or a value that is not YAML.
    """
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise InputError(
            f"{text!r} is not a setting", field="set", remedy="write field=value, as in policy=fcfs"
        )
    return field.strip(), parse_yaml(value, Path("--set"))


def put(content: dict[str, Any], field: str, value: object) -> None:
    """Set a dotted ``field`` of nested mappings to ``value``, making mappings on the way."""
    *parents, last = field.split(".")
    for parent in parents:
        child = content.get(parent)
        content[parent] = dict(child) if isinstance(child, dict) else {}
        content = content[parent]
    content[last] = value


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
    field = ".".join(str(part) for part in first["loc"])
    remedy: str | None = None
    if first["type"] == "extra_forbidden":
        problem = "unknown field"
        remedy = nearest(str(first["loc"][-1]), _fields_at(kind, content, first["loc"][:-1]))
    elif first["type"] == "missing":
        problem = "missing field"
        remedy = "add it to the file"
    elif first["type"] == "value_error":
        reason = first.get("ctx", {}).get("error", first["msg"])
        problem = str(reason)
        remedy = reason.remedy if isinstance(reason, FieldError) else None
    elif first["type"] == "unknown_kind":
        problem, remedy = first["msg"], first["ctx"]["remedy"]
        field += ".kind"
    else:
        problem = f"{first['msg'][0].lower()}{first['msg'][1:]}, found {first['input']!r}"
    others = len(problems) - 1
    if others:
        more = f"{others} more problem{'s' if others > 1 else ''} in this file"
        remedy = f"{remedy} ({more})" if remedy else more
    return InputError(problem, file=file, field=field or None, remedy=remedy)


def _fields_at(kind: type[BaseModel], content: object, path: tuple[int | str, ...]) -> list[str]:
    """Names that the schema allows at ``path``, looking through optionals, lists and unions."""
    kinds: list[type[BaseModel]] = [kind]
    for part in path:
        content = _below(content, part)
        found: list[type[BaseModel]] = []
        for candidate in kinds:
            info = candidate.model_fields.get(str(part)) or next(
                (f for f in candidate.model_fields.values() if f.alias == part), None
            )
            if info is not None:
                found += _models_in(info.annotation)
        # Mapping keys and list positions do not name a field: stay where we are.
        kinds = [k.schema_of(content) if issubclass(k, Spec) else k for k in found] or kinds
    return [f.alias or n for k in kinds for n, f in k.model_fields.items()]


def _below(content: object, part: int | str) -> object:
    if isinstance(content, dict):
        return content.get(part)
    return content[part] if isinstance(content, list) and isinstance(part, int) else None


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = getattr(annotation, "__args__", ())
    return [model for argument in arguments for model in _models_in(argument)]
