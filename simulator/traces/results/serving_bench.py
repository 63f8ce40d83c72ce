"""Results of ``vllm bench serve`` and ``sglang.bench_serving``, old and new field names.

vLLM writes one object, SGLang a line for each run. Both count TPOT over the tokens after the first.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.format import Format, Head
from simulator.traces.json_text import json_object, json_objects
from simulator.traces.launch.read import settings_of
from simulator.traces.results.measured_run import (
    MeasuredRun,
    load_of,
    needed,
    number,
    positive,
)
from simulator.traces.row import Row, seconds, tokens

_MS = {
    "ttft_s": ("mean_ttft_ms",),
    "tpot_s": ("mean_tpot_ms",),
    "e2e_s": ("mean_e2el_ms", "mean_e2e_latency_ms"),
    "ttft_p50_s": ("median_ttft_ms",),
    "tpot_p50_s": ("median_tpot_ms",),
    "ttft_p99_s": ("p99_ttft_ms",),
    "tpot_p99_s": ("p99_tpot_ms",),
}
_RATES = {
    "output_tokens_per_s": ("output_throughput",),
    "total_tokens_per_s": ("total_token_throughput", "total_throughput"),
    "requests_per_s": ("request_throughput",),
}
_ENGINES = {"vllm": "vllm", "openai": "vllm", "openai-chat": "vllm", "sglang": "sglang"}
_ENGINES |= {"sglang-oai": "sglang", "sglang-native": "sglang", "sglang-oai-chat": "sglang"}
_ENGINES |= {"sglang-embedding": "sglang", "trt": "trtllm", "tensorrt-llm": "trtllm"}
"""The engines that a client's ``backend`` speaks to; ``openai`` is what vLLM's own is called."""

_OWN = {"tp", "pp", "dp", "ep", "cp", "dcp", "engine", "precision", "kv_precision", "replicas"}
"""Keys of ``--metadata`` that are fields of a deployment."""


def is_result(fields: Mapping[str, Any]) -> bool:
    """Whether a JSON object is the result of one run of either benchmark."""
    return {"completed", "total_input_tokens", "total_output_tokens", "duration"} <= fields.keys()


def runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    """The run of a vLLM result, or every run of SGLang's lines.

    Raises:
        InputError: not JSON, or a result without completed requests.
    """
    lines = text.strip().splitlines()
    whole = len(lines) == 1 or not is_result(Head(text).first_line_fields)
    found = [(0, json_object(text, path))] if whole else list(json_objects(text, path))
    for line, result in found:
        yield _run(result, path, f"line {line}" if len(found) > 1 else "")


def _run(result: Mapping[str, Any], path: Path, place: str) -> MeasuredRun:
    done = needed(number(result.get("completed")), "completed", path, place)
    isl = needed(number(result.get("total_input_tokens")), "total_input_tokens", path, place)
    osl = needed(number(result.get("total_output_tokens")), "total_output_tokens", path, place)
    users, rate = number(result.get("max_concurrency")), number(result.get("request_rate"))
    drafted = (number(result.get("accept_length")) or 0) > 1 or any(
        str(key).startswith("spec_decode") and value for key, value in result.items()
    )
    backend = str(result.get("backend", ""))
    server = result.get("server_info")
    deployment = {"engine": _ENGINES.get(backend, "vllm"), **_served(server, path, place)}
    deployment |= {name: result[name] for name in sorted(_OWN & result.keys()) if result[name]}
    return MeasuredRun(
        place=place,
        figures=positive(
            {key: _first(result, names, 1e-3) for key, names in _MS.items()}
            | {key: _first(result, names, 1.0) for key, names in _RATES.items()}
        ),
        load={
            "isl": max(1, round(isl / done)),
            "osl": max(1, round(osl / done)),
            **load_of(users, rate, done),
            "requests": round(done),
        },
        deployment=deployment,
        model=str(result.get("model_id") or result.get("model") or _model_of(server)),
        hardware=str(result.get("hardware") or ""),
        source=f"{backend or 'bench'} of {result.get('date', 'unknown date')}",
        unasked="its answers were drafted (speculation)" if drafted else "",
    )


def _first(result: Mapping[str, Any], names: tuple[str, ...], unit: float) -> float | None:
    values = (number(result.get(name)) for name in names)
    found = next((value for value in values if value is not None), None)
    return None if found is None else found * unit


_ARGUMENTS = (
    "tp_size", "pp_size", "dp_size", "ep_size", "enable_dp_attention", "attn_dp_size",
    "attn_cp_size", "moe_a2a_backend", "kv_cache_dtype", "mem_fraction_static",
    "chunked_prefill_size", "max_running_requests", "page_size", "disable_radix_cache",
    "enable_mixed_chunk",
)  # fmt: skip
"""What ``server_info`` holds of SGLang's own arguments that a prediction asks for."""


def _served(server: object, path: Path, place: str) -> dict[str, Any]:
    """The deployment in ``server_info``, as SGLang's own arguments say it."""
    if not isinstance(server, dict):
        return {}
    try:
        return settings_of("sglang", server, _ARGUMENTS)
    except InputError as error:
        where = f"{place}: server_info".removeprefix(": ")
        name = (error.file or "").rpartition(": ")[2]
        raise InputError(
            f"{name}: {error.problem}", file=path, field=where, remedy=error.remedy
        ) from None


def _model_of(server: object) -> str:
    return str(server.get("model_path") or "") if isinstance(server, dict) else ""


def rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    """The requests of a detailed result, to be sent again; failed ones are left out.

    Raises:
        InputError: the result keeps no requests.
    """
    whole = not is_result(Head(text).first_line_fields)
    result = json_object(text, path) if whole else next(json_objects(text, path))[1]
    inputs, outputs = result.get("input_lens"), result.get("output_lens")
    starts, errors = result.get("start_times"), result.get("errors") or []
    if not (isinstance(inputs, list) and isinstance(outputs, list) and isinstance(starts, list)):
        raise InputError(
            "a benchmark's result without its requests (start_times, input_lens, output_lens)",
            file=path,
            remedy="run the benchmark with --save-detailed, or serve its means: roofsim import "
            f"bench {path}",
        )
    if not isinstance(errors, list):
        raise InputError("errors is not a list", file=path, field="errors")
    if not len(inputs) == len(outputs) == len(starts):
        raise InputError("input_lens, output_lens and start_times differ in length", file=path)
    found = [
        Row(
            index + 1,
            seconds(start, "start_times", 1.0, path, index + 1),
            tokens(size, "input_lens", path, index + 1),
            tokens(answer, "output_lens", path, index + 1),
        )
        for index, (size, answer, start) in enumerate(zip(inputs, outputs, starts, strict=True))
        if index >= len(errors) or not errors[index]
    ]
    return iter(sorted(found, key=lambda row: row.arrival_s))


SERVING_BENCH = Format(
    "results of vllm bench serve and sglang.bench_serving",
    rows,
    lambda head: is_result(head.fields) or "input_lens" in head.fields,
    runs=runs,
)
