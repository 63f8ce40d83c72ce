"""Throughput, power and load over time, aligned one below the other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.report import style
from simulator.report.chart import Chart
from simulator.report.roof import Roof
from simulator.serving.traffic.request import FloatArray
from simulator.simulate.result import SimulationResult
from simulator.units import humane, seconds, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_POINTS = 160


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates in intervals between ``edges_s``; watts of one device, NaN where idle is unknown."""

    edges_s: FloatArray
    output_tokens_per_s: FloatArray
    prompt_tokens_per_s: FloatArray
    watts_per_device: FloatArray
    running: FloatArray
    waiting: FloatArray


def rates(result: SimulationResult, idle_w: float, most: int = _MOST_POINTS) -> Rates:
    """Rates over time from the sums in a result's time bins, in at most ``most`` intervals."""
    series = result.timeline
    middles = series["time_s"]
    bin_s = 2 * float(middles[0]) if middles.size else 1.0
    group = max(1, -(-middles.size // most))
    starts = np.arange(0, middles.size, group)
    end_s = max((i for i in [_last_s(result)] if np.isfinite(i)), default=middles.size * bin_s)
    edges = np.append(starts * bin_s, min(max(end_s, bin_s), middles.size * bin_s))
    if edges.size > 2 and edges[-1] - edges[-2] < 0.3 * group * bin_s:
        # A stump of an interval at the end has a rate of mere chance: it joins its neighbour.
        edges, starts = np.delete(edges, -2), starts[:-1]
    width = np.maximum(np.diff(edges), 1e-12)
    sums = {k: np.add.reduceat(v, starts) for k, v in series.items() if v.size}
    if not sums:
        sums = {k: np.zeros(1) for k in series}
    replicas = max(result.replicas, 1)
    idle_s = np.maximum(replicas * width - sums["busy_s"], 0.0)
    return Rates(
        edges_s=edges,
        output_tokens_per_s=sums["output_tokens"] / width,
        prompt_tokens_per_s=sums["prompt_tokens"] / width,
        watts_per_device=(sums["energy_j"] + idle_w * idle_s) / width / replicas,
        running=sums["running_s"] / width,
        waiting=sums["waiting_s"] / width,
    )


def _last_s(result: SimulationResult) -> float:
    finished = result.records.finished_s
    known = finished[np.isfinite(finished)]
    return float(known.max()) if known.size else float("nan")


def chart(result: SimulationResult, roof: Roof | None) -> Chart:
    """A run over time."""
    m = result.metrics
    return Chart(
        "timeline",
        timeline(result, roof),
        f"Throughput, power and load over {seconds(m.makespan_s)}: mean "
        f"{significant(m.output_tokens_per_s)} output tokens/s and "
        f"{humane(result.power_w_per_device, 'W')} a device.",
        "Prompt tokens count when they are computed; waiting requests stand on the running.",
        "load",
    )


@style.styled
def timeline(result: SimulationResult, roof: Roof | None = None) -> "Figure":
    """Output and prompt tokens/s, watts a device, and requests running and waiting over time."""
    found = rates(result, float("nan") if roof is None else roof.idle_w)
    edges, unit = _time_axis(found.edges_s)
    figure = style.new_figure(6.4)
    m = result.metrics
    style.head(
        figure,
        f"{significant(m.output_tokens_per_s)} output tokens/s at "
        f"{humane(result.power_w_per_device, 'W')} a device",
        f"{m.finished:,} requests; each line is a mean over "
        f"{_interval(float(found.edges_s[1] - found.edges_s[0]))}",
    )
    left, bottom, width, height = style.place(figure, 1.55, 0.55, 1.35, 0.95)
    rows = ("Output\ntokens/s", "Prompt\ntokens/s", "Watts\na device", "Requests")
    gap = 0.2 / figure.get_figheight()
    each = (height - gap * (len(rows) - 1)) / len(rows)
    panels = []
    for i, name in enumerate(rows):
        axes = figure.add_axes((left, bottom + (len(rows) - 1 - i) * (each + gap), width, each))
        axes.set_xlim(edges[0], edges[-1])
        axes.locator_params(axis="y", nbins=4)
        figure.text(
            0.26 / style.WIDTH_IN,
            axes.get_position().y1,
            name,
            fontsize=9.5,
            fontweight="bold",
            va="top",
            linespacing=1.3,
        )
        if i < len(rows) - 1:
            axes.tick_params(labelbottom=False, length=0)
        panels.append(axes)
    _line(panels[0], edges, found.output_tokens_per_s, style.DECODE, style.DECODE_TINT)
    _line(panels[1], edges, found.prompt_tokens_per_s, style.PREFILL, style.PREFILL_TINT)
    _power(panels[2], edges, found.watts_per_device, roof)
    _requests(panels[3], edges, found)
    for axes, mean in zip(
        panels, (m.output_tokens_per_s, m.input_tokens / m.makespan_s), strict=False
    ):
        _beside(axes, mean, f"mean {significant(mean)}", style.MUTED)
    panels[3].set_xlabel(f"Time ({unit})")
    return figure


def _time_axis(edges_s: FloatArray) -> tuple[FloatArray, str]:
    last = float(edges_s[-1])
    if last > 4 * 3600:
        return edges_s / 3600, "hours"
    return (edges_s / 60, "minutes") if last > 600 else (edges_s, "seconds")


def _interval(width_s: float) -> str:
    return humane(width_s, "s") if width_s < 90 else f"{significant(width_s / 60)} min"


def _line(axes: "Axes", edges: FloatArray, values: FloatArray, colour: str, tint: str) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.stairs(values, edges, fill=True, color=tint, alpha=0.6, linewidth=0)
    axes.stairs(values, edges, color=colour, linewidth=1.2, baseline=None)
    axes.set_ylim(0, max(float(np.nanmax(values)), 1e-9) * 1.12)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: significant(v)))


