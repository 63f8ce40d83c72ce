"""Where the time of a step goes: width is time, filled height is nearness to the roof."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from simulator.report import style
from simulator.report.chart import Chart
from simulator.report.placing import spread
from simulator.report.roof import Roof
from simulator.simulate.result import Binding, SimulationResult
from simulator.units import percent, seconds, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALLEST_SHARE = 0.035
_MOST_SEGMENTS = 8
_COLOURS = {
    "prefill": (style.PREFILL, style.PREFILL_TINT),
    "decode": (style.DECODE, style.DECODE_TINT),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of a step: its share of the time and how near the roof it runs (None: no roof)."""

    name: str
    share: float
    of_roof: float | None


def segments(binding: Binding) -> list[Segment]:
    """The large rows of a step, and the small ones together; what is hidden has no width."""
    ranked = sorted((op for op in binding.operators if op.share > 0), key=lambda op: -op.share)
    large = [op for op in ranked if op.share >= _SMALLEST_SHARE][:_MOST_SEGMENTS]
    small = [op for op in ranked if op not in large]
    found = [
        Segment(op.name.removesuffix(f" ({binding.phase})"), op.share, op.share_of_speed_of_light)
        for op in large
    ]
    if small:
        share = sum(op.share for op in small)
        roof = sum(op.share * (op.share_of_speed_of_light or 0.0) for op in small)
        found.append(Segment(f"{len(small)} smaller", share, roof / share))
    return found


def chart(result: SimulationResult, _roof: Roof | None) -> Chart:
    """The operators of a run's typical steps."""
    return Chart(
        "operators",
        operators(result),
        "Where a step’s time goes, operator by operator; the tables below give the numbers.",
        "Under each name: share of the step’s time · share of the speed of light.",
        "steps",
    )


@style.styled
def operators(result: SimulationResult) -> "Figure":
    """The steps of a typical prefill and a typical decode, operator by operator."""
    figure = style.new_figure(5.0)
    bindings = (result.prefill, result.decode)
    slowest = [max(b.operators, key=lambda op: op.share) for b in bindings]
    style.head(
        figure,
        _title(bindings, [(op.name, op.share) for op in slowest]),
        "Width: share of the step’s time.  Filled height: share of the speed of light "
        "(the data sheet’s roof)",
    )
    for i, binding in enumerate(bindings):
        rectangle = style.place(figure, 0.26, 2.15 - 1.98 * i, 0.26, 1.0 + 1.98 * i)
        _bar(figure.add_axes(rectangle), binding)
    return figure


def _title(bindings: Sequence[Binding], slowest: Sequence[tuple[str, float]]) -> str:
    (first, share), (second, other) = (
        (name.removesuffix(f" ({b.phase})"), s)
        for b, (name, s) in zip(bindings, slowest, strict=True)
    )
    if first == second:
        return (
            f"{first} takes most: {percent(share, 2)} of a prefill and "
            f"{percent(other, 2)} of a decode step"
        )
    return (
        f"{first} takes {percent(share, 2)} of a prefill, "
        f"{second} {percent(other, 2)} of a decode step"
    )


def _describe(binding: Binding) -> str:
    batch, context = significant(binding.batch, 2), f"{binding.context:,.0f}"
    work = (
        f"a prompt of {context} tokens"
        if binding.phase == "prefill"
        else f"batch {batch}, {context} tokens of context each"
    )
    return f"{binding.phase.capitalize()}  {seconds(binding.step_time_s)}  ·  {work}"


def _bar(axes: "Axes", binding: Binding) -> None:
    style.plain_text_axes(axes)
    width_pt, height_pt = style.size_pt(axes)
    axes.set_xlim(0, width_pt)
    axes.set_ylim(0, height_pt)
    solid, tint = _COLOURS[binding.phase]
    bar_pt, floor_pt = 38.0, 36.0
    left, middles, found = 0.0, list[tuple[float, float]](), segments(binding)
    total = sum(s.share for s in found)
    for segment in found:
        width = segment.share / total * width_pt
        body = max(width - 1.6, 0.8)
        back = style.GRID if segment.of_roof is None else tint
        axes.bar(left, bar_pt, body, floor_pt, align="edge", color=back, linewidth=0)
        filled = bar_pt * min(segment.of_roof or 0.0, 1.0)
        axes.bar(left, filled, body, floor_pt, align="edge", color=solid, linewidth=0)
        middles.append((left + body / 2, body))
        left += width
    _labels(axes, found, middles, width_pt, (floor_pt, floor_pt + bar_pt))
    axes.text(
        0, height_pt, _describe(binding), va="top", fontsize=10.5, fontweight="bold", color=solid
    )


def _labels(
    axes: "Axes",
    found: list[Segment],
    middles: list[tuple[float, float]],
    width_pt: float,
    edges_pt: tuple[float, float],
) -> None:
    """Wide segments are named above themselves, narrow ones below and above in turn."""
    sides: tuple[list[_Label], list[_Label]] = ([], [])
    narrow = 0
    for segment, (middle, body) in zip(found, middles, strict=True):
        share = percent(segment.share, 2)
        if segment.of_roof is not None:
            share += f" · {segment.of_roof:.0%}".replace("%", " %")
        width = max(5.7 * len(segment.name), 4.9 * len(share))
        is_narrow = body < width
        narrow += is_narrow
        sides[narrow % 2 if is_narrow else 0].append(_Label(segment.name, share, middle, width))
    for labels, edge, up in zip(sides, edges_pt[::-1], (1, -1), strict=True):
        places = spread([la.middle for la in labels], [la.width for la in labels], 0, width_pt, 6.0)
        for label, place in zip(labels, places, strict=True):
            axes.plot(
                [label.middle, place],
                [edge + 2 * up, edge + 10 * up],
                color=style.FAINT,
                linewidth=0.7,
            )
            lower = edge + 13 if up > 0 else edge - 31
            axes.text(place, lower + 11, label.name, ha="center", fontsize=8.5)
            axes.text(place, lower, label.share, ha="center", fontsize=8, color=style.MUTED)


class _Label(NamedTuple):
    name: str
    share: str
    middle: float
    width: float
