"""The project's own table: one published figure a row, in the words of ``predict``.

Its columns are the flags of ``roofsim predict`` beside the measured quantity, so that anybody
can add rows, or keep a table of their own in the same form. What has no flag stands in
``settings``, a JSON object; ``unasked`` says why a row cannot be predicted.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.validation.measured.point import Point

_TEXTS = ("engine", "precision", "kv_precision")
_WHOLES = (
    "tp", "ep", "devices", "batch", "context", "isl", "osl", "concurrency", "max_sequences",
    "max_context",
)  # fmt: skip
_NUMBERS = ("length_spread",)
COLUMNS = (
    "hardware", "model", "phase", "quantity", "value", *_TEXTS, *_WHOLES, *_NUMBERS, "settings",
    "unasked", "source",
)  # fmt: skip


def is_published_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"hardware", "model", "phase", "quantity", "value", "source"} <= set(columns)


def published_points(path: Path) -> Iterator[Point]:
    """Every row as a point.

    Raises:
        InputError: a number is not one, or settings are no JSON object; names the row.
    """
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            asked: dict[str, Any] = {n: row[n] for n in _TEXTS if row.get(n)}
            try:
                asked |= {n: int(row[n]) for n in _WHOLES if row.get(n)}
                asked |= {n: float(row[n]) for n in _NUMBERS if row.get(n)}
                value = float(row["value"])
                settings = _settings(row.get("settings"))
            except ValueError as error:
                raise InputError(str(error), file=path, field=f"row {number}") from None
            yield Point(
                row["hardware"], row["model"], row["phase"], row["quantity"], value, asked,
                row["source"], settings=settings, unasked=row.get("unasked") or "",
            )  # fmt: skip


def _settings(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    if not isinstance(found, dict):
        raise ValueError(f"settings are not a JSON object: {text}")
    return found
