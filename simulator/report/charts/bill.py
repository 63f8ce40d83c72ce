"""A bill in two charts: every dollar of each month, and what a month costs against its volume."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.report import style
from simulator.report.placing import spread
from simulator.units import humane, money, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

_POINTS = 600


@style.styled
def months(
    title: str,
    subtitle: str,
    parts: Sequence[Mapping[str, float]],
    against: Mapping[str, Sequence[float]],
) -> "Figure":
    """A bar for each month, its parts stacked, and a line for each alternative.

    ``parts`` holds a mapping from part to dollars for each month, ``against`` dollars of each
    month by the alternative's name.
    """
    names = list(dict.fromkeys(name for month in parts for name in month))
    totals = [sum(month.values()) for month in parts]
    figure = style.new_figure(5.2)
    lines = "; lines: what the alternatives would cost" if against else ""
    style.head(figure, title, f"{_short(subtitle, 80)}{lines}")
    axes = figure.add_axes(style.place(figure, 0.75, 0.5, 2.75))
    numbers = np.arange(1, len(parts) + 1, dtype=np.float64)
    below = np.zeros(len(parts))
    ends: list[tuple[float, str, str]] = []
    for i, name in enumerate(names):
        heights = np.array([month.get(name, 0.0) for month in parts])
        colour = style.GROUPS[i % len(style.GROUPS)]
        axes.bar(numbers, heights, bottom=below, width=0.72, color=colour, linewidth=0, alpha=0.85)
        share = heights.sum() / max(sum(totals), 1e-300)
        ends.append((float(below[-1] + heights[-1] / 2), f"{name}, {percent(share, 2)}", colour))
        below += heights
    for name, values in against.items():
        _alternative(axes, numbers, values)
        ends.append((float(values[-1]), f"{name}: {money(values[-1])}", style.INK))
    most = max([*totals, *(max(values) for values in against.values())], default=0.0)
    axes.set_ylim(0, most * 1.08 or 1.0)
    axes.set_xlim(0.4, len(parts) + 0.6)
    axes.set_xticks(numbers[:: max(1, len(parts) // 12)])
    axes.set_xlabel("month")
    axes.yaxis.set_major_formatter(lambda value, _: _dollars(value))
    _label_ends(axes, ends)
    return figure


def _alternative(axes: "Axes", numbers: FloatArray, values: Sequence[float]) -> None:
    axes.plot(numbers, values, color=style.SURFACE, linewidth=4.2, zorder=4)
    axes.plot(numbers, values, color=style.INK, linewidth=1.6, marker="o", markersize=3, zorder=5)


@style.styled
def volumes(
    title: str,
    curves: Mapping[str, Callable[[float], float]],
    tokens: Sequence[float],
    meetings: Mapping[str, float],
) -> "Figure":
    """Dollars a month against tokens a month, on log scales, with the forecast and the break-even.

    ``curves`` gives dollars for tokens a month by the server's name, the bill's own first;
    ``tokens`` are those of each month; ``meetings`` where the first costs the same as another.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    figure = style.new_figure(5.2)
    style.head(figure, title, "Dollars a month against tokens a month; dots: the same cost by both")
    axes = figure.add_axes(style.place(figure, 0.75, 0.5, 2.75))
    wanted = [*tokens, *meetings.values()]
    low, high = min(wanted) / 10, max(wanted) * 10
    at = np.geomspace(low, high, _POINTS)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.axvspan(min(tokens), max(tokens), color=style.BAND, alpha=0.6, linewidth=0)
    ends = []
    for i, (name, usd) in enumerate(curves.items()):
        values = np.maximum([usd(float(x)) for x in at], 1e-9)
        colour = style.GROUPS[i % len(style.GROUPS)]
        axes.plot(at, values, color=colour, zorder=3 if i else 4)
        ends.append((float(values[-1]), name, colour))
    own = next(iter(curves.values()))
    for where in meetings.values():
        axes.plot(
            [where], [own(where)], "o", markersize=6, color=style.INK,
            markeredgecolor=style.SURFACE, zorder=6,
        )  # fmt: skip
        axes.annotate(
            f"{humane(where)} tokens", (where, own(where)), (-7, 7), textcoords="offset points",
            fontsize=8.5, ha="right", zorder=6,
        )  # fmt: skip
    axes.set_xlim(low, high)
    axes.annotate(
        "the forecast", ((min(tokens) * max(tokens)) ** 0.5, 1), (0, -4), va="top", ha="center",
        xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=8,
        color=style.MUTED,
    )  # fmt: skip
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: humane(x)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _dollars(y)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("input and output tokens a month")
    _label_ends(axes, ends)
    return figure


def _dollars(value: float) -> str:
    """A tick: ``$1.2 k``."""
    return "$0" if value == 0 else f"${humane(value)}" if value >= 1 else money(value)


def _label_ends(axes: "Axes", ends: Sequence[tuple[float, str, str]]) -> None:
    """A name beside the end of everything that is drawn, none over another."""
    axes.figure.canvas.draw()
    _, height_pt = style.size_pt(axes)
    at = [axes.transData.transform((1.0, y))[1] * 72 / axes.figure.dpi for y, _, _ in ends]
    foot = axes.bbox.y0 * 72 / axes.figure.dpi
    wanted = [y - foot for y in at]
    places = spread(wanted, [11.5] * len(ends), 0.0, height_pt)
    for place, (_, text, colour) in zip(places, ends, strict=True):
        axes.annotate(
            _short(text), (1, float(place) / height_pt), (9, 0), xycoords="axes fraction",
            textcoords="offset points", va="center", fontsize=8.5, color=colour,
            fontweight="bold",
        )  # fmt: skip


def _short(text: str, most: int = 36) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
