"""Power caps: what they cost in throughput, and what they save in energy."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulator.report import style
from simulator.units import humane, percent, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]


@style.styled
def power_caps(
    title: str, caps_w: FloatArray, tokens_per_s: FloatArray, joules: FloatArray, best: int
) -> "Figure":
    """Tokens a second and joules a token against the cap; ``best`` is the cap of least joules."""
    figure = style.new_figure(4.6, 9.2)
    style.head(figure, _title(caps_w, tokens_per_s, joules, best), title)
    left, bottom, width, height = style.place(figure, 0.75, 0.6, 0.3, 1.3)
    gap = 0.09
    each = (width - gap) / 2
    panels = (
        ("tokens a second", tokens_per_s, style.DECODE, ""),
        ("joules a token", joules, style.PREFILL, "J"),
    )
    is_right = caps_w[best] > np.mean([caps_w.min(), caps_w.max()])
    for i, (label, values, colour, unit) in enumerate(panels):
        axes = figure.add_axes((left + i * (each + gap), bottom, each, height))
        _panel(axes, caps_w, values, colour, unit)
        axes.set_title(label, loc="left", fontsize=10, color=style.INK)
        shown = humane(float(values[best]), unit) if unit else significant(float(values[best]))
        axes.scatter([caps_w[best]], [values[best]], s=34, color=colour, zorder=4)
        axes.annotate(
            f"{shown} at {caps_w[best]:,.0f} W",
            (caps_w[best], values[best]),
            (-9 if is_right else 9, -8),
            textcoords="offset points",
            ha="right" if is_right else "left",
            va="top",
            fontsize=9,
            fontweight="bold",
        )
    return figure


def _title(caps_w: FloatArray, tokens_per_s: FloatArray, joules: FloatArray, best: int) -> str:
    top = int(np.argmax(caps_w))
    saved = 1.0 - joules[best] / joules[top]
    if saved < _NOTHING:
        return "No cap saves energy here: the device draws little above what it needs"
    lost = 1.0 - tokens_per_s[best] / tokens_per_s[top]
    return (
        f"A cap of {caps_w[best]:,.0f} W saves {percent(saved)} of a token's energy for "
        f"{percent(lost)} of the speed"
    )


_NOTHING = 0.005
"""Share of energy that is not worth a sentence."""


def _panel(axes: "Axes", caps_w: FloatArray, values: FloatArray, colour: str, unit: str) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.plot(caps_w, values, color=colour, marker="o", markersize=3)
    axes.set_ylim(0, float(values.max()) * 1.18)
    margin = 0.08 * float(np.ptp(caps_w) or caps_w[0])
    axes.set_xlim(float(caps_w.min()) - margin, float(caps_w.max()) + margin)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda y, _: humane(y, unit) if unit else f"{y:,.0f}")
    )
    axes.set_xlabel("cap on each device, W")
