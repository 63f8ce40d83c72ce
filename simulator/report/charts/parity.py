"""Predicted against measured, the chart that says how far a simulator is to be trusted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from simulator.report import style
from simulator.report.placing import spread
from simulator.units import humane, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BANDS = ((0.25, style.GRID), (0.10, style.BAND))


@style.styled
def parity(
    predicted: ArrayLike,
    measured: ArrayLike,
    groups: Sequence[str],
    *,
    quantity: str,
    unit: str = "s",
) -> "Figure":
    """Log-log scatter of ``predicted`` over ``measured`` (SI, positive), coloured by group.

    ``quantity`` names what is compared ("TPOT"), ``unit`` is what its numbers are in. The bands
    are ±10 % and ±25 % of the measured value; groups beyond the eighth share a colour.
    """
    x, y = np.asarray(measured, float), np.asarray(predicted, float)
    usable = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    x, y = x[usable], y[usable]
    names = np.asarray(groups)[usable]
    figure = style.new_figure(6.7)
    if x.size == 0:
        style.head(figure, f"{quantity}: nothing to compare")
        return figure
    error = np.abs(y / x - 1)
    style.head(
        figure,
        f"{quantity} is predicted within {percent(float(error.mean()), 2)} on average",
        f"{x.size:,} measurements; median error {percent(float(np.median(error)), 2)}, "
        f"{percent(float(np.mean(error <= 0.25)), 2)} of them within ±25 %",
    )
    axes = figure.add_axes(style.place(figure, 0.95, 0.62, 3.6, 1.03))
    _bands(axes, x, y, unit)
    _groups(axes, x, y, names, error)
    axes.set_xlabel(f"Measured {quantity}")
    axes.annotate(
        f"Predicted {quantity}",
        (0, 1),
        (0, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9,
        color=style.MUTED,
    )
    return figure


def _bands(axes: "Axes", x: np.ndarray, y: np.ndarray, unit: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    low = min(x.min(), y.min()) / 1.3
    high = max(x.max(), y.max()) * 1.3
    line = np.array([low, high])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    for band, colour in _BANDS:
        axes.fill_between(
            line, line * (1 - band), line * (1 + band), color=colour, linewidth=0, zorder=1
        )
    axes.plot(line, line, color=style.MUTED, linewidth=1, zorder=2)
    height_pt = style.size_pt(axes)[1]
    shares = (1.0, 0.9, 0.75)
    wanted = [(1 + np.log(s) / np.log(high / low)) * height_pt for s in shares]
    for y_pt, text in zip(
        spread(wanted, [11.0] * 3, 0, height_pt + 5), ("exact", "−10 %", "−25 %"), strict=True
    ):
        axes.annotate(
            text,
            (1, y_pt / height_pt),
            (5, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color=style.MUTED,
            va="center",
        )
    few = np.log10(high / low) < 1.5
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda v, _: humane(v, unit)))
    axes.minorticks_off()


def _groups(
    axes: "Axes", x: np.ndarray, y: np.ndarray, names: np.ndarray, error: np.ndarray
) -> None:
    found, counts = np.unique(names, return_counts=True)
    ranked = [str(found[i]) for i in np.argsort(-counts, kind="stable")]
    size = 26 if x.size < 400 else 12
    for rank, name in enumerate(ranked):
        of_group = names == name
        colour = style.GROUPS[min(rank, len(style.GROUPS) - 1)]
        axes.scatter(
            x[of_group],
            y[of_group],
            s=size,
            color=colour,
            alpha=0.75,
            linewidths=0.4,
            edgecolors=style.SURFACE,
            zorder=3,
        )
        if rank >= 14:
            continue
        top = 1 - 0.068 * rank
        words = f"n {of_group.sum():,} · mean error {percent(float(error[of_group].mean()), 2)}"
        axes.annotate(
            "●",
            (1, top),
            (58, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colour,
            fontsize=9,
            va="top",
        )
        axes.annotate(
            name,
            (1, top),
            (72, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=9,
            va="top",
        )
        axes.annotate(
            words,
            (1, top),
            (72, -12),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color=style.MUTED,
            va="top",
        )
