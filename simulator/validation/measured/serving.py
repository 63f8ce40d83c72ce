"""Serving points at a fixed number of requests in flight, as a CSV of InferenceX dumps.

Columns: ``silicon_data_source, backend, model_path, system, precision, mode, isl, osl,
gemm_quant_mode, moe_quant_mode, tp_size, attention_dp_size, moe_ep_size, silicon_ttft_ms,
silicon_tpot_ms``. The client draws both lengths evenly from 0.8 of them upwards.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.validation.measured.inferencex import Run, is_drafted, settings_of, vllm_of
from simulator.validation.measured.point import Point

_SYSTEMS = {"h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm", "b200_sxm": "b200"}
_MODELS = {
    "Llama-3.1-8B": "llama-3.1-8b",
    "Llama-3.1-70B": "llama-3.1-70b",
    "Qwen3-32B": "qwen3-32b",
    "Qwen3-235B-A22B": "qwen3-235b-a22b",
    "Qwen3.5-397B-A17B": "qwen3.5-397b-a17b",
    "DeepSeek-R1": "deepseek-r1",
    "DeepSeek-V3": "deepseek-v3",
    "gpt-oss-120b": "gpt-oss-120b",
}
_OTHER_CLIENT = re.compile(r"auto-gap-analysis")
_MEASURED = re.compile(r"measured=(\d{4}-\d\d-\d\d)")
_CONCURRENCY = re.compile(r"silicon_concurrency=(\d+)")
LENGTH_SPREAD = 0.2
"""Lengths are drawn from (1 - spread) upwards."""


def is_serving_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"silicon_ttft_ms", "silicon_tpot_ms", "backend"} <= set(columns)


def serving_points(path: Path) -> Iterator[Point]:
    """TTFT and TPOT of the rows that one machine of NVLink-joined devices serves by itself."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield from _points(row)


def _points(row: Mapping[str, str]) -> Iterator[Point]:
    in_flight = _CONCURRENCY.search(row["silicon_data_source"])
    model = next((slug for name, slug in _MODELS.items() if name in row["model_path"]), None)
    hardware = _SYSTEMS.get(row["system"])
    tp, dp = _whole(row["tp_size"]), _whole(row["attention_dp_size"]) or 1
    if row["mode"] != "agg" or in_flight is None or model is None or hardware is None:
        return
    if dp > 1 or tp > _LARGEST_NODE:
        return
    asked: dict[str, Any] = {
        "engine": row["backend"],
        "precision": _precision(row, model),
        "kv_precision": _cache(row),
        "tp": tp,
        "ep": max(1, _whole(row["moe_ep_size"])),
        "isl": _whole(row["isl"]),
        "osl": _whole(row["osl"]),
        "concurrency": int(in_flight.group(1)),
        "length_spread": LENGTH_SPREAD,
    }
    # Requests in flight are counted over all replicas, the batch size for one.
    replicas = round(int(in_flight.group(1)) / max(_whole(row["batch_size"]), 1))
    if replicas > 1:
        asked["devices"] = tp * replicas
    source = row["silicon_data_source"]
    unasked = ""
    if _OTHER_CLIENT.search(source):
        settings = _other_settings(row)
    else:
        load = asked["isl"], asked["osl"], asked["concurrency"]
        day = _MEASURED.search(source)
        version = row["backend_version"], day.group(1) if day else ""
        run = Run(row["backend"], hardware, model, row["precision"], tp, *load, *version)
        settings, unasked = settings_of(run), _DRAFTED if is_drafted(run) else ""
    # The client starts all of its users together; what no recipe says of the cache is 16 bits.
    kept = {} if asked["kv_precision"] else {"kv_precision": "bf16"}
    settings = {"start": "together", **kept} | settings
    for column, quantity in (("silicon_tpot_ms", "tpot_s"), ("silicon_ttft_ms", "ttft_s")):
        if row[column]:
            value = float(row[column]) / 1e3
            yield Point(
                hardware, model, "serve", quantity, value, asked, source,
                settings=settings, unasked=unasked,
            )  # fmt: skip


_LARGEST_NODE = 8


def _other_settings(row: Mapping[str, str]) -> dict[str, Any]:
    """What is known of runs that were not InferenceX's.

    Llama 3.1 8B on vLLM answers faster than its prompts can be computed. Its client repeats the
    hundred prompts that AIPerf draws by default, and vLLM keeps their prefixes. TensorRT-LLM
    served prompts of more than a step's tokens, which it refuses unless that limit is raised.
    """
    if row["backend"] == "trtllm":
        if row["backend_version"].startswith("1.0."):
            return {"engine": "trtllm-1.0"}
        prompt = _whole(row["isl"])
        return {"max_batched_tokens": prompt} if prompt > _STEP_TOKENS else {}
    if row["backend"] == "vllm" and "Llama-3.1-8B" in row["model_path"]:
        repeated = {"distinct_prompts": _AIPERF_PROMPTS, "length_spread": 0.0}
        return repeated | vllm_of(row["backend_version"])
    return vllm_of(row["backend_version"]) if row["backend"] == "vllm" else {}


_AIPERF_PROMPTS = 100
_STEP_TOKENS = 8192
_DRAFTED = "its answers were drafted (multi-token prediction), which nothing predicts yet"


def _cache(row: Mapping[str, str]) -> str | None:
    """What the benchmark's recipes store the cache in; the table does not say.

    TensorRT-LLM quantises it; so do the Blackwell recipes of vLLM, and SGLang's for DeepSeek.
    """
    if row["precision"] == "bf16":
        return None
    blackwell = row["system"].startswith("b200")
    narrow = row["backend"] == "trtllm" or (
        blackwell and (row["backend"] == "vllm" or "DeepSeek" in row["model_path"])
    )
    return "fp8" if narrow else None


def _precision(row: Mapping[str, str], model: str) -> str:
    """The stored format: 4-bit checkpoints differ in what they leave wider."""
    if row["precision"] == "bf16":
        return "bf16"
    if row["precision"] == "fp8":
        if row["moe_quant_mode"] == "fp8_block" and "llama" not in model:
            return "fp8_block"
        return row["gemm_quant_mode"] if row["gemm_quant_mode"] in ("fp8", "fp8_block") else "fp8"
    if model == "gpt-oss-120b":
        return "mxfp4"
    return "nvfp4_experts" if model.startswith("deepseek") else "nvfp4"


def _whole(text: str) -> int:
    return int(float(text)) if text else 0
