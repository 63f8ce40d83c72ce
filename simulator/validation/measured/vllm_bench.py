"""Results of ``vllm bench serve --save-result`` and ``sglang.bench_serving`` (JSON)."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.errors import InputError
from simulator.validation.measured.point import Point


def is_bench_result(document: Mapping[str, Any]) -> bool:
    """Whether a JSON document is the result of one benchmark run of a server."""
    return {"completed", "total_input_tokens", "total_output_tokens", "duration"} <= set(document)


def bench_points(document: Mapping[str, Any], hardware: str | None) -> Iterator[Point]:
    """TTFT and TPOT of the run, asked as a serving point of its mean lengths.

    A run of one request at a time is also a decode step of batch 1, which calibrations can use.
    Keys that ``--metadata`` added (tp, precision, engine, …) describe the deployment.

    Raises:
        InputError: the result does not tell the hardware or the model.
    """
    device = hardware or document.get("hardware")
    model = document.get("model_id") or document.get("model")
    if not device or not model:
        raise InputError(
            "the result does not tell the hardware or the model",
            field="device",
            remedy="name the device, or add --metadata hardware=... when benchmarking",
        )
    completed = max(int(document["completed"]), 1)
    isl = round(document["total_input_tokens"] / completed)
    osl = round(document["total_output_tokens"] / completed)
    asked: dict[str, Any] = {"engine": str(document.get("engine") or _engine(document))}
    for name in ("precision", "kv_precision"):
        if document.get(name):
            asked[name] = str(document[name])
    for name in ("tp", "ep", "dp", "pp"):
        if document.get(name):
            asked[name] = int(document[name])
    users, rate = document.get("max_concurrency"), document.get("request_rate")
    load: dict[str, Any] = {"isl": isl, "osl": osl}
    if users:
        load["concurrency"] = int(users)
    elif rate not in (None, "inf", "trace"):
        load["rate"] = float(str(rate))
    else:
        load["concurrency"] = completed
    source = f"{document.get('backend', 'bench')} of {document.get('date', 'unknown date')}"
    slug = str(model).split("/")[-1].lower()
    for name in ("ttft", "tpot"):
        value = document.get(f"mean_{name}_ms")
        if value:
            seconds = float(value) / 1e3
            yield Point(str(device), slug, "serve", f"{name}_s", seconds, {**asked, **load}, source)
    if users and int(users) == 1 and document.get("mean_tpot_ms"):
        step = {"batch": 1, "context": isl + osl // 2}
        seconds = float(document["mean_tpot_ms"]) / 1e3
        yield Point(str(device), slug, "decode", "step_time_s", seconds, {**asked, **step}, source)


def _engine(document: Mapping[str, Any]) -> str:
    backend = str(document.get("backend", ""))
    return next((e for e in ("vllm", "sglang", "trtllm") if e in backend), "vllm")
