"""Any file of measurements as points, its kind told by its content and not by its name."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from simulator.errors import InputError
from simulator.specs.text_file import is_file, read_text
from simulator.traces.format import Head
from simulator.traces.formats import format_shown
from simulator.validation.measured import (
    datacenter,
    edge,
    laboratory,
    published,
    serving,
    splitwise,
)
from simulator.validation.measured.point import Point
from simulator.validation.measured.row import Row
from simulator.validation.measured.runs import MOST_BYTES, Told, run_rows

PUBLISHED = Path(__file__).resolve().parent / "published.csv"
"""The project's own table of published figures, each row with its citation.

Of each device, model, engine, precision, layout, phase and quantity it holds the smallest, the
middle and the largest row by batch and length (of serving points the smallest and the largest),
whatever their errors; left out are rows that are faster than the data sheet allows.
"""

_TABLES = (
    (serving.is_serving_table, serving.serving_rows),
    (edge.is_edge_table, edge.edge_rows),
    (datacenter.is_datacenter_table, datacenter.datacenter_rows),
    (splitwise.is_splitwise_table, splitwise.splitwise_rows),
)


def is_kernel_table(path: Path) -> bool:
    """Whether a file is a table of single kernels (they are scored by another way)."""
    return path.suffix == ".parquet"


def read_points(path: Path, told: Told | None = None) -> Iterator[Point]:
    """The measured figures in ``path`` that the catalogue can answer (see ``read_rows``)."""
    return (point for row in read_rows(path, told) for point in row.points)


def read_rows(path: Path, told: Told | None = None) -> Iterator[Row]:
    """Every row of ``path``: the figures that the catalogue can answer, or why there are none.

    ``told`` is for files that do not say it (results of benchmarks, laboratory JSON). Rows of a
    table like the project's own that do not stand in it are the user's.

    Raises:
        InputError: no such file, or nobody taught the project to read it.
    """
    if not is_file(path):
        raise InputError("no such file", file=path, field="data", remedy="check the path")
    told = told or Told()
    text = read_text(path, MOST_BYTES, "data")
    head = Head(text)
    if head.is_json and laboratory.is_laboratory(head.fields):
        found = laboratory.laboratory_points(head.fields, told.hardware or "h200-sxm")
        return (Row((point,)) for point in found)
    columns = list(head.columns)
    if published.is_published_table(columns):
        return (Row((point,)) for point in _told_apart(published.published_points(path), path))
    for recognises, read in _TABLES:
        if recognises(columns):
            return read(path)
    if format_shown(text) is None and not head.is_json:
        raise InputError(
            "not a table of measurements that is understood",
            file=path,
            field="data",
            remedy="columns as in the project's own table: " + ", ".join(published.COLUMNS),
        )
    return run_rows(path, told)


def _told_apart(points: Iterable[Point], path: Path) -> Iterator[Point]:
    """Points of a table in the project's own form: what the project has not is the user's."""
    if path.resolve() == PUBLISHED:
        yield from points
        return
    own = {point.key for point in published.published_points(PUBLISHED)}
    for point in points:
        yield point if point.key in own else replace(point, theirs=True)
