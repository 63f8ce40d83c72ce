"""The roofline of a device with the operators of one model on it."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.report import style
from simulator.report.chart import Chart
from simulator.report.measures import bound_words
from simulator.report.placing import Box, beside_points, spread
from simulator.report.roof import Roof
from simulator.roofline.step.report import OperatorReport
from simulator.simulate.result import Binding, SimulationResult
from simulator.units import humane, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABEL_PT = 8.5
_COLOURS = {"prefill": style.PREFILL, "decode": style.DECODE}


def chart(result: SimulationResult, roof: Roof | None) -> Chart | None:
    """The roofline of a run's device, where its roof is known."""
    if roof is None:
        return None
    return Chart(
        "roofline",
        roofline(result, roof),
        f"Roofline of {roof.title} with the operators of {result.model_title}. "
        f"{bound_words(result.prefill.bound, result.decode.bound)}.",
        "Ceilings are the data sheet’s, without sparsity; a dot below them has lost time "
        "to kernels, latency or power.",
        "steps",
    )


@style.styled
def roofline(result: SimulationResult, roof: Roof) -> "Figure":
    """FLOP/s against FLOP/byte: the device's ceilings, and each operator where it runs.

    Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009. Dots have the area of their
    share of the step's time. Operators without FLOPs or memory traffic have no place here.
    """
    figure = style.new_figure(5.8)
    style.head(
        figure,
        bound_words(result.prefill.bound, result.decode.bound),
        f"{result.model_title}, {result.precision}, on {result.hardware_title}: "
        "a dot is an operator, its area the share of the step’s time",
    )
    shown = {b.phase: _drawable(b) for b in (result.prefill, result.decode)}
    operators = [op for found in shown.values() for op in found]
    axes = _roof_axes(figure, roof, operators, {op.law.partition(".")[2] for op in operators})
    _dots(axes, shown)
    _legend(figure, (result.prefill, result.decode))
    return figure


@style.styled
def device_roofline(roof: Roof) -> "Figure":
    """The ceilings of a device alone: every datatype's peak, the memory, and their ridges."""
    figure = style.new_figure(5.8)
    style.head(
        figure,
        f"{roof.title}: {humane(max(roof.peaks.values()), 'FLOP/s')} at "
        f"{humane(roof.bandwidth_bytes_per_s, 'B/s')}",
        "Data-sheet peaks by datatype, without sparsity, and the bandwidth of the main memory",
    )
    common = next((d for d in ("bf16", "fp16", "int8") if d in roof.peaks), next(iter(roof.peaks)))
    _roof_axes(figure, roof, [], {common})
    return figure


def _roof_axes(
    figure: "Figure", roof: Roof, operators: list[OperatorReport], main: set[str]
) -> "Axes":
    axes = figure.add_axes(style.place(figure, 1.15, 0.62, 1.35, 1.15))
    axes.set_xscale("log")
    axes.set_yscale("log")
    _limits(axes, roof, operators)
    _ceilings(axes, roof, main)
    axes.set_xlabel("Arithmetic intensity (FLOP per byte of memory traffic)")
    return axes


def _drawable(binding: Binding) -> list[OperatorReport]:
    return [op for op in binding.operators if op.flops > 0 and op.memory_bytes > 0]


