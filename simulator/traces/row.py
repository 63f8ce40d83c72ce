"""One request of a trace, and what to say about a bad one."""

from pathlib import Path
from typing import NamedTuple

from simulator.errors import InputError


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


def bad_row(path: Path, line: int, problem: str, remedy: str | None = None) -> InputError:
    """The error for one line of a file."""
    return InputError(problem, file=path, field=f"line {line}", remedy=remedy)


def tokens(raw: object, name: str, path: Path, line: int) -> int:
    """A number of tokens, zero or more.

    Raises:
        InputError: not a whole number, or negative.
    """
    try:
        found = raw if type(raw) is int else int(str(raw))
    except ValueError:
        raise bad_row(path, line, f"{name} {raw!r} is not a whole number") from None
    if found < 0:
        raise bad_row(path, line, f"{name} is {found}")
    return found


def seconds(raw: object, name: str, unit_s: float, path: Path, line: int) -> float:
    """A time in ``unit_s``, as seconds.

    Raises:
        InputError: not a finite number.
    """
    try:
        found = float(str(raw)) * unit_s
    except ValueError:
        raise bad_row(path, line, f"{name} {raw!r} is not a number") from None
    if not abs(found) < float("inf"):
        raise bad_row(path, line, f"{name} is not finite")
    return found
