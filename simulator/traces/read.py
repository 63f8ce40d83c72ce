"""Reading request traces, whose format is told by their content."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from simulator.errors import FieldError, InputError
from simulator.serving.traffic.request import NO_ROW, RequestTable
from simulator.specs.text_file import is_folder, read_text
from simulator.specs.workload import Trace
from simulator.traces.folder import folder_rows
from simulator.traces.format import Format
from simulator.traces.formats import FORMATS, format_of
from simulator.traces.json_formats import JSON_FORMATS
from simulator.traces.row import Row, bad_row

MOST_BYTES = 2_000_000_000
"""Ten times the largest trace that anybody has published; it is read whole."""


@dataclass(frozen=True, slots=True)
class ReadTrace:
    """The requests of a trace, and what is to be said of how they were read."""

    table: RequestTable
    notes: tuple[str, ...]


def read_trace(trace: Trace) -> RequestTable:
    """The requests of a trace file, the first at time zero, gaps scaled as the trace asks.

    A folder holds WEKA sessions, one a file.

    Raises:
        InputError: unknown format, no rows, or a bad row; names file and line.
    """
    return told_trace(trace).table


def told_trace(trace: Trace) -> ReadTrace:
    """The same, with the format that the content showed.

    Raises:
        InputError: as ``read_trace`` does.
    """
    path = trace.file
    rows: list[Row] = []
    form = FOLDER
    if is_folder(path):
        found, hash_tokens = folder_rows(path, trace, _text)
    else:
        text = _text(path)
        if not text.strip():
            raise _empty(path)
        form = FORMATS["csv"] if trace.columns else format_of(text, path, trace.format)
        found, hash_tokens = form.rows(text, path, trace), _hash_tokens(form, text, path)
    last_s = -np.inf
    for row in islice(_answered(found, path, trace.skip_empty), trace.limit):
        if not row.follows:
            if row.arrival_s < last_s:
                remedy = "sort the trace by time"
                raise bad_row(path, row.line, "arrives before the row above it", remedy)
            last_s = row.arrival_s
        rows.append(row)
    if not rows:
        raise _empty(path)
    if not form.tells_times:
        rows = _at_random_times(rows, trace)
    notes = [f"{path.name} is read as {form.described}", *([form.note] if form.note else [])]
    if trace.rate is not None and form.tells_times:
        trace = trace.model_copy(update={"time_scale": _scale(rows, trace)})
        notes.append(f"its gaps are multiplied by {trace.time_scale:.4g}")
    return ReadTrace(_table(rows, trace, trace.hash_tokens or hash_tokens), tuple(notes))


FOLDER = JSON_FORMATS["weka"]
"""What the files of a folder are."""


def _scale(rows: list[Row], trace: Trace) -> float:
    """What gaps are multiplied by for the rate that the trace asks for."""
    assert trace.rate is not None
    span_s = rows[-1].arrival_s - rows[0].arrival_s
    if span_s <= 0:
        raise InputError(
            "all its requests come at one moment, so no gap can be scaled",
            file=trace.file,
            field="workload.rate",
            remedy="leave rate out",
        )
    return (len(rows) - 1) / span_s / trace.rate


def _at_random_times(rows: list[Row], trace: Trace) -> list[Row]:
    """Rows of a file that tells no times, as Poisson arrivals; the same for the same rate."""
    if trace.rate is None:
        raise InputError(
            "it does not tell when requests come",
            file=trace.file,
            field="workload.rate",
            remedy="say how many come a second: --set workload.rate=5",
        )
    gaps_s = np.random.default_rng(0).exponential(1 / trace.rate, len(rows))
    times_s = np.cumsum(gaps_s).tolist()
    return [row._replace(arrival_s=at) for row, at in zip(rows, times_s, strict=True)]


def _text(path: Path) -> str:
    return read_text(path, MOST_BYTES, "workload.file")


def _hash_tokens(form: Format, text: str, path: Path) -> int:
    try:
        return form.hash_tokens(text)
    except FieldError as error:
        raise InputError(str(error), file=path, remedy=error.remedy) from None


def _empty(path: Path) -> InputError:
    return InputError(
        "the trace has no requests", file=path, remedy="it needs at least one row of data"
    )


def _answered(rows: Iterator[Row], path: Path, skip_empty: bool) -> Iterator[Row]:
    """Rows with both a prompt and an answer; others are skipped or refused."""
    for row in rows:
        if row.input_tokens and row.output_tokens:
            yield row
        elif not skip_empty:
            what = "answer" if row.input_tokens else "prompt"
            raise bad_row(
                path,
                row.line,
                f"the {what} has 0 tokens; every request needs at least one token",
                "leave such rows out: --set workload.skip_empty=true",
            )


def _table(rows: list[Row], trace: Trace, hash_tokens: int) -> RequestTable:
    start_s = rows[0].arrival_s
    arrival_s = np.array([row.arrival_s for row in rows]) - start_s
    numbers: dict[object, int] = {}
    sessions = [
        NO_ROW if row.session is None else numbers.setdefault(row.session, len(numbers))
        for row in rows
    ]
    last_of: dict[int, int] = {}
    follows = np.full(len(rows), NO_ROW, dtype=np.int64)
    for i, (row, session) in enumerate(zip(rows, sessions, strict=True)):
        if row.follows:
            follows[i] = last_of.get(session, NO_ROW)
        last_of[session] = i
    delays = np.array([row.delay_s for row in rows])
    priority = np.array([row.priority for row in rows], dtype=np.int64)
    return RequestTable(
        arrival_s=np.maximum.accumulate(np.maximum(arrival_s, 0.0)) * trace.time_scale,
        input_tokens=np.array([row.input_tokens for row in rows], dtype=np.int64),
        output_tokens=np.array([row.output_tokens for row in rows], dtype=np.int64),
        prefix_blocks=tuple(row.hashes for row in rows) if any(r.hashes for r in rows) else None,
        prefix_block_tokens=hash_tokens,
        session=np.array(sessions, dtype=np.int64) if numbers else None,
        follows=follows if (follows != NO_ROW).any() else None,
        delay_s=delays * trace.time_scale if delays.any() else None,
        priority=priority if priority.any() else None,
    )
