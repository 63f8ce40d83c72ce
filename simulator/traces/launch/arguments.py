"""A server's arguments, checked against its table: each known, each once, each with its value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.json_text import NotJsonError, read_json
from simulator.specs.reading import parse_yaml
from simulator.specs.text_file import read_text
from simulator.traces.launch.shell import LINE, unset
from simulator.traces.launch.table import Known


@dataclass(frozen=True, slots=True)
class Given:
    """One argument as a person gave it: ``written`` is the name as they spelled it."""

    written: str
    value: Any

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{LINE}: {self.written}"

    def refused(self, problem: str, remedy: str) -> InputError:
        """The error for this argument."""
        return InputError(problem, file=self.place, remedy=remedy)

    def whole(self) -> int:
        """The value as a whole number.

        Raises:
            InputError: it is none.
        """
        try:
            return int(str(self.value))
        except ValueError:
            raise self.refused(
                f"must be a whole number, found {self.value!r}", "write digits only"
            ) from None

    def degree(self) -> int:
        """The value as a number of devices, ranks or copies.

        Raises:
            InputError: it is none, or below one.
        """
        found = self.whole()
        if found < 1:
            raise self.refused(f"must be at least 1, found {found}", "leave it out, or write 1")
        return found

    def number(self) -> float:
        """The value as a number.

        Raises:
            InputError: it is none.
        """
        try:
            return float(str(self.value))
        except ValueError:
            raise self.refused(
                f"must be a number, found {self.value!r}", "write digits only"
            ) from None


Arguments = dict[str, Given]
"""What was given, by the argument's own name."""


def read_arguments(
    known: Known, words: Sequence[str], files: Mapping[str, str], folder: Path
) -> Arguments:
    """The arguments in ``words``, those of files that they name among them.

    Files stand in ``files``, or below ``folder``.

    Raises:
        InputError: an unknown name (suggests the nearest), a value that is missing or left over, or
            two that contradict each other.
    """
    found: Arguments = {}
    for name, given in _pairs(known, words):
        if known.takes[name] == "file":
            for inner, value in _of_file(known, given, files, folder):
                _put(found, inner, value)
        else:
            _put(found, name, given)
    return found


def _put(found: Arguments, name: str, given: Given) -> None:
    old = found.get(name)
    if old is not None and isinstance(old.value, dict) and isinstance(given.value, dict):
        given = Given(given.written, {**old.value, **given.value})
    elif old is not None and old.value != given.value:
        raise given.refused(
            f"{_shown(given)} contradicts {_shown(old)}", "leave one of the two out"
        )
    found[name] = given


def _shown(given: Given) -> str:
    is_switch = isinstance(given.value, bool)
    return given.written if is_switch else f"{given.written} {given.value}"


def _pairs(known: Known, words: Sequence[str]) -> Iterator[tuple[str, Given]]:
    i, has_model = 0, False
    while i < len(words):
        word = words[i]
        i += 1
        if not word.startswith("-") or word == "-":
            if has_model:
                raise InputError(
                    f"{word!r} belongs to no argument", file=LINE, field=f"word {i}",
                    remedy="quote values that have spaces in them, or leave it out",
                )  # fmt: skip
            has_model = True
            yield (
                "--model" if "--model" in known.takes else "--model-path",
                Given("model", _set(word)),
            )
            continue
        spelled, equals, value = word.partition("=")
        glued = re.fullmatch(r"(-[A-Za-z])(\d+)", spelled)
        if glued is not None and not equals and known.find(glued[1]) is not None:
            spelled, equals, value = glued[1], "=", glued[2]
        name, is_on, member = _named(known, spelled)
        takes = "value" if member else known.takes[name]
        if takes == "nothing":
            if equals:
                raise Given(spelled, value).refused("takes no value", f"write {spelled} alone")
            yield name, Given(spelled, is_on)
            continue
        if takes == "list":
            values = [value] if equals else []
            while not equals and i < len(words) and not _is_name(words[i]):
                values.append(words[i])
                i += 1
            yield name, Given(spelled, [part for text in values for part in text.split(",")])
            continue
        if not equals:
            if i >= len(words) or _is_name(words[i]):
                raise Given(spelled, None).refused("has no value", "write one after it")
            value = words[i]
            i += 1
        yield name, Given(spelled, _value(takes, spelled, _set(value), member))


