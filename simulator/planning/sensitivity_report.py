"""A ranking of inputs in a folder: its numbers as JSON and CSV, and a tornado."""

from dataclasses import asdict
from pathlib import Path

from simulator.planning.inputs import Value
from simulator.planning.sensitivity import Sensitivity
from simulator.report.charts.tornado import Bar, tornado
from simulator.report.write import csv_bytes, images, json_bytes, write_files
from simulator.simulate.figures import FIGURE
from simulator.units import humane, significant

FILES = ("sensitivity.json", "sensitivity.csv")
"""Files of the folder beside its chart."""


def end_in_words(end: Value) -> str:
    """One end of a range, as it was written or with three digits."""
    if isinstance(end, str):
        return end
    return humane(end) if abs(end) >= 1e5 else significant(end)


def _short(title: str, most: int = 70) -> str:
    return title if len(title) <= most else f"{title[: most - 1]}…"


def write_sensitivity(found: Sensitivity, folder: Path) -> list[Path]:
    """Write ``sensitivity.json``, ``.csv`` and the chart ``tornado`` as SVG and PNG.

    Raises:
        InputError: the folder cannot be written.
    """
    figure = FIGURE[found.figure]
    bars = [
        Bar(s.path, end_in_words(s.low), end_in_words(s.high), s.at_low, s.at_high)
        for s in found.swings
        if s.has_effect
    ]
    title = (
        f"{figure.label} moves most with {bars[0].name}"
        if bars
        else f"Nothing that was varied moves {figure.label}"
    )
    beside = f" {figure.per}" if figure.per else ""
    ends = "blue: the low end of an input, orange: the high end"
    subtitle = f"{_short(found.title)}; {figure.unit}{beside}; {ends}"
    chart = tornado(title, subtitle, found.value, bars, figure.show)
    document, rows = FILES
    contents = {
        document: json_bytes(found.to_dict()),
        rows: csv_bytes([asdict(swing) for swing in found.swings]),
        **images("tornado", chart, title),
    }
    return write_files(contents, folder)
