"""Cost against context: what attention adds to a token, and what a whole prompt takes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.report import style
from simulator.units import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

_ROOM = 40.0
"""Factor of context kept free to the right of the curves for their names."""


@style.styled
def context(
    device: str,
    contexts: FloatArray,
    decode_s: Mapping[str, FloatArray],
    prefill_s: Mapping[str, FloatArray],
    crossings: Sequence[tuple[float, float]] = (),
) -> "Figure":
    """Seconds against context, both on log scales: of one decoded token's attention, of a prompt.

    ``decode_s`` and ``prefill_s`` map a model's title to its seconds at every context;
    ``crossings`` are points (context, seconds) of the left panel where two models cost the same.
    """
    figure = style.new_figure(5.6, 11.4)
    style.head(
        figure,
        _title(contexts, decode_s),
        f"One sequence on one {device}, its weights apart; dots: two models cost the same",
    )
    left, bottom, width, height = style.place(figure, 0.72, 0.55, 0.15, 1.25)
    gap = 0.065
    each = (width - gap) / 2
    for i, (label, series) in enumerate(
        (("Attention of one decoded token", decode_s), ("Prompt of the whole context", prefill_s))
    ):
        axes = figure.add_axes((left + i * (each + gap), bottom, each, height))
        _panel(axes, contexts, series, label)
        if i == 0 and crossings:
            x, y = zip(*crossings, strict=True)
            axes.scatter(x, y, s=17, color=style.SURFACE, edgecolor=style.MUTED, zorder=4)
    return figure


def _title(contexts: FloatArray, decode_s: Mapping[str, FloatArray]) -> str:
    """The finding: how much cheaper the cheapest is than the dearest at the longest context."""
    at_end = sorted((values[-1], name) for name, values in decode_s.items())
    (least, best), (most, worst) = at_end[0], at_end[-1]
    where = _tokens(float(contexts[-1]))
    if len(at_end) < 2:
        return f"{best}: attention of a token takes {seconds(least)} behind {where} tokens"
    return f"Behind {where} tokens {best} attends {most / least:.0f} times faster than {worst}"


def _panel(
    axes: "Axes", contexts: FloatArray, series: Mapping[str, FloatArray], label: str
) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(contexts[0] / 1.15, contexts[-1] * _ROOM)
    ticks = [t for t in 2.0 ** np.arange(0, 31, 2) if contexts[0] <= t <= contexts[-1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _tokens(x)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _time(y)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("tokens of context")
    axes.set_title(label, loc="left", fontsize=10, color=style.INK)
    for i, (_, values) in enumerate(series.items()):
        axes.plot(contexts, values, color=style.GROUPS[i % len(style.GROUPS)])
    axes.figure.canvas.draw()
    _names(axes, float(contexts[-1]), series)


def _names(axes: "Axes", right: float, series: Mapping[str, FloatArray]) -> None:
    """Each curve's name at its end, moved apart where ends are close."""
    _, height_pt = style.size_pt(axes)
    low, high = np.log(axes.get_ylim())
    order = sorted(range(len(series)), key=lambda i: list(series.values())[i][-1])
    ends = [(np.log(list(series.values())[i][-1]) - low) / (high - low) for i in order]
    step = 12.5 / height_pt
    places: list[float] = []
    for end in ends:
        places.append(max(end, places[-1] + step) if places else end)
    overflow = max(0.0, places[-1] - 0.99)
    for rank in range(len(places) - 1, -1, -1):
        most = 0.99 if rank == len(places) - 1 else places[rank + 1] - step
        places[rank] = min(places[rank] - (overflow if rank == len(places) - 1 else 0.0), most)
    for i, end, place in zip(order, ends, places, strict=True):
        colour = style.GROUPS[i % len(style.GROUPS)]
        x = np.array([right * 1.05, right * 1.35])
        y = np.exp(low + (high - low) * np.array([end, place]))
        axes.plot(x, y, color=colour, linewidth=0.7)
        axes.text(
            right * 1.5, y[1], list(series)[i], color=colour, fontsize=8.5, va="center",
            fontweight="bold",
        )  # fmt: skip


def _tokens(count: float) -> str:
    if count >= 2**20:
        return f"{count / 2**20:.0f} M"
    return f"{count / 2**10:.0f} k" if count >= 2**10 else f"{count:.0f}"


def _time(value_s: float) -> str:
    """A tick: powers of ten read better in seconds than in minutes."""
    return f"{value_s:,.0f} s" if value_s >= 1 else seconds(value_s)