def _limits(axes: "Axes", roof: Roof, operators: list[OperatorReport]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    highest = max(roof.peaks.values())
    ridge = highest / roof.bandwidth_bytes_per_s
    intensity = [op.flops / op.memory_bytes for op in operators] or [ridge]
    rates = [op.flops / op.time_s for op in operators] or [highest]
    low, high = min(1.0, ridge, *intensity) / 3, max(ridge, *intensity) * 3
    axes.set_xlim(low, high)
    axes.set_ylim(min(*rates, low * roof.bandwidth_bytes_per_s * 2) / 2.5, highest * 2.2)
    axes.xaxis.set_major_locator(LogLocator(numticks=12))
    axes.yaxis.set_major_locator(LogLocator(numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: humane(v, "FLOP/s")))
    axes.minorticks_off()


def _ceilings(axes: "Axes", roof: Roof, used: set[str]) -> None:
    bandwidth = roof.bandwidth_bytes_per_s
    low, high = axes.get_xlim()
    bottom, top = axes.get_ylim()
    ceilings = roof.ceilings()
    axes.plot(
        [low, ceilings[0][1] / bandwidth],
        [low * bandwidth, ceilings[0][1]],
        color=style.INK,
        linewidth=1.6,
        zorder=2,
    )
    for names, peak in ceilings:
        main = bool(used & set(names.split(", ")))
        axes.plot(
            [peak / bandwidth, high],
            [peak, peak],
            zorder=2,
            color=style.INK if main else style.FAINT,
            linewidth=1.6 if main else 0.9,
        )
        if main:
            _ridge(axes, peak / bandwidth, peak)
    height = style.size_pt(axes)[1]
    positions = [np.log(peak / bottom) / np.log(top / bottom) * height for _, peak in ceilings]
    placed = spread(positions, [24.0] * len(positions), 0, height + 12)
    for (names, peak), y, wanted in zip(ceilings, placed, positions, strict=True):
        main = bool(used & set(names.split(", ")))
        axes.annotate(
            f"{names}\n{humane(peak, 'FLOP/s')}",
            (1.0, wanted / height),
            (9, float(y) - wanted),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=style.INK if main else style.MUTED,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": style.GRID, "linewidth": 0.8},
        )
    _memory_label(axes, bandwidth, low)


def _memory_label(axes: "Axes", bandwidth: float, low: float) -> None:
    x = low * 1.25
    axes.annotate(
        f"memory {humane(bandwidth, 'B/s')}",
        (x, x * bandwidth),
        (0, 7),
        textcoords="offset points",
        fontsize=8.5,
        color=style.INK,
        rotation=_slope_degrees(axes),
        rotation_mode="anchor",
    )


def _slope_degrees(axes: "Axes") -> float:
    """Angle on paper of a line of slope one on the log-log axes."""
    (x0, y0), (x1, y1) = axes.transData.transform([(1.0, 1e12), (10.0, 1e13)])
    return float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))


def _ridge(axes: "Axes", intensity: float, peak: float) -> None:
    bottom = axes.get_ylim()[0]
    axes.plot(
        [intensity, intensity],
        [bottom, peak],
        color=style.FAINT,
        linewidth=0.9,
        linestyle=(0, (2, 3)),
        zorder=1,
    )
    axes.annotate(
        f"ridge {humane(intensity)} FLOP/byte",
        (intensity, bottom),
        (5, 5),
        textcoords="offset points",
        fontsize=8.5,
        color=style.MUTED,
    )


class _Dot(NamedTuple):
    """An operator's place and size on the chart, in pixels."""

    phase: str
    name: str
    share: float
    x: float
    y: float
    radius: float

    def touches(self, other: "_Dot") -> bool:
        """Whether the two are of one phase and overlap, so that one label serves both."""
        apart = float(np.hypot(self.x - other.x, self.y - other.y))
        return self.phase == other.phase and apart < self.radius + other.radius


def _dots(axes: "Axes", shown: dict[str, list[OperatorReport]]) -> None:
    pixels_per_pt = axes.figure.dpi / 72
    dots = []
    for phase, found in shown.items():
        for op in sorted(found, key=lambda op: -op.share):
            at = (op.flops / op.memory_bytes, op.flops / op.time_s)
            radius_pt = 3.0 + 17 * op.share**0.5
            axes.scatter(
                *at,
                s=(2 * radius_pt) ** 2,
                color=_COLOURS[phase],
                alpha=0.75,
                linewidths=1.0,
                edgecolors=style.SURFACE,
                zorder=4,
            )
            name = op.name.removesuffix(f" ({phase})")
            x, y = axes.transData.transform(at)
            dots.append(_Dot(phase, name, op.share, x, y, radius_pt * pixels_per_pt))
    clusters = sorted(_clusters(dots), key=lambda c: -len(c))
    if clusters:
        _name(axes, clusters)


