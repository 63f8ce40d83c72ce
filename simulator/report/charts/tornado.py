"""A tornado: a bar for each input, from the figure at one end of its range to that at the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.report import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW_IN = 0.42
_LABEL_CHARACTERS = 44


@dataclass(frozen=True, slots=True)
class Bar:
    """One input.

    Args:
        name: what it is called.
        low, high: the ends of its range in words.
        at_low, at_high: the figure at either end.
    """

    name: str
    low: str
    high: str
    at_low: float
    at_high: float


@style.styled
def tornado(
    title: str, subtitle: str, base: float, bars: Sequence[Bar], number: Callable[[float], str]
) -> "Figure":
    """Bars around the figure's own value ``base``, in the order given; ``number`` prints it."""
    figure = style.new_figure(1.7 + _ROW_IN * max(len(bars), 1), 10.4)
    style.head(figure, title, subtitle)
    names = [bar.name for bar in bars]
    label_in = 0.4 + 0.078 * max((len(_cut(name)) for name in names), default=1)
    axes = figure.add_axes(style.place(figure, label_in, 0.45, 0.55, 0.95))
    ends = [base, *(end for bar in bars for end in (bar.at_low, bar.at_high))]
    room = (max(ends) - min(ends)) * 0.32 or abs(base) * 0.1 or 1.0
    axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_yticks(range(len(bars)), [_cut(name) for name in names])
    axes.tick_params(axis="y", labelsize=9, labelcolor=style.INK)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.locator_params(axis="x", nbins=7)
    for row, bar in enumerate(bars):
        for end, value, colour in (
            (bar.low, bar.at_low, style.DECODE),
            (bar.high, bar.at_high, style.PREFILL),
        ):
            axes.barh(row, value - base, left=base, height=0.52, color=colour, linewidth=0)
            right = value > base or (value == base and end is bar.high)
            other = bar.at_high if end is bar.low else bar.at_low
            both_here = (other > base) == right and value != base and other != base
            if both_here and abs(other - base) > abs(value - base):
                # The longer bar of two on one side carries both labels.
                continue
            text = f"{bar.low} and {bar.high}" if both_here else end
            axes.annotate(
                text, (value, row), (5 if right else -5, 0), textcoords="offset points",
                ha="left" if right else "right", va="center", fontsize=8, color=style.MUTED,
            )  # fmt: skip
    axes.axvline(base, color=style.INK, linewidth=1)
    axes.annotate(
        number(base), (base, 1), (0, 3), xycoords=("data", "axes fraction"),
        textcoords="offset points", ha="center", va="bottom", fontsize=9, fontweight="bold",
    )  # fmt: skip
    return figure


def _cut(name: str) -> str:
    return name if len(name) <= _LABEL_CHARACTERS else f"…{name[1 - _LABEL_CHARACTERS :]}"
