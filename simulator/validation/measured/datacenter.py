"""Published speeds of data-centre accelerators, as a long CSV table.

Columns: ``source, device_norm, n_devices, model, weight_precision, engine, parallelism, scenario,
isl, osl, concurrency_or_batch, metric, value, notes, spec_decode, quality, part``. Static
batches of known lengths say enough to be predicted (phase ``run``), and so does the time a token
of a batch that only decodes (phase ``decode``). Rows of a server at saturation do not: their
tables leave out how long the prompts were.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.validation.measured.mlenergy import PART, disturbed_groups, mlenergy_point
from simulator.validation.measured.point import Point

_DEVICES = {
    "NVIDIA H100 SXM": "h100-sxm",
    "NVIDIA A100": "a100-sxm-80gb",
    "NVIDIA H200 SXM": "h200-sxm",
    "NVIDIA B200": "b200",
    "AMD MI300X": "mi300x",
    "AMD MI325X": "mi325x",
    "NVIDIA A100 40GB": "a100-sxm-40gb",
    "AMD MI250": "mi250",
    "NVIDIA RTX PRO 6000 BSE": "rtx-pro-6000",
    "Intel Gaudi 2": "gaudi-2",
    "AWS Inferentia2": "inferentia2",
    "NVIDIA L40S": "l40s",
    "Intel Max 1550": "max-1550",
    "AWS Trainium1": "trainium1",
    "NVIDIA B300": "b300",
    "Huawei Ascend 910B (A2)": "ascend-910b",
    "Google TPU v6e": "tpu-v6e",
}
_DEVICES_OF_A_PACKAGE = {"mi250": 2}
"""Devices that software sees in what a table counts as one."""
_MODELS = (
    (r"Llama-2-7b|llama-7b", "llama-2-7b"),
    (r"Llama-2-13b", "llama-2-13b"),
    (r"Llama-2-70b|llama2-70b", "llama-2-70b"),
    (r"Llama-3(\.[13])?-8B", "llama-3.1-8b"),
    (r"Llama-3(\.[13])?-70B", "llama-3.1-70b"),
    (r"Llama-3\.1-405B", "llama-3.1-405b"),
    (r"Mistral-7B", "mistral-7b"),
    (r"Mixtral-8x7B", "mixtral-8x7b"),
    (r"Qwen2-7B", "qwen2.5-7b"),
    (r"Qwen2-72B", "qwen2.5-72b"),
    (r"Qwen3-8B", "qwen3-8b"),
    (r"Qwen3-14B", "qwen3-14b"),
    (r"Qwen3-32B", "qwen3-32b"),
    (r"Qwen3-30B-A3B", "qwen3-30b-a3b"),
    (r"Qwen3-235B-A22B", "qwen3-235b-a22b"),
    (r"Qwen3-Coder-480B", "qwen3-coder-480b-a35b"),
    (r"gemma-3-12b", "gemma-3-12b"),
    (r"gemma-3-27b", "gemma-3-27b"),
    (r"gpt-oss-20b", "gpt-oss-20b"),
    (r"gpt-oss-120b", "gpt-oss-120b"),
    (r"MiniMax-M2\.5", "minimax-m2.5"),
)
_PRECISIONS = {
    "": "bf16", "bfloat16": "bf16", "bf16": "bf16", "fp16": "bf16", "fp8": "fp8", "int8": "w8a16",
    "mxfp4": "mxfp4", "nvfp4": "nvfp4",
}  # fmt: skip
_ENGINES_OF = {
    "llm_inference_bench": {"vLLM": "vllm-v0", "TensorRT-LLM": "trtllm-2024"},
    "rocm_vllm": {"vLLM": "vllm-2025"},
    "aws_neuron": {},
    "manual": {"vLLM": "vllm", "vllm-ascend": "vllm-ascend-2025"},
}
"""Profiles of the engines of each part of the table, by the first word of their names."""


def is_datacenter_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"device_norm", "concurrency_or_batch", "metric", "quality"} <= set(columns)


def datacenter_points(path: Path) -> Iterator[Point]:
    """The rows that say enough and that the catalogue can answer."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    disturbed = disturbed_groups(rows)
    for row in rows:
        ours = row["part"] == PART
        point = mlenergy_point(row, disturbed) if ours else datacenter_point(row)
        if point is not None:
            yield point


def datacenter_point(row: Mapping[str, str]) -> Point | None:
    """One row as a point, or None where it leaves open what was run."""
    hardware = _DEVICES.get(row["device_norm"])
    model = next((s for p, s in _MODELS if re.search(p, row["model"], re.IGNORECASE)), None)
    precision = _PRECISIONS.get(row["weight_precision"])
    if row["part"] not in _ENGINES_OF or None in (hardware, model, precision):
        return None
    if row["quality"] == "inferred" or row["spec_decode"] == "yes" or _DRAFTS in row["notes"]:
        return None
    # No profile tells what DeepSpeed-MII adds on GPUs.
    if row["engine"].startswith("Deepspeed-MII"):
        return None
    packages = int(float(row["n_devices"] or 1))
    devices = packages * _DEVICES_OF_A_PACKAGE.get(str(hardware), 1)
    engine = _ENGINES_OF[row["part"]].get(row["engine"].split(" ")[0], "generic")
    asked: dict[str, Any] = {"engine": engine, "precision": precision, "tp": devices}
    texts = {"isl": row["isl"], "osl": row["osl"], "batch": row["concurrency_or_batch"]}
    if not all(text.isdigit() for text in texts.values()):
        return None
    lengths = {name: int(text) for name, text in texts.items()}
    if row["metric"] == "tpot_ms":
        return _decoding(row, str(hardware), str(model), asked, lengths)
    if row["part"] == "aws_neuron" and row["metric"] == "ttft_ms":
        prompts = {"batch": lengths["batch"], "context": lengths["isl"]}
        question, value = {**asked, **prompts}, float(row["value"]) / 1e3
        return Point(str(hardware), str(model), "prefill", "ttft_s", value, question, row["source"])
    if row["part"] == "aws_neuron" or row["scenario"] == "server":
        # The same runs as their time a token, and no static batch.
        return None
    return _static(row, str(hardware), str(model), {**asked, **lengths})


_DRAFTS = "SPEC DECODE"
"""Stands in the notes of rows whose answers were drafted."""


def _decoding(
    row: Mapping[str, str],
    hardware: str,
    model: str,
    asked: dict[str, Any],
    lengths: Mapping[str, int],
) -> Point:
    """The time a token at a batch that stays: of a static one, or of as many users in a loop."""
    value, users = float(row["value"]) / 1e3, lengths["batch"]
    if row["scenario"] == "server":
        served = {"isl": lengths["isl"], "osl": lengths["osl"], "concurrency": users}
        return Point(hardware, model, "serve", "tpot_s", value, {**asked, **served}, row["source"])
    context = lengths["isl"] + lengths["osl"] // 2
    steps = {"batch": users, "context": context}
    return Point(hardware, model, "decode", "tpot_s", value, {**asked, **steps}, row["source"])


def _static(
    row: Mapping[str, str], hardware: str, model: str, question: dict[str, Any]
) -> Point | None:
    """A fixed batch, all of it started together; ``total`` counts prompts and answers."""
    if row["part"] == "rocm_vllm":
        question |= {"kv_precision": "fp8", "max_sequences": question["batch"]}
    quantity = {"total_tok_s": "total_tokens_per_s", "output_tok_s_total": "output_tokens_per_s"}
    if row["metric"] not in quantity:
        return None
    value = float(row["value"])
    return Point(hardware, model, "run", quantity[row["metric"]], value, question, row["source"])
