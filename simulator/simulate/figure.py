"""What a figure of an answer is: its name, unit and meaning, and how it is printed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from simulator.units import between, humane, money, percent, seconds, significant

if TYPE_CHECKING:
    # Not every answer is simulated: a step needs nothing of the serving rooms.
    from simulator.serving.outcome.metrics import ServingMetrics

Unit = Literal[
    "seconds", "tokens/s", "requests/s", "watts", "joules", "W per token/s", "usd", "usd/hour",
    "grams", "bytes", "fraction", "count", "text",
]  # fmt: skip
Value: TypeAlias = Any
"""A number, an array with an entry for each question, a text, or None."""

Known: TypeAlias = Mapping[str, Value]
"""Figures by key, and what they follow from: ``devices``, ``input_tokens_per_s``, ``work`` and
the ``shares`` of the cost that a rule makes of it, and ``usd_per_s`` (None without a price) with
its ``_low`` and ``_high`` at the ends of the price's interval; watts around the devices with
theirs, ``grid_g_per_kwh``; where there are any,
``conversations_per_s`` and ``success_rate``."""


@dataclass(frozen=True, slots=True)
class Printer:
    """How numbers of one unit are printed: the number, and what follows it."""

    number: Callable[[float | None], str]
    after: str = ""


PRINTERS: Mapping[Unit, Printer] = {
    "seconds": Printer(seconds),
    "tokens/s": Printer(significant, "tokens/s"),
    "requests/s": Printer(significant, "requests/s"),
    "watts": Printer(lambda value: humane(value, "W")),
    "joules": Printer(lambda value: humane(value, "J")),
    "W per token/s": Printer(lambda value: humane(value, "W per token/s")),
    "usd": Printer(money),
    "usd/hour": Printer(lambda value: f"{money(value)}/h"),
    "grams": Printer(lambda value: humane(value, "g")),
    "bytes": Printer(lambda value: humane(value, "B")),
    "fraction": Printer(percent),
    "count": Printer(significant),
    "text": Printer(str),
}

Error = Literal[
    "step", "first token", "power", "price", "host", "network", "cooling", "wall", "site"
]
"""What makes a figure uncertain: the time of a step, what comes before a first token beside the
steps, the power that a step draws, a price, or what draws power around a device: hosts, network
and cooling, and what they add to that at the wall and of the site."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of an answer.

    Args:
        key: its name in Python, JSON and CSV.
        unit: what it is counted in; tells how it is printed.
        label, short: what people call it, with room and without.
        definition: what exactly it is.
        per: what it is counted for, where people must be told beside the number.
        better: which way is good; None where neither is.
        errors: what makes it uncertain; none for what is counted or given.
        column: whether ``predict`` answers it, and so its tables have a column of it.
        prose: whether people read it in a sentence, and not in a table of figures.
        measured, derived: how it follows from a simulation, or from other figures.
    """

    key: str
    unit: Unit
    label: str
    definition: str
    short: str = ""
    per: str = ""
    better: Literal["higher", "lower"] | None = None
    errors: tuple[Error, ...] = ()
    column: bool = False
    prose: bool = False
    measured: "Callable[[ServingMetrics], object] | None" = None
    derived: Callable[[Known], Value] | None = None

    def number(self, value: float | None) -> str:
        """The number alone, where its unit stands elsewhere."""
        return PRINTERS[self.unit].number(value)

    @property
    def is_of_outcome(self) -> bool:
        """Whether it follows from what a simulation measured, and moves when that does."""
        return self.measured is not None or self.derived is not None

    @property
    def unit_words(self) -> str:
        """What stands after, above or below the number."""
        return PRINTERS[self.unit].after or self.per

    def show(self, value: object) -> str:
        """A value as people read it.

        >>> from simulator.simulate.figures import FIGURE
        >>> FIGURE["ttft_s"].show(0.0355), FIGURE["weight_bytes"].show(1.606e10)
        ('35.5 ms', '16.1 GB')
        """
        if value is None:
            return "–"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int) and self.unit == "count":
            return f"{value:,}"
        if not isinstance(value, int | float):
            return str(value)
        printer = PRINTERS[self.unit]
        return f"{printer.number(value)} {printer.after}".strip()

    def between(self, low: float, high: float) -> str:
        """A range whose unit is written once: ``31.2–40.3 ms``."""
        return between(self.show(low), self.show(high))
