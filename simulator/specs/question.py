"""One question, however it is written: flags, a row of a table, ``--set`` paths, a file.

Each of them names fields of the scenario; here the names become paths, the paths are set in a
scenario's content, and the one schema checks what comes of it.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from simulator.errors import InputError, nearest, shown
from simulator.specs.deployment import Deployment
from simulator.specs.economics import Economics
from simulator.specs.reading import checked_plain, read_mapping, read_yaml_value, validate
from simulator.specs.scenario import Arithmetic, Scenario
from simulator.specs.schema import SchemaField, fields_of
from simulator.specs.text_file import exists
from simulator.specs.workload import Trace

PREDICT: Mapping[str, Any] = {"name": "predict", "workload": {"kind": "decode"}}
"""What is asked where no scenario file is given: one decode step, unless fields say otherwise."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that a person set, and how they wrote it (``--tp``, ``column 'tp'``)."""

    path: str
    value: object
    written: str


AskedT = TypeVar("AskedT", Scenario, Arithmetic)


@cache
def flags(section: str = "") -> dict[str, SchemaField]:
    """Fields that have a flag and a column, by the name of it; the outermost of each name.

    Those of a ``section`` that one command alone reads (``bill``, ``plan``), or of all that every
    command reads.
    """
    found: dict[str, SchemaField] = {}
    for field in fields_of(Scenario):
        root = field.path.split(".")[0]
        if field.flag is None or (root if root in OF_ONE_COMMAND else "") != section:
            continue
        name = field.flag.name or field.name
        if name not in found or field.path.count(".") < found[name].path.count("."):
            found[name] = field
    return found


OF_ONE_COMMAND = ("bill", "plan")
"""Sections of a scenario that the command of that name reads, and no other."""


@cache
def paths() -> frozenset[str]:
    """Every path of the schema; what-ifs of hardware and model have paths of their own."""
    return frozenset(field.path for field in fields_of(Scenario))


@cache
def whole_number_paths() -> frozenset[str]:
    """Paths of fields that take whole numbers, whatever kind of workload or pool has them."""
    types: dict[str, set[str]] = {}
    for field in fields_of(Scenario):
        types.setdefault(field.path, set()).add(field.type)
    return frozenset(path for path, found in types.items() if found == {"whole number"})


def path_of(name: str, written: str) -> str:
    """The path that a name stands for: a flag's, a field of the deployment, or a path itself.

    Raises:
        InputError: neither; suggests the nearest.
    """
    root = name.split(".")[0]
    if name in flags():
        return flags()[name].path
    if name.count(".") > _DEEPEST_PATH:
        raise InputError(f"no field lies {name.count('.')} levels deep", file=written)
    if root in Scenario.model_fields:
        return name
    if root in Deployment.model_fields:
        return f"deployment.{name}"
    known = [*flags(), *Scenario.model_fields, *Deployment.model_fields]
    raise InputError(f"unknown field {shown(name)}", file=written, remedy=nearest(name, known))


_DEEPEST_PATH = 20
"""Twice as deep as any field lies."""


def from_fields(fields: Mapping[str, object], written: str = "{}") -> list[Change]:
    """Named values as changes; ``written`` says how a person wrote a name, at its ``{}``.

    Raises:
        InputError: a name that is no field.
    """
    found = []
    for name, value in fields.items():
        said = written.format(name)
        found.append(Change(path_of(name, said), value, said))
    return found


def from_settings(settings: Iterable[str]) -> list[Change]:
    """``FIELD=VALUE`` texts of ``--set`` as changes; values are read as YAML.

    Raises:
        InputError: no equals sign, a value that is not YAML, or a name that is no field.
    """
    found = []
    for text in settings:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise InputError(
                f"{shown(text)} is not a setting",
                file="--set",
                remedy="write FIELD=VALUE, as in deployment.tp=4",
            )
        said = f"--set {name}"
        found.append(Change(path_of(name, said), read_yaml_value(value, said), said))
    return found


def ask(
    content: Mapping[str, Any], changes: Iterable[Change] = (), file: Path | None = None
) -> Scenario:
    """The scenario that ``content`` is after ``changes``, one after the other.

    Relative paths of traces and price books are taken from the folder of ``file`` where they exist
    there.

    Raises:
        InputError: a field that does not exist or has no effect here, or a value it cannot have;
            names the flag, column or file that wrote it.
    """
    # What kind of workload it is comes first, so that the order of fields tells nothing.
    changes = sorted(changes, key=lambda change: change.path not in _KINDS)
    return _beside(_checked(Scenario, content, changes, file), file)


