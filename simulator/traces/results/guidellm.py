"""GuideLLM's ``benchmarks.json``: a run for each rate that it tried, with every request.

Its inter-token latency is over the tokens after the first: TPOT. Its time per output token counts
the first one too.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.format import Format
from simulator.traces.json_text import json_object
from simulator.traces.results.measured_run import (
    MeasuredRun,
    anywhere,
    first_name,
    needed,
    number,
    positive,
    within,
)
from simulator.traces.row import Row, seconds, tokens

_TIMES = {
    "ttft": ("time_to_first_token_ms", 1e-3),
    "tpot": ("inter_token_latency_ms", 1e-3),
    "e2e": ("request_latency", 1.0),
}
_RATES = {
    "output_tokens_per_s": "output_tokens_per_second",
    "total_tokens_per_s": "tokens_per_second",
    "requests_per_s": "requests_per_second",
}


def _runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    report = json_object(text, path)
    for index, benchmark in enumerate(_benchmarks(report, path)):
        place = f"benchmarks[{index}]"
        metrics = benchmark.get("metrics")
        lengths = {
            name: max(1, round(needed(_mean(metrics, key), key, path, place)))
            for name, key in (("isl", "prompt_token_count"), ("osl", "output_token_count"))
        }
        figures = {f"{key}_s": _time(metrics, name, "mean", unit)
                   for key, (name, unit) in _TIMES.items()}  # fmt: skip
        for key, (name, unit) in _TIMES.items():
            figures[f"{key}_p50_s"] = _time(metrics, name, "median", unit)
            figures[f"{key}_p99_s"] = _percentile(metrics, name, unit)
        figures |= {key: _mean(metrics, name) for key, name in _RATES.items()}
        load, note = _load(benchmark, metrics)
        yield MeasuredRun(
            place=place,
            figures=positive(figures),
            load={**lengths, **load},
            model=first_name(anywhere(report.get("config"), ("model",)))
            or first_name(anywhere(benchmark, ("model",))),
            source=f"GuideLLM {within(report, 'metadata', 'guidellm_version') or ''}".strip(),
            notes=(note,) if note else (),
        )


def _load(benchmark: Mapping[str, Any], metrics: object) -> tuple[dict[str, Any], str]:
    """What the strategy of a run asks for: streams, a rate, or as much as goes at once."""
    strategy = anywhere(benchmark, ("strategy",))
    kind = str(within(strategy, "type_"))
    streams, rate = number(within(strategy, "streams")), number(within(strategy, "rate"))
    if kind == "synchronous":
        return {"concurrency": 1}, ""
    if kind == "concurrent" and streams:
        return {"concurrency": round(streams)}, ""
    if kind in ("constant", "poisson", "async") and rate:
        even = "its requests came evenly spaced, those asked at random" if kind != "poisson" else ""
        return {"rate": rate}, even
    mean = _mean(metrics, "request_concurrency") or 1.0
    return {"concurrency": max(1, round(mean))}, (
        f"the strategy {kind} is asked as {max(1, round(mean))} users in a closed loop: so many "
        "requests were in flight on average"
    )


def _distribution(metrics: object, name: str) -> object:
    """The successful requests' distribution of one metric."""
    return within(metrics, name, "successful") or within(metrics, name, "total")


def _mean(metrics: object, name: str) -> float | None:
    return number(within(_distribution(metrics, name), "mean"))


def _time(metrics: object, name: str, statistic: str, unit: float) -> float | None:
    value = number(within(_distribution(metrics, name), statistic))
    return None if value is None else value * unit


def _percentile(metrics: object, name: str, unit: float) -> float | None:
    value = number(within(_distribution(metrics, name), "percentiles", "p99"))
    return None if value is None else value * unit


def _benchmarks(report: Mapping[str, Any], path: Path) -> list[Mapping[str, Any]]:
    found = report.get("benchmarks")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError("benchmarks is not a list of objects", file=path, field="benchmarks")
    return found


def _rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    report = json_object(text, path)
    found: list[Row] = []
    benchmarks = _benchmarks(report, path)
    if len(benchmarks) > 1:
        raise InputError(
            f"holds {len(benchmarks)} runs, each with requests of its own",
            file=path,
            field="benchmarks",
            remedy=f"serve the means of one: roofsim import bench {path} --run 1",
        )
    for benchmark in benchmarks:
        for index, request in enumerate(_successful(benchmark), start=1):
            start = next((value for value in _starts(request) if value is not None), None)
            found.append(
                Row(
                    index,
                    seconds(start, "request_start_time", 1.0, path, index),
                    tokens(request.get("prompt_tokens"), "prompt_tokens", path, index),
                    tokens(request.get("output_tokens"), "output_tokens", path, index),
                )
            )
    if not found:
        raise InputError(
            "it keeps no successful requests",
            file=path,
            remedy=f"serve its means: roofsim import bench {path}",
        )
    return iter(sorted(found, key=lambda row: row.arrival_s))


def _starts(request: Mapping[str, Any]) -> Iterator[object]:
    """Where releases keep the start of a request, newest first."""
    yield request.get("request_start_time")
    yield within(request, "info", "timings", "request_start")
    yield request.get("start_time")


def _successful(benchmark: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = within(benchmark, "requests", "successful")
    return [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []


GUIDELLM = Format(
    "GuideLLM's benchmarks.json",
    _rows,
    lambda head: isinstance(head.fields.get("benchmarks"), list),
    runs=_runs,
)
