"""Throughput for a dollar against the pace of one answer: each system a curve, the best a front."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simulator.report import style
from simulator.units import humane

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = Sequence[tuple[float, float]]
"""Points of one system: tokens a second of one answer, and what is gained."""


@style.styled
def front(
    title: str,
    subtitle: str,
    gain: str,
    families: Mapping[str, Sequence[Curve]],
    best: Curve,
    chosen: tuple[float, float] | None = None,
    least_pace: float | None = None,
) -> "Figure":
    """Every curve, thin; the front of the best, thick; the choice and the objective marked.

    Args:
        title: the finding.
        subtitle: what the curves rest on.
        gain: what the vertical axis counts, with its unit.
        families: curves of each hardware; those of one share a colour.
        best: the front, in order of pace.
        chosen: where the plan's system works.
        least_pace: tokens a second of one answer that the objective asks for.
    """
    figure = style.new_figure(5.6, 9.6)
    style.head(figure, title, subtitle)
    axes = figure.add_axes(style.place(figure, 0.95, 0.6, 2.6, 1.05))
    shown = list(families)[: len(style.GROUPS)]
    for name, colour in zip(shown, style.GROUPS, strict=False):
        for i, curve in enumerate(families[name]):
            x, y = zip(*curve, strict=True)
            axes.plot(x, y, color=colour, linewidth=0.9, alpha=0.75, label=name if i == 0 else None)
    if best:
        x, y = zip(*best, strict=True)
        axes.plot(x, y, color=style.INK, linewidth=1.8, label="the best of all")
    if least_pace is not None:
        axes.axvline(least_pace, color=style.MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
        axes.annotate(
            "objective", (least_pace, 1.0), (4, -4), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=8, color=style.MUTED, va="top",
        )  # fmt: skip
    if chosen is not None:
        axes.scatter(*chosen, s=60, color=style.WORSE, zorder=5, label="the plan")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("tokens a second of one answer")
    axes.set_ylabel(gain)
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: humane(value)))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False)
    return figure
