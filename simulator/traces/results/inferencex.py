"""InferenceX's aggregates (``agg_<name>.json``), one run a file or a list of them.

Its client draws both lengths evenly from 0.8 of them upwards. Throughput is told per device; that
of answers per device of the pool that answers, where there are two.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.specs.precision import precision as stored
from simulator.specs.workload import Trace
from simulator.traces.format import Format
from simulator.traces.json_text import json_document
from simulator.traces.results.measured_run import MeasuredRun, needed, number, positive
from simulator.traces.row import Row

_HARDWARE = {
    "h100": "h100-sxm", "h200": "h200-sxm", "b200": "b200", "b300": "b300", "mi300x": "mi300x",
    "mi325x": "mi325x", "mi355x": "mi355x", "gb200": "gb200", "gb300": "gb300",
}  # fmt: skip
_ENGINES = {
    "vllm": "vllm", "sglang": "sglang", "trt": "trtllm", "trtllm": "trtllm",
    "dynamo-trt": "trtllm", "dynamo-trtllm": "trtllm", "dynamo-sglang": "sglang",
    "dynamo-vllm": "vllm", "sglang-disagg": "sglang",
}  # fmt: skip
SPREAD = 0.2
_NAMES = {"ttft": "ttft", "tpot": "tpot", "e2el": "e2e", "e2e_latency": "e2e"}


def _runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    found = json_document(text, path)
    results = found if isinstance(found, list) else [found]
    for index, result in enumerate(results):
        place = f"[{index}]" if len(results) > 1 else ""
        if not isinstance(result, dict):
            raise InputError("expected an object", file=path, field=place)
        yield _run(result, path, place)


def _run(result: Mapping[str, Any], path: Path, place: str) -> MeasuredRun:
    load = {
        name: round(needed(number(result.get(key)), key, path, place))
        for name, key in (("isl", "isl"), ("osl", "osl"), ("concurrency", "conc"))
    }
    two_pools = result.get("disagg") is True
    deployment = _pools(result) if two_pools else _layout(result, "")
    name = str(result.get("framework", "")).lower()
    deployment["engine"] = _ENGINES.get(name, name or "vllm")
    asked = str(result.get("precision", "")).lower()
    precision = _precision(asked, str(result.get("model", "")), str(result.get("hw", "")))
    if precision:
        deployment["precision"] = precision
    drafted = str(result.get("spec_decoding", "none")) not in ("none", "", "None")
    hardware = str(result.get("hw", "")).lower().split("-")[0].split()
    device = hardware[0] if hardware else ""
    return MeasuredRun(
        place=place,
        figures=positive(_figures(result, _devices(result, two_pools))),
        load={**load, "length_spread": SPREAD},
        deployment=deployment,
        model=str(result.get("model", "")),
        hardware=_HARDWARE.get(device, device),
        source=f"InferenceX, {result.get('image', '')}".rstrip(", "),
        notes=("lengths are drawn evenly from 0.8 of isl and osl upwards, as its client does",)
        + ((f"fp4 is taken as {precision}",) if precision and asked == "fp4" else ()),
        unasked="its answers were drafted (speculation)" if drafted else "",
    )


_FOUR_BITS = 0.75
"""Bytes of a weight, its scales among them, that a four-bit format stays below."""


def _precision(asked: str, model: str, hardware: str) -> str | None:
    """How weights are stored; None where the checkpoint is so by itself."""
    try:
        own = catalogue.model(model).weight_precision if model else ""
    except InputError:
        # Whoever predicts it says that the model is not known.
        own = ""
    if asked == "fp4":
        if own and stored(own).weight_bytes < _FOUR_BITS:
            return None
        return "mxfp4" if hardware.lower().startswith("mi") else "nvfp4"
    if not asked or (asked == "fp8" and own.startswith("fp8")):
        return None
    return asked


def _figures(result: Mapping[str, Any], devices: tuple[float, float]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for theirs, ours in _NAMES.items():
        for key, suffix in (("mean_{}", ""), ("median_{}", "_p50"), ("p99_{}", "_p99"),
                            ("{}_p50", "_p50"), ("{}_p99", "_p99")):  # fmt: skip
            value = number(result.get(key.format(theirs)))
            if value is not None:
                found[f"{ours}{suffix}_s"] = value
    whole, answers = devices
    for key, name, count in (
        ("total_tokens_per_s", "tput_per_gpu", whole),
        ("output_tokens_per_s", "output_tput_per_gpu", answers),
    ):
        value = number(result.get(name))
        found[key] = None if value is None else value * count
    return found


def _devices(result: Mapping[str, Any], two_pools: bool) -> tuple[float, float]:
    """Devices of all pools, and of the one that answers."""
    if two_pools:
        answers = number(result.get("num_decode_gpu")) or 0.0
        return (number(result.get("num_prefill_gpu")) or 0.0) + answers, answers
    count = (number(result.get("tp")) or 1.0) * (number(result.get("pp")) or 1.0)
    return count, count


def _layout(result: Mapping[str, Any], pool: str) -> dict[str, Any]:
    """The degrees of one pool; with attention's data parallelism every rank has its own."""
    tp = int(number(result.get(f"{pool}tp")) or 1)
    spread = str(result.get(f"{pool}dp_attention", "false")).lower() == "true"
    found: dict[str, Any] = {"tp": 1, "dp": tp} if spread else {"tp": tp}
    for field, name in (("pp", "pp"), ("ep", "ep"), ("dcp", "dcp_size"), ("cp", "pcp_size")):
        degree = int(number(result.get(f"{pool}{name}")) or 1)
        if degree > 1:
            found[field] = degree
    return found


def _pools(result: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("prefill", "decode"):
        replicas = int(number(result.get(f"{name}_num_workers")) or 1)
        found[name] = {**_layout(result, f"{name}_"), "replicas": replicas}
    return found


def _rows(_text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    raise InputError(
        "an aggregate of InferenceX keeps no requests",
        file=path,
        remedy=f"serve its load: roofsim import bench {path}",
    )


INFERENCEX = Format(
    "InferenceX's aggregates (agg_….json)",
    _rows,
    lambda head: {"hw", "conc", "isl", "osl"} <= head.fields.keys(),
    runs=_runs,
)
