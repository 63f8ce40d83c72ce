"""Any file of measurements as points, its kind told by its content and not by its name."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from simulator.errors import InputError
from simulator.validation.measured import (
    datacenter,
    edge,
    laboratory,
    published,
    serving,
    splitwise,
    vllm_bench,
)
from simulator.validation.measured.point import Point

PUBLISHED = Path(__file__).resolve().parent / "published.csv"
"""The project's own table of published figures, each row with its citation.

Of each device, model, engine, precision, layout, phase and quantity it holds the smallest, the
middle and the largest row by batch and length (of serving points the smallest and the largest),
whatever their errors; left out are rows that are faster than the data sheet allows.
"""

_TABLES = (
    (published.is_published_table, published.published_points),
    (serving.is_serving_table, serving.serving_points),
    (edge.is_edge_table, edge.edge_points),
    (datacenter.is_datacenter_table, datacenter.datacenter_points),
    (splitwise.is_splitwise_table, splitwise.splitwise_points),
)


def is_kernel_table(path: Path) -> bool:
    """Whether a file is a table of single kernels (they are scored by another way)."""
    return path.suffix == ".parquet"


def read_points(path: Path, hardware: str | None = None) -> Iterator[Point]:
    """The measured figures in ``path`` that the catalogue can answer.

    ``hardware`` names the device of files that do not say it themselves (laboratory JSON).

    Raises:
        InputError: no such file, or nobody taught the project to read it.
    """
    if not path.is_file():
        raise InputError("no such file", file=path, field="data")
    if path.suffix == ".json":
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and laboratory.is_laboratory(document):
            return laboratory.laboratory_points(document, hardware or "h200-sxm")
        if isinstance(document, dict) and vllm_bench.is_bench_result(document):
            return vllm_bench.bench_points(document, hardware)
        raise _unknown(path)
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file), [])
    for recognises, read in _TABLES:
        if recognises(header):
            return read(path)
    raise _unknown(path)


def _unknown(path: Path) -> InputError:
    return InputError(
        "not a table of measurements that is understood",
        file=path,
        field="data",
        remedy="columns as in the project's own table: " + ", ".join(published.COLUMNS),
    )
