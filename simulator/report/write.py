"""A report in a folder, all of it or nothing."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import InputError
from simulator.files.whole_folder import whole_folder
from simulator.report.columns import write_requests, write_rows
from simulator.report.ranking import ranking
from simulator.report.roof import Roof
from simulator.simulate.comparison import Comparison
from simulator.simulate.result import SimulationResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulator.report.chart import Chart

REPORT = ("summary.json", "requests.csv", "report.html")
COMPARISON = ("comparison.json", "comparison.csv", "comparison.html")
"""Files of a folder beside its charts."""

Contents = Mapping[str, bytes]
"""What is to stand in files, by their names."""


def write_report(result: SimulationResult, folder: Path) -> list[Path]:
    """Write summary, requests, charts and page of a simulation into ``folder``.

    ``summary.json``, ``requests.csv``, ``report.html`` and, as SVG and PNG, the charts
    ``roofline``, ``latency``, ``timeline`` and ``operators``; files of these names are replaced.

    Raises:
        InputError: the folder cannot be written.
    """
    from simulator.report.chart import report_charts
    from simulator.report.page import report_page

    summary, requests, page = REPORT
    charts = report_charts(result, _roof(result))
    contents = {
        summary: json_bytes(result.to_dict()),
        page: _text_bytes(report_page(result, charts)),
        **_images_of(charts),
    }
    with whole_folder(folder) as staging:
        write_requests(result.records, staging / requests)
        _fill(staging, contents)
    return _written(folder, [requests, *contents])


def write_comparison(found: Comparison, folder: Path) -> list[Path]:
    """Write ``comparison.json``, ``.csv``, ``.svg``, ``.png`` and ``.html`` into ``folder``.

    Raises:
        InputError: the folder cannot be written.
    """
    from simulator.report.page import comparison_charts, comparison_page

    document, table, page = COMPARISON
    charts = comparison_charts(found.results)
    contents = {
        document: json_bytes(comparison_dict(found)),
        page: _text_bytes(comparison_page(found.results, charts, found.unanswered)),
        **_images_of(charts),
    }
    with whole_folder(folder) as staging:
        write_rows(found.rows(), staging / table)
        _fill(staging, contents)
    return _written(folder, [table, *contents])


def comparison_dict(found: Comparison) -> dict[str, object]:
    """A comparison as plain values for JSON: a row a system, and how they stand in money."""
    return {"results": found.rows(), "ranking": ranking(found.results).to_dict()}


def write_device_roof(hardware: str, folder: Path) -> list[Path]:
    """Write the roofline of a device alone as SVG and PNG into ``folder``.

    Raises:
        InputError: unknown hardware, or the folder cannot be written.
    """
    from simulator.report.charts.roofline import device_roofline

    roof = Roof.named(hardware)
    stem = Path(hardware).name.removesuffix(".yaml").replace(":", "-")
    figure = device_roofline(roof)
    return write_files(images(f"{stem}-roofline", figure, f"Roofline of {roof.title}"), folder)


def write_files(contents: Contents, folder: Path) -> list[Path]:
    """Write files of these names into ``folder``, all of them or none.

    Raises:
        InputError: the folder cannot be written.
    """
    with whole_folder(folder) as staging:
        _fill(staging, contents)
    return _written(folder, contents)


def images(name: str, figure: "Figure", description: str) -> dict[str, bytes]:
    """A chart as ``name``.svg and ``name``.png; the same figure always gives the same bytes."""
    from simulator.report import style

    header = '<?xml version="1.0" encoding="utf-8"?>\n'
    vector = _text_bytes(header + style.svg(figure, description))
    return {f"{name}.svg": vector, f"{name}.png": style.png(figure)}


def json_bytes(content: object) -> bytes:
    """A JSON document as the bytes of a file."""
    return _text_bytes(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def csv_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """Rows as the bytes of a CSV; its columns are all that any row has, in order of appearance."""
    text = io.StringIO(newline="")
    header = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return _text_bytes(text.getvalue())


def _text_bytes(text: str) -> bytes:
    """Text as a file holds it; what is no text (of a file's name, say) is escaped."""
    return text.encode("utf-8", "backslashreplace")


def _images_of(charts: "Sequence[Chart]") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for chart in charts:
        found |= images(chart.name, chart.figure, chart.description)
    return found


def _fill(staging: Path, contents: Contents) -> None:
    for name, content in contents.items():
        (staging / name).write_bytes(content)


def _written(folder: Path, names: Sequence[str] | Contents) -> list[Path]:
    return [folder / name for name in sorted(names)]


def _roof(result: SimulationResult) -> Roof | None:
    """The device's roof; None when its file has gone since, and charts do without."""
    try:
        return Roof.named(result.hardware)
    except InputError:
        return None
