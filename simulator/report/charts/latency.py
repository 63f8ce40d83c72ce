"""How long requests wait: cumulative curves of TTFT, TPOT and end-to-end latency."""

from typing import TYPE_CHECKING

import numpy as np

from simulator.report import style
from simulator.report.chart import Chart
from simulator.report.roof import Roof
from simulator.serving.outcome.metrics import Distribution
from simulator.serving.traffic.request import FloatArray
from simulator.simulate.result import SimulationResult
from simulator.units import humane, seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_POINTS = 400
_PANELS = (
    ("ttft_s", "Time to first token"),
    ("tpot_s", "Time per output token"),
    ("e2e_s", "End to end"),
)


def chart(result: SimulationResult, _roof: Roof | None) -> Chart:
    """The latencies of a run."""
    m = result.metrics
    return Chart(
        "latency",
        latency(result),
        f"Cumulative curves of latency. TTFT: median {seconds(m.ttft_s.p50)}, p99 "
        f"{seconds(m.ttft_s.p99)}; TPOT: median {seconds(m.tpot_s.p50)}, p99 "
        f"{seconds(m.tpot_s.p99)}; end to end: median {seconds(m.e2e_s.p50)}, p99 "
        f"{seconds(m.e2e_s.p99)}.",
        "A point says which share of the finished requests took at most that long.",
        "latency",
    )


@style.styled
def latency(result: SimulationResult) -> "Figure":
    """Share of requests answered within a time, with the median, p90 and p99 marked."""
    ttft = result.metrics.ttft_s
    figure = style.new_figure(4.7)
    if np.isfinite(ttft.p50):
        title = (
            f"Half of the requests get their first token within {seconds(ttft.p50)}, "
            f"99 % within {seconds(ttft.p99)}"
        )
    else:
        title = "No request was answered"
    style.head(figure, title, "Share of requests within a time; times on a log scale")
    left, bottom, width, height = style.place(figure, 0.72, 0.45, 0.26, 1.22)
    gap = 0.035
    each = (width - 2 * gap) / 3
    for i, (name, label) in enumerate(_PANELS):
        axes = figure.add_axes((left + i * (each + gap), bottom, each, height))
        values = getattr(result.records, name)[result.records.finished]
        _panel(axes, values, getattr(result.metrics, name), label, first=i == 0)
        objective = getattr(result.objectives, name)
        if objective is not None:
            _objective(axes, objective)
    return figure


def _objective(axes: "Axes", limit_s: float) -> None:
    """A dashed line at a service-level objective, labelled at the foot."""
    low, high = axes.get_xlim()
    axes.set_xlim(low, max(high, limit_s * 1.3))
    axes.axvline(limit_s, color=style.MUTED, linestyle=(0, (4, 3)), linewidth=1)
    axes.annotate(
        f"objective {seconds(limit_s)} ",
        (limit_s, 0.03),
        ha="right",
        va="bottom",
        fontsize=8,
        color=style.MUTED,
    )


def _panel(
    axes: "Axes", values: FloatArray, marks: Distribution, label: str, *, first: bool
) -> None:
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    axes.set_title(label, loc="left", fontsize=10, fontweight="bold", pad=12)
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    if not first:
        axes.set_yticklabels([])
    known = values[np.isfinite(values)]
    if known.size == 0 or not np.isfinite(marks.p99):
        axes.set_xticks([])
        axes.text(
            0.5, 0.5, "no request has one", transform=axes.transAxes, ha="center", color=style.MUTED
        )
        return
    shares = np.linspace(0, 1, _POINTS)
    curve = np.maximum(np.quantile(known, shares), 1e-7)
    low, high = max(float(curve[4]), float(curve[-1]) * 1e-4), float(curve[-1])
    low, high = low / 1.15, max(high * 1.15, low * 1.6)
    # Room on the right for the labels of the marks near the top.
    axes.set_xscale("log")
    axes.set_xlim(low, high * (high / low) ** 0.34)
    axes.plot(curve, shares, color=style.DECODE, zorder=3)
    axes.fill_between(curve, 0, shares, color=style.DECODE_TINT, alpha=0.45, linewidth=0)
    unit_s, unit = (60.0, "min") if high > 900 else (1.0, "s")
    axes.set_xticks([t * unit_s for t in _nice_ticks(low / unit_s, high / unit_s)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: humane(v / unit_s, unit)))
    axes.minorticks_off()
    for share, value, name in (
        (0.5, marks.p50, "p50"),
        (0.9, marks.p90, "p90"),
        (0.99, marks.p99, "p99"),
    ):
        axes.plot(
            [value],
            [share],
            "o",
            markersize=5.5,
            color=style.DECODE,
            markeredgecolor=style.SURFACE,
            zorder=4,
        )
        axes.annotate(
            f"{name}  {seconds(value)}",
            (value, share),
            (7, -7),
            textcoords="offset points",
            fontsize=8.5,
            va="center",
            zorder=5,
        )


def _nice_ticks(low: float, high: float) -> list[float]:
    """A few round times within the range, as many as have room beside each other."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    room = 0.29 * np.log10(high / low)
    best: list[float] = []
    for steps in ((1, 2, 5), (1, 3), (1, 5), (2, 4, 8), (1, 7), (3, 6), (1,), (2,), (5,)):
        ticks = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
        fits = len(ticks) < 2 or np.diff(np.log10(ticks)).min() >= room
        if fits and len(ticks) > len(best):
            best = ticks
    wide = [10.0**d for d in decades if low <= 10.0**d <= high]
    return best or wide[:: max(1, -(-len(wide) // 3))] or [float(f"{(low * high) ** 0.5:.2g}")]
