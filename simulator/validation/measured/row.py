"""One row of a file of measurements: the figures that can be asked for, or why none can."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from simulator.validation.measured.point import Point

RecordT = TypeVar("RecordT")


class UnaskedError(Exception):
    """Why a row of measurements is no question to ``predict``."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one row of a file measures.

    Args:
        points: its figures, each with the question whose answer it should be.
        refused: why there are none; empty where there are.
    """

    points: tuple[Point, ...] = ()
    refused: str = ""


def rows_of(
    records: Iterable[RecordT], points_of: Callable[[RecordT], Iterable[Point]]
) -> Iterator[Row]:
    """Each record as a row; ``points_of`` raises ``UnaskedError`` for one that is no question."""
    for record in records:
        try:
            points = tuple(points_of(record))
        except UnaskedError as why:
            yield Row(refused=str(why))
            continue
        measured = tuple(point for point in points if point.value > 0)
        yield Row(measured) if measured else Row(refused="it measures nothing")


def number(text: str, field: str) -> float:
    """The number that a field holds.

    Raises:
        UnaskedError: it holds none.
    """
    try:
        return float(text)
    except ValueError:
        raise UnaskedError(
            f"its {field} is not a number: {text}" if text else f"it has no {field}"
        ) from None


def whole(text: str, field: str, otherwise: int = 0) -> int:
    """The whole number that a field holds; ``otherwise`` where it is empty.

    Raises:
        UnaskedError: it holds something else.
    """
    return round(number(text, field)) if text else otherwise