def is_arithmetic(content: Mapping[str, Any]) -> bool:
    """Whether a file is of a bill alone: it names no system that could be simulated."""
    return "bill" in content and not content.keys() & {"model", "hardware", "workload"}


def ask_arithmetic(
    content: Mapping[str, Any], changes: Iterable[Change] = (), file: Path | None = None
) -> Arithmetic:
    """The bill without a system that ``content`` is after ``changes``; see ``ask``."""
    found = _checked(Arithmetic, content, list(changes), file)
    return found.model_copy(update={"economics": _book_beside(found.economics, file)})


def _checked(
    kind: type[AskedT], content: Mapping[str, Any], changes: list[Change], file: Path | None
) -> AskedT:
    checked_plain(content, file)
    for change in changes:
        checked_plain(change.value, change.written)
    changed = deepcopy(dict(content))
    for change in changes:
        _put(changed, change)
    if any(_is_of_the_title(change.path) for change in changes):
        # A title that speaks of another question would mislead; the answer then finds its own.
        own_title = any(change.path == "title" for change in changes)
        changed = changed if own_title else {**changed, "title": ""}
    try:
        return validate(kind, changed, file)
    except InputError as error:
        raise _written_as(error, changes) from None


def changed(scenario: Scenario, changes: Iterable[Change]) -> Scenario:
    """``scenario`` with some of its fields set anew, as if its file said so.

    Raises:
        InputError: see ``ask``.
    """
    return ask(scenario.model_dump(exclude_unset=True), changes)


def read_scenario(path: Path | str, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Read a scenario file; ``overrides`` (names or dotted paths) replace what the file says.

    Raises:
        InputError: the file or an override does not fit the schema.
    """
    path = Path(path)
    return ask(read_mapping(path), from_fields(overrides or {}), path)


def read_bill(path: Path | str) -> Scenario | Arithmetic:
    """Read a scenario file for its bill; one that names no system is plain arithmetic.

    Raises:
        InputError: the file does not fit the schema.
    """
    path = Path(path)
    content = read_mapping(path)
    if is_arithmetic(content):
        return ask_arithmetic(content, (), path)
    return ask(content, (), path)


_FILES = ("workload.file", "economics.prices")
"""Paths that name files."""

_IN_SHORT = {"hardware": "base", "model": "base", "speculation": "method"}
"""Fields that a text may stand for, and which field of theirs that text is."""

_KINDS = ("workload.kind", "workload.file")
"""Paths that say what kind of workload there is."""


def _put(content: dict[str, Any], change: Change) -> None:
    *parents, last = change.path.split(".")
    for parent in parents:
        child = content.get(parent)
        if parent in _IN_SHORT and isinstance(child, str):
            child = {_IN_SHORT[parent]: child}
        elif child is not None and not isinstance(child, dict):
            raise InputError(
                f"{parent} is {shown(child)} here, which has no field {last!r}", file=change.written
            )
        content[parent] = dict(child or {})
        content = content[parent]
    value = change.value
    if parents == ["workload"]:
        was = content.get("kind", "trace" if "file" in content else "synthetic")
        becomes = {"kind": value, "file": "trace"}.get(last, was)
        if becomes != was:
            # Another kind of workload takes the place of this one, whose fields mean nothing to it.
            content.clear()
    if change.path in _FILES and isinstance(value, str) and value:
        # A file named on the command line lies where the command runs.
        value = str(Path(value).absolute())
    content[last] = value


def _is_of_the_title(path: str) -> bool:
    return path.split(".")[0] in ("hardware", "model", "deployment", "workload", "title")


def _written_as(error: InputError, changes: list[Change]) -> InputError:
    """``error`` with the flag or column that caused it in the place of the file."""
    field = error.field or ""
    for change in reversed(changes):
        if field == change.path or field.startswith(f"{change.path}."):
            inner = field.removeprefix(change.path).lstrip(".") or None
            return InputError(error.problem, file=change.written, field=inner, remedy=error.remedy)
    return error


def _beside(scenario: Scenario, file: Path | None) -> Scenario:
    """The scenario with its trace and price book looked for in the folder of its file."""
    if file is None:
        return scenario
    workload, economics = scenario.workload, _book_beside(scenario.economics, file)
    if isinstance(workload, Trace):
        workload = workload.model_copy(update={"file": _found_beside(workload.file, file)})
    return scenario.model_copy(update={"workload": workload, "economics": economics})


def _book_beside(economics: Economics, file: Path | None) -> Economics:
    if economics.prices is None or file is None:
        return economics
    return economics.model_copy(update={"prices": _found_beside(economics.prices, file)})


def _found_beside(path: Path, file: Path) -> Path:
    beside = file.parent / path
    return beside if not path.is_absolute() and exists(beside) else path
