"""Plain data as files, flags and callers give it: bounded, and nothing that no answer comes of."""

import math
from collections.abc import Iterator

from simulator.errors import FieldError

DEEPEST = 200
"""Levels of nesting that no honest file has; whoever walks through one recurses once for each."""

MOST_VALUES = 200_000
"""Values of one file or field, those that stand behind references counted each time."""

LONGEST = 100_000
"""Characters of one text."""

_LARGEST = 1 << 63


def check_plain(content: object) -> None:
    """Refuse what would take for ever to look at, or what no number or text of a person is.

    Raises:
        FieldError: nested too deeply, too many values, a number that is not finite or too large,
            or a text that cannot be printed; names the value.
    """
    left = MOST_VALUES
    for path, depth, value in _values(content):
        left -= 1
        if left < 0:
            raise FieldError(f"holds more than {MOST_VALUES:,} values", remedy="leave some out")
        if depth > DEEPEST:
            raise FieldError(f"is nested more than {DEEPEST} levels deep", remedy="flatten it")
        problem = _problem(value)
        if problem:
            raise FieldError(f"{_named(path)}{problem}", remedy="correct it, or leave it out")


Path = tuple[object, ...]


def _values(content: object) -> Iterator[tuple[Path, int, object]]:
    """Every value below ``content``, it included, each before those in it."""
    waiting: list[tuple[Path, object]] = [((), content)]
    while waiting:
        path, value = waiting.pop()
        yield path, len(path), value
        if isinstance(value, dict):
            for key, below in value.items():
                if not isinstance(key, str) or _problem(key):
                    yield path, len(path), key
                waiting.append(((*path, key), below))
        elif isinstance(value, list | tuple):
            waiting += [((*path, place), below) for place, below in enumerate(value)]


def _problem(value: object) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return "" if -_LARGEST < value < _LARGEST else "a whole number beyond 2**63"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"must be a finite number, found {value}"
    if isinstance(value, str):
        if len(value) > LONGEST:
            return f"a text of more than {LONGEST:,} characters"
        return "" if _is_text(value) else "a text with characters that cannot be written"
    return ""


def _is_text(value: str) -> bool:
    if "\x00" in value:
        return False
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _named(path: Path) -> str:
    name = ".".join(str(part) for part in path if isinstance(part, str) and _is_text(part))
    return f"{name}: " if name else ""
