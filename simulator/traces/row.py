"""One request of a trace: its numbers checked one by one, and what to say about a bad one."""

import re
from pathlib import Path
from typing import NamedTuple

from simulator.errors import InputError, shown


class Row(NamedTuple):
    """One request as a file tells it; ``line`` is for messages.

    A row that ``follows`` comes ``delay_s`` after the answer to the row before in its session.
    """

    line: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    hashes: tuple[int, ...] = ()
    session: str | int | None = None
    follows: bool = False
    delay_s: float = 0.0
    priority: int = 0


MOST_TOKENS = 1_000_000_000
"""A thousand times the longest context of any model."""

LATEST_S = 1e11
"""Seconds since 1970 until the year 5138; larger times are in another unit than they say."""

_WHOLE = re.compile(r"\s*\+?[0-9]{1,18}\s*", re.ASCII)
_MOST_HASH = 1 << 64


def bad_row(path: Path, line: int, problem: str, remedy: str | None = None) -> InputError:
    """The error for one line of a file."""
    return InputError(problem, file=path, field=f"line {line}", remedy=remedy)


def tokens(raw: object, name: str, path: Path, line: int) -> int:
    """A number of tokens, zero or more.

    Raises:
        InputError: not a whole number, negative, or more than any request has.
    """
    found = raw if type(raw) is int else _whole(str(raw))
    if found is None or not 0 <= found <= MOST_TOKENS:
        raise bad_row(
            path,
            line,
            f"{name} must be a whole number from 0 to {MOST_TOKENS:,}, found {_said(raw)}",
        )
    return found


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _said(raw: object) -> str:
    # Python prints no integer of thousands of digits.
    huge = type(raw) is int and not -_MOST_HASH < raw < _MOST_HASH
    return "a larger one" if huge else shown(raw)


def seconds(raw: object, name: str, unit_s: float, path: Path, line: int) -> float:
    """A time in ``unit_s``, as seconds.

    Raises:
        InputError: not a number, or not a time that anything happens at.
    """
    try:
        if isinstance(raw, bool):
            raise ValueError
        found = float(raw if isinstance(raw, int | float) else str(raw)) * unit_s
    except (ValueError, OverflowError):
        raise bad_row(path, line, f"{name} must be a number, found {_said(raw)}") from None
    if not abs(found) <= LATEST_S:
        raise bad_row(
            path,
            line,
            f"{name} must be a finite time within {LATEST_S:g} s, found {_said(raw)}",
            "check the unit of the times",
        )
    return found


def delay(raw: object, name: str, unit_s: float, path: Path, line: int) -> float:
    """A pause in ``unit_s``, as seconds.

    Raises:
        InputError: not a number, or negative.
    """
    found = seconds(raw, name, unit_s, path, line)
    if found < 0:
        raise bad_row(path, line, f"{name} must not be negative, found {_said(raw)}")
    return found


def identity(raw: object, name: str, path: Path, line: int) -> str | int | None:
    """What tells a session or a chat from others; None where there is none.

    Raises:
        InputError: neither a text nor a whole number.
    """
    if raw is None or isinstance(raw, str) or type(raw) is int:
        return raw
    raise bad_row(path, line, f"{name} must be a text or a whole number, found {_said(raw)}")


def hashes(raw: object, name: str, path: Path, line: int) -> tuple[int, ...]:
    """Hashes of a prompt's blocks, in order; none where there are none.

    Raises:
        InputError: not a list of whole numbers below 2**64.
    """
    if raw is None:
        return ()
    if isinstance(raw, list):
        try:
            found = tuple([each if type(each) is int else _hash(each) for each in raw])
        except ValueError:
            found = (-1,)
        if not found or (min(found) >= 0 and max(found) < _MOST_HASH):
            return found
    raise bad_row(path, line, f"{name} must be a list of whole numbers from 0 to 2**64")


def _hash(raw: object) -> int:
    found = _whole(raw) if isinstance(raw, str) else None
    if found is None:
        raise ValueError
    return found
