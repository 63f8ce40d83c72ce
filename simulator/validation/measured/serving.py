"""Serving points at a fixed number of requests in flight, as a CSV of InferenceX dumps.

Columns: ``silicon_data_source, backend, model_path, system, precision, mode, isl, osl,
gemm_quant_mode, moe_quant_mode, tp_size, attention_dp_size, moe_ep_size, silicon_ttft_ms,
silicon_tpot_ms``. The client draws both lengths evenly from 0.8 of them upwards.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.validation.measured.inferencex import (
    Run,
    drafting_of,
    is_drafted,
    settings_of,
    vllm_of,
)
from simulator.validation.measured.point import Point
from simulator.validation.measured.row import Row, UnaskedError, number, rows_of, whole
from simulator.validation.systems import SYSTEMS

_MODELS = {
    "Llama-3.1-8B": "llama-3.1-8b",
    "Llama-3.1-70B": "llama-3.1-70b",
    "Llama-3.3-70B": "llama-3.3-70b",
    "Llama-3.1-405B": "llama-3.1-405b",
    "Qwen3-8B": "qwen3-8b",
    "Qwen3-14B": "qwen3-14b",
    "Qwen3-32B": "qwen3-32b",
    "Qwen3-30B-A3B": "qwen3-30b-a3b",
    "Qwen3-235B-A22B": "qwen3-235b-a22b",
    "Qwen3-Coder-480B": "qwen3-coder-480b-a35b",
    "Qwen3.5-397B-A17B": "qwen3.5-397b-a17b",
    "DeepSeek-R1": "deepseek-r1",
    "DeepSeek-V3.2": "deepseek-v3.2",
    "DeepSeek-V3": "deepseek-v3",
    "DeepSeek-V4-Pro": "deepseek-v4-pro",
    "DeepSeek-V4-Flash": "deepseek-v4-flash",
    "gpt-oss-120b": "gpt-oss-120b",
    "gpt-oss-20b": "gpt-oss-20b",
    "Kimi-K2.5": "kimi-k2.5",
    "Kimi-K2": "kimi-k2",
    "GLM-5": "glm-5",
    "MiniMax-M2.5": "minimax-m2.5",
    "MiniMax-M3": "minimax-m3",
}
_OTHER_CLIENT = re.compile(r"auto-gap-analysis")
_MEASURED = re.compile(r"measured=(\d{4}-\d\d-\d\d)")
_CONCURRENCY = re.compile(r"silicon_concurrency=(\d+)")
LENGTH_SPREAD = 0.2
"""Lengths are drawn from (1 - spread) upwards."""
_BACKENDS = ("vllm", "sglang", "trtllm")


def is_serving_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"silicon_ttft_ms", "silicon_tpot_ms", "backend"} <= set(columns)


def serving_rows(path: Path) -> Iterator[Row]:
    """TTFT and TPOT of every row whose layout and load are known."""
    with path.open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    faster = _faster_twins(records)
    yield from rows_of(records, lambda row: _points(row, is_faster=_run_of(row) in faster))


def _run_of(row: Mapping[str, str]) -> tuple[str, ...]:
    """What was run on which day, and how long a token took."""
    return (*_load_of(row), row["silicon_tpot_ms"])


def _load_of(row: Mapping[str, str]) -> tuple[str, ...]:
    said = row["silicon_data_source"]
    found = (_MEASURED.search(said), _CONCURRENCY.search(said))
    told = (match.group(1) if match else "" for match in found)
    return (*(row.get(name, "") for name in _LOAD), *told)


_LOAD = (
    "backend", "backend_version", "model_path", "system", "precision", "mode", "isl", "osl",
    "tp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size",
)  # fmt: skip


def _faster_twins(records: Sequence[Mapping[str, str]]) -> set[tuple[str, ...]]:
    """Of loads that were run more than once on a day, the runs whose tokens took least."""
    times: dict[tuple[str, ...], set[str]] = {}
    for row in records:
        if row["silicon_tpot_ms"]:
            times.setdefault(_load_of(row), set()).add(row["silicon_tpot_ms"])
    several = {load: found for load, found in times.items() if len(found) > 1}
    return {(*load, min(found, key=float)) for load, found in several.items()}


def _points(row: Mapping[str, str], *, is_faster: bool = False) -> Iterator[Point]:
    model = next((slug for name, slug in _MODELS.items() if name in row["model_path"]), None)
    if model is None:
        raise UnaskedError(f"no model of the catalogue is the row's: {row['model_path']}")
    hardware = SYSTEMS.get(row["system"])
    if hardware is None:
        raise UnaskedError(f"no device of the catalogue is the row's: {row['system']}")
    if row["backend"] not in _BACKENDS:
        raise UnaskedError(f"no engine is known as {row['backend']!r}")
    if row["mode"] == "disagg":
        yield from _pooled_points(row, model, hardware)
        return
    users = _users(row)
    layout = _layout(row)
    asked = _question(row, model) | layout
    own = layout["tp"] * layout.get("dp", 1)
    ranks = _size(row, "attention_dp_size")
    # Requests in flight are counted over all replicas, the batch size for one rank of attention.
    replicas = round(users / max(whole(row["batch_size"], "batch_size") * ranks, 1))
    if replicas > 1:
        asked["devices"] = own * replicas
    source = row["silicon_data_source"]
    if _OTHER_CLIENT.search(source):
        settings = _other_settings(row)
    else:
        load = asked["isl"], asked["osl"], asked["concurrency"]
        day = _MEASURED.search(source)
        version = row["backend_version"], day.group(1) if day else ""
        run = Run(
            row["backend"], hardware, model, row["precision"], own, *load, *version, is_faster
        )
        settings = settings_of(run)
        if "dp" in layout:
            # The table says how this run was laid out, which the recipe of its day may not.
            settings = {name: v for name, v in settings.items() if name not in ("tp", "dp", "ep")}
        if is_drafted(run):
            settings |= drafting_of(run, settings.get("dp", layout.get("dp", 1)))
    # The client starts all of its users together; what no recipe says of the cache is 16 bits.
    kept = {} if asked["kv_precision"] else {"kv_precision": "bf16"}
    settings = {"start": "together", **kept} | settings
    for quantity, value in _measured(row).items():
        yield Point(hardware, model, "serve", quantity, value, asked, source, settings=settings)


def _question(row: Mapping[str, str], model: str) -> dict[str, Any]:
    """What is asked of any row, whatever its layout."""
    return {
        "engine": row["backend"],
        "precision": _precision(row, model),
        "kv_precision": _cache(row),
        "isl": whole(row["isl"], "isl"),
        "osl": whole(row["osl"], "osl"),
        "concurrency": _users(row),
        "length_spread": LENGTH_SPREAD,
    }


def _pooled_points(row: Mapping[str, str], model: str, hardware: str) -> Iterator[Point]:
    """What was served by pools of their own for prompts and for answers.

    Nothing is known of how their servers were set, but that the client starts all users together.
    """
    asked = _question(row, model)
    for pool in ("prefill", "decode"):
        own = {name: row.get(f"{pool}_{name}", "") for name in _OF_A_POOL}
        if not own["tp_size"]:
            raise UnaskedError("it does not say how its pools for prompts and answers are laid out")
        workers = whole(row.get(f"{pool}_num_workers", ""), "number of workers", 1)
        asked[pool] = {**_layout(own), "replicas": workers}
    for quantity, value in _measured(row).items():
        source = row["silicon_data_source"]
        settings = {"start": "together"}
        yield Point(hardware, model, "serve", quantity, value, asked, source, settings=settings)


_OF_A_POOL = ("tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")


def _measured(row: Mapping[str, str]) -> dict[str, float]:
    """The seconds that a row holds, by what they are of."""
    found = {q: number(row[c], c) / 1e3 for c, q in _FIGURES.items() if row[c]}
    if not found:
        raise UnaskedError("it measures nothing")
    return found


_FIGURES = {"silicon_tpot_ms": "tpot_s", "silicon_ttft_ms": "ttft_s"}


def _users(row: Mapping[str, str]) -> int:
    """Requests in flight over the whole deployment."""
    told = _CONCURRENCY.search(row["silicon_data_source"])
    if told is not None:
        return int(told.group(1))
    if whole(row["batch_size"], "batch_size"):
        return whole(row["batch_size"], "batch_size")
    raise UnaskedError("it does not say how many requests were in flight")


def _layout(row: Mapping[str, str]) -> dict[str, int]:
    """How the devices share the model, by labels that mean different things in different rows.

    ``tp_size`` is the product of both where experts are spread: e² devices by its words are e of
    them. With ranks of attention of their own, the devices are those that share the experts, or
    their root where that product is the number of ranks by the row's words.
    """
    tensors, ranks = (
        whole(row["tp_size"], "tp_size"),
        whole(row["attention_dp_size"], "attention_dp_size") or 1,
    )
    slices, experts = (
        whole(row["moe_tp_size"], "moe_tp_size"),
        max(1, whole(row["moe_ep_size"], "moe_ep_size")),
    )
    if whole(row["pp_size"], "pp_size") > 1:
        raise UnaskedError("its layers were spread over stages of devices")
    if ranks > 1:
        devices = slices * experts
        if tensors > 1 or experts == 1:
            raise UnaskedError("it says of ranks of attention what none of its known layouts does")
        if devices == ranks and (root := math.isqrt(devices)) ** 2 == devices and slices > 1:
            devices = root
        return {"tp": 1, "dp": devices, "ep": devices}
    if tensors == 1 and slices > 1:
        tensors = slices
    elif slices == experts > 1 and experts * experts == tensors:
        tensors = experts
    return {"tp": tensors, "ep": experts}


def _other_settings(row: Mapping[str, str]) -> dict[str, Any]:
    """What is known of runs that were not InferenceX's.

    Llama 3.1 8B on vLLM answers faster than its prompts can be computed. Its client repeats the
    hundred prompts that AIPerf draws by default, and vLLM keeps their prefixes. TensorRT-LLM
    served prompts of more than a step's tokens, which it refuses unless that limit is raised.
    """
    if row["backend"] == "trtllm":
        if row["backend_version"].startswith("1.0."):
            return {"engine": "trtllm-1.0"}
        prompt = whole(row["isl"], "isl")
        return {"max_batched_tokens": prompt} if prompt > _STEP_TOKENS else {}
    if row["backend"] == "vllm" and "Llama-3.1-8B" in row["model_path"]:
        repeated = {"distinct_prompts": _AIPERF_PROMPTS, "length_spread": 0.0}
        return repeated | vllm_of(row["backend_version"])
    return vllm_of(row["backend_version"]) if row["backend"] == "vllm" else {}


_AIPERF_PROMPTS = 100
_STEP_TOKENS = 8192


def _cache(row: Mapping[str, str]) -> str | None:
    """What the benchmark's recipes store the cache in; the table does not say.

    TensorRT-LLM quantises it; so do the Blackwell recipes of vLLM, and SGLang's for DeepSeek.
    """
    if (row["precision"] or _named_precision(row)) == "bf16":
        return None
    blackwell = row["system"].startswith(("b200", "b300", "gb200", "gb300"))
    narrow = row["backend"] == "trtllm" or (
        blackwell and (row["backend"] == "vllm" or "DeepSeek" in row["model_path"])
    )
    return "fp8" if narrow else None


def _precision(row: Mapping[str, str], model: str) -> str:
    """The stored format: 4-bit checkpoints differ in what they leave wider."""
    said = row["precision"] or _named_precision(row)
    if said == "bf16":
        return "bf16"
    if said == "fp8":
        if row["moe_quant_mode"] == "fp8_block" and "llama" not in model:
            return "fp8_block"
        return row["gemm_quant_mode"] if row["gemm_quant_mode"] in ("fp8", "fp8_block") else "fp8"
    if model == "gpt-oss-120b":
        return "mxfp4"
    return "nvfp4_experts" if model.startswith("deepseek") else "nvfp4"


def _named_precision(row: Mapping[str, str]) -> str:
    """What the model's name says of a row that names no precision, else 16 bits."""
    name = row["model_path"].upper()
    return next((p for p, words in _NAMED.items() if any(w in name for w in words)), "bf16")


_NAMED = {"fp4": ("FP4",), "fp8": ("FP8",)}


def _size(row: Mapping[str, str], column: str) -> int:
    """A label of the layout; what is empty or 0 is not split."""
    return max(1, whole(row[column], column))