def _power(axes: "Axes", edges: FloatArray, watts: FloatArray, roof: Roof | None) -> None:
    if roof is None or not np.isfinite(watts).any():
        axes.text(
            0.5,
            0.5,
            "idle power of the device is not known",
            color=style.MUTED,
            transform=axes.transAxes,
            ha="center",
            va="center",
        )
        return
    _line(axes, edges, watts, style.POWER, style.SURFACE)
    axes.set_ylim(0, max(roof.limit_w, float(np.nanmax(watts))) * 1.12)
    for value, name in ((roof.limit_w, "limit"), (roof.idle_w, "idle")):
        axes.axhline(value, color=style.FAINT, linewidth=1, linestyle=(0, (4, 3)))
        _beside(axes, value, f"{name} {humane(value, 'W')}", style.MUTED)


def _requests(axes: "Axes", edges: FloatArray, found: Rates) -> None:
    both = found.running + found.waiting
    _line(axes, edges, found.running, style.DECODE, style.DECODE_TINT)
    axes.stairs(
        both, edges, baseline=found.running, fill=True, color=style.PREFILL_TINT, linewidth=0
    )
    axes.stairs(both, edges, color=style.PREFILL, linewidth=1.0, baseline=None)
    top = max(float(both.max()), 1e-9) * 1.12
    axes.set_ylim(0, top)
    running, waiting = float(np.mean(found.running)), float(np.mean(both))
    # The two labels stand where their bands do on average, at least a line apart.
    high = max(waiting, running + 0.2 * top)
    _beside(axes, min(high, top), "waiting", style.PREFILL)
    _beside(axes, min(running, min(high, top) - 0.2 * top), "running", style.DECODE)


def _beside(axes: "Axes", y: float, text: str, colour: str) -> None:
    """A label right of the axes at a value, or at the end of the axis that it lies beyond."""
    low, high = axes.get_ylim()
    axes.annotate(
        text,
        (1.0, min(max(y, low), high)),
        (8, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=colour,
        annotation_clip=False,
    )
