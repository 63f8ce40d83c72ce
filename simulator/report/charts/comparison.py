"""Several systems beside each other, one small chart for each figure."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from simulator.report import style
from simulator.report.measures import compared, factor, labels, times
from simulator.report.price_words import price_rows, verdict
from simulator.report.ranking import TIE, Ranking, ranking
from simulator.simulate.figure import Figure as AnswerFigure
from simulator.simulate.result import SimulationResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.styled
def comparison(results: Sequence[SimulationResult]) -> "Figure":
    """Bars for each system and measure, with the factor relative to the first system."""
    names = labels(results)
    beside = ["\n".join(wrap(name, _LABEL_CHARACTERS)) for name in names]
    longest = max(len(line) for label in beside for line in label.splitlines())
    label_in = 0.35 + 0.083 * longest
    width_in = 11.4
    notes = footnotes(results)
    below_in = 0.3 + _NOTE_IN * len(notes)
    figure = style.new_figure(max(2.7, 1.55 + 0.52 * len(results)) + below_in, width_in)
    found = ranking(results)
    style.head(
        figure,
        _title(found, names, results),
        f"Factors are relative to {names[0]}; the best is bold. Prices: {found.declared.basis}",
    )
    left, bottom, width, height = style.place(figure, label_in, below_in, 0.3, 1.55)
    gap = 0.018
    shown = compared(results)
    each = (width - gap * (len(shown) - 1)) / len(shown)
    for i, measure in enumerate(shown):
        axes = figure.add_axes((left + i * (each + gap), bottom, each, height))
        _panel(axes, measure, [r.figures.get(measure.key) for r in results])
        if i == 0:
            for row, label in enumerate(beside):
                axes.annotate(
                    label,
                    (0, row),
                    (-9, 0),
                    xycoords=("axes fraction", "data"),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                    fontsize=9,
                    fontweight="bold" if row == 0 else "normal",
                    annotation_clip=False,
                )
    for line, note in enumerate(reversed(notes)):
        at = (0.12 + _NOTE_IN * line) / figure.get_figheight()
        figure.text(0.26 / width_in, at, note, fontsize=7.5, color=style.MUTED, va="bottom")
    return figure


_LABEL_CHARACTERS = 36
"""Longer names take a second line."""

_NOTE_IN, _NOTE_CHARACTERS = 0.15, 185
"""Height of a line of footnotes, and what stands on it."""


def footnotes(results: Sequence[SimulationResult]) -> list[str]:
    """Who is the cheapest, and what prices rest on, in lines that fit under the chart."""
    found: list[str] = []
    for sentence in verdict(ranking(results)):
        found += wrap(sentence, _NOTE_CHARACTERS, subsequent_indent="    ")
    for row in price_rows(results):
        text = f"{row.system}: {row.words}"
        found += wrap(text, _NOTE_CHARACTERS, subsequent_indent="    ")
    return found


def _title(found: Ranking, names: Sequence[str], results: Sequence[SimulationResult]) -> str:
    """The finding: who serves tokens for the least money, or energy, by more than a tie.

    Money is the headline only where all have a price and no other basis says otherwise.
    """
    cheapest = found.declared.cheapest
    if cheapest and not (found.unpriced or found.overturning or found.silent):
        said = f"{cheapest} serves a token for the least money"
        best = found.at_best and found.at_best.cheapest
        if best is None or best == cheapest:
            return said
        return f"{said} at this load; at best {best} does"
    known = [
        (float(result.figures["joules_per_output_token"]), name)
        for result, name in zip(results, names, strict=True)
        if result.figures.get("joules_per_output_token") is not None
    ]
    if len(known) == len(names) > 1:
        (least, name), (second, _) = sorted(known)[:2]
        if least < (1 - TIE) * second:
            return f"{name} serves a token with the least energy"
    return f"{len(names)} systems under one load"


def best(measure: AnswerFigure, values: Sequence[float | None]) -> int | None:
    """Which value is the best; None without two values to choose from."""
    known = [(v, i) for i, v in enumerate(values) if v is not None]
    if len(known) < 2:
        return None
    return (max(known) if measure.better == "higher" else min(known))[1]


def _panel(axes: "Axes", measure: AnswerFigure, values: Sequence[float | None]) -> None:
    style.plain_text_axes(axes)
    axes.set_ylim(len(values) - 0.45, -0.55)
    most = max((v for v in values if v is not None), default=1.0) or 1.0
    axes.set_xlim(0, most * 1.04)
    axes.annotate(
        measure.short,
        (0, 1),
        (0, 27),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9.5,
        fontweight="bold",
        va="bottom",
    )
    for up, words in ((15, measure.unit_words or "mean"), (3, f"{measure.better} is better")):
        axes.annotate(
            words,
            (0, 1),
            (0, up),
            xycoords="axes fraction",
            va="bottom",
            textcoords="offset points",
            fontsize=8,
            color=style.MUTED,
        )
    axes.axvline(0, color=style.FAINT, linewidth=0.8)
    winner = best(measure, values)
    for row, value in enumerate(values):
        if value is not None:
            axes.barh(
                row + 0.14,
                value,
                height=0.2,
                linewidth=0,
                color=style.FAINT if row == 0 else style.DECODE,
            )
        axes.annotate(
            measure.number(value),
            (0, row),
            (5, 1),
            textcoords="offset points",
            va="bottom",
            fontsize=9.5,
            fontweight="bold" if row == winner else "normal",
        )
        ratio = factor(value, values[0])
        if row and ratio is not None:
            axes.annotate(
                times(ratio),
                (1, row),
                (-4, 1),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="bottom",
                ha="right",
                fontsize=8.5,
                color=_verdict(measure, ratio),
            )


def _verdict(measure: AnswerFigure, ratio: float) -> str:
    if abs(ratio - 1) < 0.02:
        return style.MUTED
    return style.BETTER if (ratio > 1) == (measure.better == "higher") else style.WORSE
