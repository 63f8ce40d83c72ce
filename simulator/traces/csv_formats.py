"""Traces as CSV: Azure's, BurstGPT's, this project's own requests, and any with named columns."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from simulator.errors import InputError, shown
from simulator.specs.csv_text import csv_lines
from simulator.specs.workload import Trace
from simulator.traces.format import Format, Head
from simulator.traces.row import Row, bad_row, seconds, tokens

AZURE = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
BURSTGPT = ("Timestamp", "Request tokens", "Response tokens")
KNOWN = (
    ("arrival_s", "input_tokens", "output_tokens", 1.0),
    ("arrival_time_ns", "input_tokens", "output_tokens", 1e-9),
)
"""Column names that need no mapping, and the unit of the first."""

_UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


_STAMP = re.compile(
    r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?)"
    r"(?:\.([0-9]{1,30}))?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?\s*"
)
"""A day and a time of day, digits of a second, and a time zone."""


def azure_rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    """Azure's LLM inference traces (2023 and 2024): time of day, context and generated tokens."""
    whole_second, zone, since = "", "", 0.0
    for line, fields in _lines(text, len(AZURE), path):
        # The traces carry seven digits of a second; Python reads six. Rows of one second share
        # their beginning.
        stamp = _STAMP.fullmatch(fields[0])
        try:
            if stamp is None:
                raise ValueError
            head, digits, offset = stamp.groups(default="")
            if head != whole_second or offset != zone:
                moment = datetime.fromisoformat(head + offset)
                # Without a zone the traces are in UTC.
                since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
                whole_second, zone = head, offset
        except (ValueError, OverflowError):
            problem = f"TIMESTAMP {shown(fields[0])} is not a date and time"
            remedy = "write 2023-11-16 18:15:46.68, with a time zone or in UTC"
            raise bad_row(path, line, problem, remedy) from None
        arrival_s = since + float(f"0.{digits}") if digits else since
        yield Row(
            line,
            arrival_s,
            tokens(fields[1], AZURE[1], path, line),
            tokens(fields[2], AZURE[2], path, line),
        )


def burstgpt_rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    """BurstGPT: seconds, request and response tokens; failed requests have no response."""
    return _named(text, path, *BURSTGPT, 1.0)


def mapped_rows(text: str, path: Path, trace: Trace) -> Iterator[Row]:
    """A CSV whose columns the user or a known header names.

    Raises:
        InputError: a column is missing.
    """
    header = _header(text, path)
    columns = dict(trace.columns)
    for names in KNOWN:
        if not columns and set(names[:3]) <= set(header):
            return _named(text, path, names[0], names[1], names[2], names[3])
    missing = [key for key in ("arrival", "input_tokens", "output_tokens") if key not in columns]
    if missing:
        raise InputError(
            f"no column is given for {', '.join(missing)}",
            file=path,
            field="workload.columns",
            remedy=f"map them to columns of the file: {', '.join(header)}",
        )
    return _named(
        text,
        path,
        columns["arrival"],
        columns["input_tokens"],
        columns["output_tokens"],
        _UNITS_S[trace.time_unit],
        session=columns.get("session"),
        priority=columns.get("priority"),
    )


def _named(
    text: str,
    path: Path,
    arrival: str,
    inputs: str,
    outputs: str,
    unit_s: float,
    session: str | None = None,
    priority: str | None = None,
) -> Iterator[Row]:
    header = _header(text, path)
    wanted = [name for name in (arrival, inputs, outputs, session, priority) if name is not None]
    for name in wanted:
        if name not in header:
            raise InputError(
                f"there is no column {name!r}",
                file=path,
                field="line 1",
                remedy=f"its columns are {', '.join(header)}",
            )
    at, size, answer = (header.index(name) for name in (arrival, inputs, outputs))
    for line, fields in _lines(text, len(header), path):
        yield Row(
            line,
            seconds(fields[at], arrival, unit_s, path, line),
            tokens(fields[size], inputs, path, line),
            tokens(fields[answer], outputs, path, line),
            session=None if session is None else fields[header.index(session)],
            priority=0
            if priority is None
            else tokens(fields[header.index(priority)], priority, path, line),
        )


def _header(text: str, path: Path) -> list[str]:
    _, names = next(csv_lines(text, path), (1, []))
    return [name.strip() for name in names]


def _lines(text: str, columns: int, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Data lines with their numbers; empty ones are skipped."""
    lines = csv_lines(text, path)
    next(lines, None)
    for line, fields in lines:
        if len(fields) != columns:
            raise bad_row(
                path,
                line,
                f"expected {columns} columns, found {len(fields)}",
                "is the line whole? take it out if not",
            )
        yield line, fields


def _names_are_known(head: Head) -> bool:
    return any(set(names[:3]) <= set(head.columns) for names in KNOWN)


CSV_FORMATS = {
    "azure": Format(
        "CSV with TIMESTAMP,ContextTokens,GeneratedTokens (Azure)",
        azure_rows,
        lambda head: head.columns == AZURE,
        is_table=True,
    ),
    "burstgpt": Format(
        "CSV with Timestamp,Request tokens,Response tokens (BurstGPT)",
        burstgpt_rows,
        lambda head: set(BURSTGPT) <= set(head.columns),
        is_table=True,
    ),
    "csv": Format(
        "CSV with arrival_s,input_tokens,output_tokens",
        mapped_rows,
        _names_are_known,
        is_table=True,
    ),
}