def _clusters(dots: list[_Dot]) -> list[list[_Dot]]:
    """Dots that overlap, directly or through others."""
    clusters: list[list[_Dot]] = []
    for dot in dots:
        joined = [c for c in clusters if any(dot.touches(other) for other in c)]
        clusters = [c for c in clusters if c not in joined]
        clusters.append([*(d for c in joined for d in c), dot])
    return clusters


def _name(axes: "Axes", clusters: list[list[_Dot]]) -> None:
    """One label a cluster, a line for each of its dots; shares tell which dot is which."""
    pt = 72 / axes.figure.dpi
    texts, points, radii, sizes = [], [], [], []
    for dots in clusters:
        lines = [f"{d.name}  {percent(d.share, 2)}" for d in sorted(dots, key=lambda d: -d.share)]
        texts.append("\n".join(lines))
        box = Box(
            min(d.x - d.radius for d in dots),
            min(d.y - d.radius for d in dots),
            max(d.x + d.radius for d in dots),
            max(d.y + d.radius for d in dots),
        )
        points.append(((box.left + box.right) / 2, (box.bottom + box.top) / 2))
        radii.append(max(box.right - box.left, box.top - box.bottom) / 2)
        # The mean advance of the font is 0.62 of its size.
        width = 0.62 * _LABEL_PT * max(len(line) for line in lines)
        sizes.append((width / pt, 1.4 * _LABEL_PT * len(lines) / pt))
    frame = Box(*axes.get_window_extent().extents)
    inside = frame._replace(bottom=frame.bottom + 20 / pt)
    places = beside_points(points, radii, sizes, inside, _taken(axes))
    for dots, text, place, point in zip(clusters, texts, places, points, strict=True):
        colour = _COLOURS[dots[0].phase]
        if place.leader is not None:
            ends = axes.transData.inverted().transform([point, place.leader])
            axes.plot(*ends.T, color=colour, linewidth=0.8, zorder=3)
        axes.annotate(
            text,
            (place.box.left * pt, place.box.bottom * pt),
            xycoords="figure points",
            va="bottom",
            fontsize=_LABEL_PT,
            linespacing=1.3,
            color=colour,
            zorder=5,
        )


def _taken(axes: "Axes") -> list[tuple[Box, float]]:
    """Small boxes along the lines and the rotated text, and how bad it is to cover them."""
    boxes = []
    for line in axes.lines:
        weight = 5.0 if line.get_linewidth() > 1.2 else 0.8
        ends = axes.transData.transform(np.column_stack(line.get_data()))
        for x, y in np.linspace(ends[0], ends[-1], 60):
            boxes.append((Box(x - 3, y - 3, x + 3, y + 3), weight))
    for text in axes.texts:
        if text.get_rotation():
            box = text.get_window_extent()
            low, high = np.array([box.x0, box.y0]), np.array([box.x1, box.y1])
            boxes += [(Box(x - 6, y - 6, x + 6, y + 6), 6.0) for x, y in np.linspace(low, high, 12)]
    return boxes


def _legend(figure: "Figure", bindings: tuple[Binding, Binding]) -> None:
    """Which colour is which phase, and how much of each step's time is not in the chart."""
    left, top = 0.26 / figure.get_figwidth(), 1 - 0.88 / figure.get_figheight()
    for i, binding in enumerate(bindings):
        left_out = max(0.0, 1 - sum(op.share for op in _drawable(binding)))
        words = f"●  {binding.phase}"
        if left_out > 0.005:
            words += f" ({percent(left_out, 2)} of it without arithmetic, not drawn)"
        colour = _COLOURS[binding.phase]
        figure.text(left + 0.42 * i, top, words, fontsize=9, va="center", color=colour)
