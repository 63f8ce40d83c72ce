"""An answer: the figures of one question, or of many at once, as every interface gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from simulator.economics.breakdown import CostLine
from simulator.errors import InputError
from simulator.simulate.figure import Figure, Value
from simulator.simulate.figures import FIGURE, HEADLINE

if TYPE_CHECKING:
    from pandas import DataFrame

Interval = tuple[Value, Value]


@dataclass(frozen=True, repr=False, eq=False)
class Answer:
    """Figures by key, their 80 % intervals, and what to know about them.

    Every figure is an attribute too: ``answer.ttft_s``, or None where there is none. Values are
    numbers, or arrays of shape (n,) where n questions were asked at once.

    Args:
        figures: by key, in the order of the table; None or absent where there is none.
        intervals: (low, high) by key.
        notes: assumptions and fallbacks that a reader should hear of.
        breakdown: what every dollar goes to, line by line; empty without a price, or where many
            questions were asked at once.
    """

    figures: Mapping[str, Value] = field(kw_only=True)
    intervals: Mapping[str, Interval] = field(kw_only=True)
    notes: tuple[str, ...] = field(kw_only=True)
    breakdown: tuple[CostLine, ...] = field(kw_only=True, default=())

    identity: ClassVar[tuple[str, ...]] = ()
    """Fields that say what the answer is about; they stand first."""
    shown: ClassVar[tuple[Figure, ...]] = ()
    """Figures that are written, whether they are known or not."""

    def __getattr__(self, name: str) -> Value:
        # Only asked for what is no field. While an answer is being unpickled it has none yet.
        if name in FIGURE and "figures" in self.__dict__:
            return self.figures.get(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(figure.key for figure in self.shown)})

    def to_dict(self) -> dict[str, Any]:
        """What the answer is about, every figure, intervals and notes: plain values for JSON.

        Arrays become lists.
        """
        return {name: _plain(value) for name, value in self._columns().items()}

    def to_frame(self) -> "DataFrame":
        """A pandas DataFrame with a row for each question and the columns of ``to_dict``.

        Raises:
            InputError: pandas is not installed.
        """
        return frame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary like ``to_dict`` for each question that was asked."""
        columns = self._columns()
        lengths = {len(v) for v in columns.values() if isinstance(v, np.ndarray) and v.ndim}
        if not lengths:
            return [self.to_dict()]
        (count,) = lengths
        lists = [
            value.tolist()
            if isinstance(value, np.ndarray) and value.ndim
            else [_plain(value)] * count
            for value in columns.values()
        ]
        return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]

    def _columns(self) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in self.identity}
        found |= {figure.key: self.figures.get(figure.key) for figure in self.shown}
        for figure in self.shown:
            if figure.errors:
                interval = self.intervals.get(figure.key, (None, None))
                found[f"{figure.key}_low"], found[f"{figure.key}_high"] = interval
        found["notes"] = list(self.notes)
        return found

    def __repr__(self) -> str:
        known = ", ".join(f"{f.short} {_cell(f, self.figures[f.key])}" for f in self._headline())
        return f"<{type(self).__name__} {self._about()}: {known}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = []
        for figure in self._headline():
            low, high = self.intervals.get(figure.key, (None, None))
            is_one = low is not None and not np.ndim(low)
            cells = (
                _cell(figure, self.figures[figure.key]),
                figure.between(low, high) if is_one else "",
            )
            row = "".join(f'<td style="text-align: right">{escape(cell)}</td>' for cell in cells)
            rows.append(f'<tr><th style="text-align: left">{escape(figure.label)}</th>{row}</tr>')
        head = "<tr><th></th><th></th><th>80 % interval</th></tr>"
        return f"<table><caption>{escape(self._about())}</caption>{head}{''.join(rows)}</table>"

    def _headline(self) -> list[Figure]:
        return [figure for figure in HEADLINE if self.figures.get(figure.key) is not None]

    def _about(self) -> str:
        """What the answer is about, in a few words."""
        return ", ".join(str(getattr(self, name)) for name in self.identity)


def frame(rows: Sequence[Mapping[str, Any]]) -> "DataFrame":
    """Rows of answers as a pandas DataFrame.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise InputError(
            "a data frame needs pandas", remedy="pip install 'roofsim[frame]'"
        ) from None
    return pandas.DataFrame(rows)


def _cell(figure: Figure, value: Value) -> str:
    if np.ndim(value):
        return f"{figure.show(float(value.min()))} … {figure.show(float(value.max()))}"
    shown = figure.show(value)
    return shown if shown.endswith(figure.unit_words) else f"{shown} {figure.unit_words}"


def _plain(value: Value) -> Value:
    """Numbers and lists of Python's own, as JSON wants them."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def csv_cell(value: object) -> object:
    """A value as one cell of a CSV: lists are joined by ``; ``, None is empty."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return "" if value is None else value
