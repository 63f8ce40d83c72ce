"""AIPerf's and genai-perf's summaries, and AIPerf's records of single requests.

Their inter-token latency is over the tokens after the first: TPOT. Times come with their unit.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.format import Format
from simulator.traces.json_text import json_object, json_objects
from simulator.traces.results.measured_run import (
    MeasuredRun,
    anywhere,
    first_name,
    load_of,
    needed,
    number,
    positive,
    within,
)
from simulator.traces.results.records import Record, run_of_records
from simulator.traces.row import Row, bad_row, seconds, tokens

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0}
_TIMES = {"ttft_s": "time_to_first_token", "tpot_s": "inter_token_latency"}
_TIMES |= {"e2e_s": "request_latency"}
_PERCENTILES = {"": "avg", "_p50": "p50", "_p99": "p99"}
_RATES = {"output_tokens_per_s": "output_token_throughput", "requests_per_s": "request_throughput"}


def summary_runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    """The one run of ``profile_export_aiperf.json`` or ``profile_export_genai_perf.json``.

    Raises:
        InputError: not JSON, or no lengths in it.
    """
    result = json_object(text, path)
    config = result.get("input_config")
    lengths = {}
    for name, key in (("isl", "input_sequence_length"), ("osl", "output_sequence_length")):
        mean = number(within(result, key, "avg"))
        lengths[name] = max(1, round(needed(mean, f"{key}.avg", path)))
    users = number(anywhere(config, ("concurrency",)))
    rate = number(anywhere(config, ("request_rate", "rate")))
    count = number(within(result, "request_count", "avg"))
    figures = {
        key.replace("_s", f"{suffix}_s"): _time_s(result.get(metric), statistic)
        for key, metric in _TIMES.items()
        for suffix, statistic in _PERCENTILES.items()
    }
    figures |= {key: number(within(result, metric, "avg")) for key, metric in _RATES.items()}
    cancelled = result.get("was_cancelled") or result.get("is_complete") is False
    yield MeasuredRun(
        figures=positive(figures),
        load={**lengths, **load_of(users, None if users else rate, count or 1)},
        model=first_name(anywhere(config, ("model_names", "models", "model", "model_name"))),
        source=f"AIPerf {result['aiperf_version']}" if "aiperf_version" in result else "genai-perf",
        unasked="the benchmark was cancelled" if cancelled else "",
    )


def _time_s(metric: object, statistic: str) -> float | None:
    value, unit = number(within(metric, statistic)), within(metric, "unit")
    factor = _UNITS_S.get(str(unit or "ms"))
    return None if value is None or factor is None else value * factor


def _no_requests(_text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    raise InputError(
        "a summary without its requests",
        file=path,
        remedy="give profile_export.jsonl, which lies beside it, or serve its means: roofsim "
        f"import bench {path}",
    )


def _record(fields: Mapping[str, Any], path: Path, line: int) -> Record | None:
    """One line of ``profile_export.jsonl``; None for a warm-up or a request that failed."""
    metadata, metrics = fields["metadata"], fields["metrics"]
    if not isinstance(metadata, dict) or not isinstance(metrics, dict):
        raise bad_row(path, line, "metadata and metrics are not objects")
    failed = fields.get("error") or metadata.get("was_cancelled")
    if failed or metadata.get("benchmark_phase", "profiling") != "profiling":
        return None
    values = {}
    for name in ("input_sequence_length", "output_sequence_length"):
        found = number(within(metrics, name, "value"))
        if found is None:
            raise bad_row(path, line, f"metrics has no {name}", "is the record whole?")
        values[name] = tokens(round(found), name, path, line)
    start = seconds(metadata.get("request_start_ns"), "request_start_ns", 1e-9, path, line)
    end = metadata.get("request_end_ns")
    times = {
        key: _time_s({"value": within(metrics, metric, "value"),
                      "unit": within(metrics, metric, "unit")}, "value")
        for key, metric in _TIMES.items()
    }  # fmt: skip
    latency = times["e2e_s"]
    if latency is None and end is not None:
        latency = seconds(end, "request_end_ns", 1e-9, path, line) - start
    return Record(
        line,
        start,
        values["input_sequence_length"],
        values["output_sequence_length"],
        ttft_s=times["ttft_s"],
        tpot_s=times["tpot_s"],
        e2e_s=latency,
        session=metadata.get("conversation_id"),
    )


def _records(text: str, path: Path) -> Iterator[Record]:
    for line, fields in json_objects(text, path):
        record = _record(fields, path, line)
        if record is not None:
            yield record


def _record_rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    return (record.row() for record in sorted(_records(text, path), key=Record.start))


def _record_runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    return run_of_records(list(_records(text, path)), path, source="AIPerf's records")


AIPERF_FORMATS = {
    "aiperf-records": Format(
        "AIPerf's profile_export.jsonl",
        _record_rows,
        lambda head: {"metadata", "metrics"} <= head.first_line_fields.keys(),
        runs=_record_runs,
    ),
    "aiperf": Format(
        "summaries of AIPerf and genai-perf (profile_export_aiperf.json, …_genai_perf.json)",
        _no_requests,
        lambda head: {"request_latency", "input_sequence_length"} <= head.fields.keys(),
        runs=summary_runs,
    ),
}
