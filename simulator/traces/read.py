"""Reading request traces: Azure LLM inference CSV and Mooncake JSONL, told apart by content."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.serving.request import RequestTable
from simulator.specs.workload import Trace

MOONCAKE_BLOCK_TOKENS = 512
"""Tokens that one of Mooncake's ``hash_ids`` stands for (its FAST'25 trace description)."""

_AZURE_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    arrival_s: float
    input_tokens: int
    output_tokens: int
    prefix_blocks: tuple[int, ...] | None = None


def read_trace(trace: Trace) -> RequestTable:
    """The requests of a trace file, the first at time zero, gaps scaled by ``time_scale``.

    Raises:
        InputError: unknown format, no rows, or a bad row; names file and line.
    """
    path = trace.file
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError("no such trace file", file=path, field="workload.file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None
    rows: list[_Row] = []
    for row in _rows(text, path):
        _check_order(rows, row, path)
        rows.append(row)
        if trace.limit is not None and len(rows) == trace.limit:
            break
    if not rows:
        raise InputError(
            "the trace has no requests", file=path, remedy="it needs at least one row of data"
        )
    start = rows[0].arrival_s
    prefixes = tuple(r.prefix_blocks or () for r in rows)
    return RequestTable(
        arrival_s=np.array([(r.arrival_s - start) * trace.time_scale for r in rows]),
        input_tokens=np.array([r.input_tokens for r in rows], dtype=np.int64),
        output_tokens=np.array([r.output_tokens for r in rows], dtype=np.int64),
        prefix_blocks=prefixes if any(prefixes) else None,
        prefix_block_tokens=MOONCAKE_BLOCK_TOKENS,
    )


def _rows(text: str, path: Path) -> Iterator[_Row]:
    first = text.lstrip()[:1]
    if first == "{":
        return _mooncake_rows(text, path)
    header = text.split("\n", 1)[0].strip().split(",")
    if [h.strip() for h in header] == list(_AZURE_COLUMNS):
        return _azure_rows(text, path)
    if not first:
        return iter(())
    raise InputError(
        f"trace format not recognised from its first line {text.splitlines()[0][:60]!r}",
        file=path,
        field="line 1",
        remedy="known: CSV with TIMESTAMP,ContextTokens,GeneratedTokens, or JSONL with "
        "timestamp, input_length, output_length",
    )


def _azure_rows(text: str, path: Path) -> Iterator[_Row]:
    reader = csv.reader(text.splitlines())
    next(reader)
    for line, fields in enumerate(reader, start=2):
        if not fields:
            continue
        if len(fields) != len(_AZURE_COLUMNS):
            raise _bad_row(path, line, f"expected 3 columns, found {len(fields)}")
        yield _Row(
            line,
            _timestamp(fields[0], path, line),
            _tokens(fields[1], "ContextTokens", path, line),
            _tokens(fields[2], "GeneratedTokens", path, line),
        )


def _timestamp(text: str, path: Path, line: int) -> float:
    # The traces carry seven digits of a second; Python reads six.
    head, _, fraction = text.strip().partition(".")
    digits = fraction.rstrip("Z").split("+")[0]
    try:
        moment = datetime.fromisoformat(head)
        return moment.timestamp() + (float(f"0.{digits}") if digits else 0.0)
    except ValueError:
        raise _bad_row(path, line, f"TIMESTAMP {text!r} is not a date and time") from None


def _mooncake_rows(text: str, path: Path) -> Iterator[_Row]:
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except json.JSONDecodeError as error:
            raise _bad_row(path, line, f"not valid JSON: {error.msg}") from None
        if not isinstance(row, dict):
            raise _bad_row(path, line, "expected an object")
        for name in ("timestamp", "input_length", "output_length"):
            if name not in row:
                raise _bad_row(path, line, f"field {name!r} is missing")
        try:
            arrival_s = float(row["timestamp"]) / 1000
        except (TypeError, ValueError):
            raise _bad_row(path, line, "timestamp is not a number of milliseconds") from None
        hashes = row.get("hash_ids")
        yield _Row(
            line,
            arrival_s,
            _tokens(row["input_length"], "input_length", path, line),
            _tokens(row["output_length"], "output_length", path, line),
            None if hashes is None else tuple(hashes),
        )


def _tokens(raw: object, name: str, path: Path, line: int) -> int:
    try:
        tokens = int(str(raw))
    except ValueError:
        raise _bad_row(path, line, f"{name} {raw!r} is not a whole number") from None
    if tokens < 1:
        raise _bad_row(path, line, f"{name} is {tokens}; every request needs at least one token")
    return tokens


def _check_order(rows: list[_Row], row: _Row, path: Path) -> None:
    if not np.isfinite(row.arrival_s):
        raise _bad_row(path, row.line, "the arrival time is not finite")
    if rows and row.arrival_s < rows[-1].arrival_s:
        raise _bad_row(path, row.line, "arrives before the row above it", "sort the trace by time")


def _bad_row(path: Path, line: int, problem: str, remedy: str | None = None) -> InputError:
    return InputError(problem, file=path, field=f"line {line}", remedy=remedy)