def _is_name(word: str) -> bool:
    return word.startswith("-") and not re.fullmatch(r"-[\d.]+", word)


def _set(word: str) -> str:
    name = unset(word)
    if name is not None:
        raise InputError(
            f"it uses ${name}, which it does not set", file=LINE, field=word,
            remedy=f"write the value in its place, or set {name}=… before it",
        )  # fmt: skip
    return word


def _named(known: Known, spelled: str) -> tuple[str, bool, str]:
    """The argument's name, whether it is switched on, and the member of it that is meant."""
    found = known.find(spelled)
    if found is not None:
        return (*found, "")
    # vLLM's ``--json-argument.member.member value``.
    base, _, member = spelled.partition(".")
    found = known.find(base) if member else None
    if found is None or known.takes[found[0]] == "nothing":
        raise InputError(
            f"unknown argument of {known.table.engine}", file=f"{LINE}: {spelled}",
            remedy=known.nearest(spelled),
        )  # fmt: skip
    return (*found, member)


_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kKmMgG])")
_TIMES = {"k": 1e3, "m": 1e6, "g": 1e9, "K": 2**10, "M": 2**20, "G": 2**30}


def _value(takes: str, spelled: str, text: str, member: str) -> object:
    if member:
        value: object = parse_yaml(text, Path(f"{LINE}: {spelled}"))
        for part in reversed(member.split(".")):
            value = {part.removesuffix("+"): value}
        return value
    if takes == "count" and (found := _COUNT.fullmatch(text.strip())):
        return str(round(float(found[1]) * _TIMES[found[2]]))
    if takes != "object":
        return text
    if text.isdigit():
        # vLLM takes a bare level of compilation.
        return {"mode": int(text)}
    try:
        value = read_json(text)
    except NotJsonError as error:
        raise Given(spelled, text).refused(
            str(error), "quote the whole object with ' and its keys with \""
        ) from None
    if not isinstance(value, dict):
        raise Given(spelled, text).refused("is no JSON object", "write it as '{\"key\": value}'")
    return value


def _of_file(
    known: Known, given: Given, files: Mapping[str, str], folder: Path
) -> Iterator[tuple[str, Given]]:
    """The arguments of a YAML file: ``written`` says the file and the field."""
    name = str(given.value)
    text = files.get(name)
    if text is None:
        try:
            text = read_text(folder / name, _LARGEST)
        except InputError as error:
            raise given.refused(
                f"{name}: {error.problem}",
                "run it where the file lies, or give its arguments in the line",
            ) from None
    content = parse_yaml(text, Path(name))
    if not isinstance(content, dict):
        raise InputError(
            "is no mapping of arguments", file=name, remedy="write a line for each, name: value"
        )
    yield from _of_mapping(known, content, "", name)


_LARGEST = 1_000_000
"""Bytes of a file of arguments; larger ones are something else."""


def _of_mapping(
    known: Known, content: Mapping[Any, Any], above: str, file: str
) -> Iterator[tuple[str, Given]]:
    for key, value in content.items():
        path = f"{above}{key}"
        found = known.find(f"--{path}")
        if isinstance(value, dict) and known.has_members(f"--{path}"):
            yield from _of_mapping(known, value, f"{path}.", file)
        elif found is None:
            remedy = known.nearest(f"--{path}")
            raise InputError(
                f"unknown field of {known.table.engine}", file=file, field=path, remedy=remedy
            )
        else:
            name, is_on = found
            if isinstance(value, bool) and not is_on:
                value = not value
            if value is None and known.takes[name] != "object":
                # What is null in a file is as if it did not stand there.
                continue
            kept = value is None or isinstance(value, list | dict | bool)
            yield name, Given(f"{file}: {path}", value if kept else str(value))
