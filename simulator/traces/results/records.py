"""Requests one by one, as a benchmark or a tracer recorded them, and the run they make together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.traces.results.measured_run import MeasuredRun, positive
from simulator.traces.row import Row


@dataclass(frozen=True, slots=True)
class Record:
    """One request: when it began, its lengths, and its times where they are known."""

    line: int
    start_s: float
    input_tokens: int
    output_tokens: int
    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None
    session: object = None

    def start(self) -> float:
        """When it began."""
        return self.start_s

    def row(self) -> Row:
        """The request, to be sent again at its own time."""
        session = None if self.session is None else str(self.session)
        return Row(self.line, self.start_s, self.input_tokens, self.output_tokens, session=session)


def run_of_records(
    records: Sequence[Record], path: Path, *, source: str, model: str = ""
) -> Iterator[MeasuredRun]:
    """The run of all ``records``: their means, asked as a closed loop of as many as were in flight.

    Raises:
        InputError: no record with both lengths.
    """
    answered = [r for r in records if r.input_tokens and r.output_tokens]
    if not answered:
        raise InputError(
            "no request in it was answered", file=path, remedy="is it the record of a run?"
        )
    ends = [r.start_s + (r.e2e_s or 0.0) for r in answered]
    span = max(ends) - min(r.start_s for r in answered)
    busy = sum(r.e2e_s or 0.0 for r in answered)
    users = max(1, round(busy / span)) if span > 0 and busy > 0 else len(answered)
    outputs = sum(r.output_tokens for r in answered)
    figures = {
        **_spread("ttft", [r.ttft_s for r in answered if r.ttft_s]),
        **_spread("tpot", [_tpot_s(r) for r in answered if _tpot_s(r)]),
        **_spread("e2e", [r.e2e_s for r in answered if r.e2e_s]),
        "output_tokens_per_s": outputs / span if span > 0 and busy else None,
    }
    yield MeasuredRun(
        figures=positive(figures),
        load={
            "isl": max(1, round(float(np.mean([r.input_tokens for r in answered])))),
            "osl": max(1, round(float(np.mean([r.output_tokens for r in answered])))),
            "concurrency": users,
        },
        model=model,
        source=source,
        notes=(
            f"{len(answered)} requests of mean lengths, asked as {users} users in a closed loop: "
            "so many were in flight on average",
        ),
    )


def _tpot_s(record: Record) -> float | None:
    if record.tpot_s is not None or record.e2e_s is None or record.ttft_s is None:
        return record.tpot_s
    later = record.output_tokens - 1
    return (record.e2e_s - record.ttft_s) / later if later > 0 else None


def _spread(name: str, values: Sequence[float | None]) -> dict[str, float | None]:
    known = np.array([value for value in values if value is not None])
    if not known.size:
        return {}
    return {
        f"{name}_s": float(known.mean()),
        f"{name}_p50_s": float(np.median(known)),
        f"{name}_p99_s": float(np.percentile(known, 99)),
    }
