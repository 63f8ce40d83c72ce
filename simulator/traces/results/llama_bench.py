"""llama-bench: JSON, JSON lines, CSV, and the table that people paste.

``pp512`` reads a prompt of 512 tokens, ``tg128`` writes 128, ``@ d4096`` does so behind as many.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.csv_text import csv_lines
from simulator.specs.workload import Trace
from simulator.traces.format import Format, Head
from simulator.traces.json_text import json_document, json_objects
from simulator.traces.results.measured_run import MeasuredRun, Phase, needed, number
from simulator.traces.row import Row, bad_row

_NEEDED = frozenset({"n_prompt", "n_gen", "avg_ts"})
_TEST = re.compile(r"(?:pp(\d+))?\+?(?:tg(\d+))?(?:\s*@\s*d(\d+))?")
_FORMATS = {
    "all f32": "fp32", "f16": "fp16", "bf16": "bf16", "q8_0": "q8_0", "q6_k": "q6_k",
    "q5_k - medium": "q5_k_m", "q5_0": "q5_0", "q4_k - medium": "q4_k_m", "q4_k - small": "q4_k_s",
    "q4_1": "q4_1", "q4_0": "q4_0", "iq4_xs - 4.25 bpw": "iq4_xs", "q3_k - medium": "q3_k_m",
    "q2_k - medium": "q2_k", "mxfp4 moe": "mxfp4",
}  # fmt: skip
"""How llama.cpp names a file's type, and how a scenario does."""

_SUFFIX = re.compile(
    r"[-._](?:q\d\w*|iq\d\w*|f16|f32|bf16|fp16|mxfp4\w*|gguf|ggml|ud|imatrix|\d+-of-\d+)(?=[-._]|$)",
    re.IGNORECASE,
)


def _table_runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    """Rows of the table; its first columns are the model, its last the test and the speed."""
    header: list[str] = []
    for line, content in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in content.strip().strip("|").split("|")]
        if not content.strip().startswith("|") or set(content) <= set("|-: \t"):
            continue
        if "test" in cells and "t/s" in cells:
            header = cells
            continue
        if not header:
            continue
        if len(cells) != len(header):
            raise bad_row(
                path, line, f"expected {len(header)} columns, found {len(cells)}",
                "is the line whole? take it out if not",
            )  # fmt: skip
        fields = dict(zip(header, cells, strict=True))
        test = _TEST.fullmatch(fields["test"])
        if test is None or not any(test.groups()[:2]):
            raise bad_row(path, line, f"the test {fields['test']!r} is not known")
        prompt, answer, depth = (int(part or 0) for part in test.groups())
        speed = number(fields["t/s"].split("±")[0].strip())
        yield _run(
            {
                "n_prompt": prompt, "n_gen": answer, "n_depth": depth, "avg_ts": speed,
                "model_type": fields.get("model", ""), "backends": fields.get("backend", ""),
                "type_k": fields.get("type_k", ""),
            },
            path, f"line {line}",
        )  # fmt: skip


def _json_runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    if text.lstrip().startswith("["):
        found = json_document(text, path)
        rows = list(enumerate(found if isinstance(found, list) else [], start=1))
    else:
        rows = list(json_objects(text, path))
    for index, fields in rows:
        if not isinstance(fields, dict):
            raise bad_row(path, index, "expected an object")
        yield _run(fields, path, f"row {index}")


def _csv_runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    lines = csv_lines(text, path)
    _, header = next(lines)
    for line, cells in lines:
        if len(cells) != len(header):
            raise bad_row(path, line, f"expected {len(header)} columns, found {len(cells)}")
        yield _run(dict(zip(header, cells, strict=True)), path, f"line {line}")


def _run(fields: Mapping[str, Any], path: Path, place: str) -> MeasuredRun:
    speed = needed(number(fields.get("avg_ts")), "avg_ts", path, place)
    prompt, answer, depth = (
        int(number(fields.get(key)) or 0) for key in ("n_prompt", "n_gen", "n_depth")
    )
    model, precision = _model(fields)
    layers = number(fields.get("n_gpu_layers"))
    deployment: dict[str, Any] = {"engine": "llamacpp"}
    if precision:
        deployment["precision"] = precision
    unasked = "a prompt behind a filled cache has no step of its own" if prompt and depth else ""
    if layers == 0 and fields.get("gpu_info"):
        unasked = "its layers ran on the host's processor (-ngl 0): name it as the device"
    phase: Phase = "decode"
    load: dict[str, Any] = {"batch": 1, "context": max(1, depth + answer // 2)}
    figures = {"output_tokens_per_s": speed}
    if prompt and answer:
        phase, load = "run", {"batch": 1, "isl": prompt, "osl": answer}
        figures = {"total_tokens_per_s": speed}
    elif prompt:
        phase, load = "prefill", {"batch": 1, "context": prompt}
        figures = {"step_time_s": prompt / speed}
    return MeasuredRun(
        place=place,
        phase=phase,
        figures=figures,
        load=load,
        deployment=deployment,
        model=model,
        hardware=str(fields.get("gpu_info") or fields.get("cpu_info") or ""),
        source=f"llama-bench, {fields.get('backends') or fields.get('build_commit') or ''}",
        unasked=unasked,
    )


def _model(fields: Mapping[str, Any]) -> tuple[str, str]:
    """The model's name and its format, from the file's name or the type that the table has."""
    kind = str(fields.get("model_type", "")).strip()
    words = kind.split()
    precision = next(
        (ours for theirs, ours in _FORMATS.items() if kind.lower().endswith(f" {theirs}")), ""
    )
    stem = re.split(r"[/\\]", str(fields.get("model_filename") or ""))[-1]
    name = _SUFFIX.sub("", stem.removesuffix(".gguf")) if stem else "-".join(words[:2])
    return name.lower(), precision


def _rows(_text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    raise InputError(
        "llama-bench measures steps and keeps no requests",
        file=path,
        remedy=f"compare it with predictions: roofsim validate --data {path}",
    )


def _has_columns(head: Head) -> bool:
    return {column.strip('"') for column in head.columns} >= _NEEDED


def _has_table(head: Head) -> bool:
    return any(
        line.strip().startswith("|") and "t/s" in line and "test" in line
        for line in head.text[:_FAR].splitlines()
    )


_FAR = 20_000
"""Characters in which the heading of a pasted table must come."""

_DESCRIBED = "llama-bench (JSON, CSV, or its table)"
LLAMA_BENCH_FORMATS = {
    "llama-bench": Format(
        _DESCRIBED, _rows, lambda head: head.fields.keys() >= _NEEDED, runs=_json_runs
    ),
    "llama-bench-csv": Format(_DESCRIBED, _rows, _has_columns, runs=_csv_runs, is_table=True),
    "llama-bench-table": Format(_DESCRIBED, _rows, _has_table, runs=_table_runs),
}
