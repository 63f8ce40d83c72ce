"""Requests and comparisons as CSV."""

import csv
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from simulator.serving.outcome.records import STATUSES, Records
from simulator.simulate.answer import csv_cell

REQUEST_COLUMNS = (
    "request_id",
    "arrival_s",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "ttft_s",
    "tpot_s",
    "e2e_s",
    "queue_s",
    "replica",
    "preemptions",
    "status",
)
_ROWS_AT_ONCE = 50_000
# Microseconds of the clock, and seven digits of a duration: nothing that is simulated is finer.
_ROW = "%d,%.15g,%d,%d,%d,%.7g,%.7g,%.7g,%.7g,%d,%d,%s\n"


def write_requests(records: Records, path: Path) -> None:
    """Write one row a request; a time that never came is empty.

    Rows are formatted many at a time, so a million of them take seconds.
    """
    arrival = np.round(records.arrival_s, 6)
    status = np.asarray(STATUSES)[records.status]
    columns: tuple[np.ndarray, ...] = (
        np.arange(arrival.size), arrival, records.input_tokens, records.output_tokens,
        records.cached_tokens, records.ttft_s, records.tpot_s, records.e2e_s, records.queue_s,
        records.replica, records.preemptions, status,
    )  # fmt: skip
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(",".join(REQUEST_COLUMNS) + "\n")
        for start in range(0, arrival.size, _ROWS_AT_ONCE):
            part = [column[start : start + _ROWS_AT_ONCE].tolist() for column in columns]
            text = (_ROW * len(part[0])) % tuple(chain.from_iterable(zip(*part, strict=True)))
            file.write(text.replace(",nan", ",") if "nan" in text else text)


def write_rows(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """Write one row a system with all that any has; lists are joined by ``; ``."""
    header = list(dict.fromkeys(chain.from_iterable(rows)))
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([csv_cell(row.get(name)) for name in header] for row in rows)
