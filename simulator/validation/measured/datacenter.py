"""Published speeds of data-centre accelerators, as a long CSV table.

Columns: ``source, device_norm, n_devices, model, weight_precision, engine, parallelism, scenario,
isl, osl, concurrency_or_batch, metric, value, notes, spec_decode, quality, part``. Static
batches of known lengths say enough to be predicted (phase ``run``), and so do the time a token of a
batch that only decodes (phase ``decode``) and loads of known lengths that were served. Rows of a
server at saturation do not: their tables leave out how long the prompts were, or how many requests
were in flight. Every row that is not asked says why.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.validation.measured.mlenergy import PART, disturbed_groups, mlenergy_point
from simulator.validation.measured.point import DRAFTED, Point
from simulator.validation.measured.row import Row, UnaskedError, number, rows_of, whole

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
    "NVIDIA GB200": "gb200-nvl72",
    "NVIDIA GB300": "gb300-nvl72",
    "NVIDIA GH200": "gh200",
    "NVIDIA H200 NVL": "h200-nvl",
    "NVIDIA H100 NVL": "h100-nvl",
    "NVIDIA H100 PCIe": "h100-pcie",
    "NVIDIA L40": "l40",
    "NVIDIA L4": "l4",
    "AMD MI350X": "mi350x",
    "AMD MI355X": "mi355x",
    "Intel Gaudi 3": "gaudi-3",
    "AWS Trainium2": "trainium2",
    "Huawei Ascend 910B (A2)": "ascend-910b",
    "Google TPU v6e": "tpu-v6e",
}
_DEVICES_OF_A_PACKAGE = {"mi250": 2}
"""Devices that software sees in what a table counts as one."""
_MODELS = (
    (r"Llama-2-7b|llama-7b|^LLaMA 7B$", "llama-2-7b"),
    (r"Llama-2-13b", "llama-2-13b"),
    (r"Llama-2-70b|llama2-70b|^LLaMA 70B$", "llama-2-70b"),
    (r"Llama-3(\.[13])?-8B", "llama-3.1-8b"),
    (r"Llama-3(\.[13])?-70B", "llama-3.1-70b"),
    (r"Llama-3\.1-405B", "llama-3.1-405b"),
    (r"Mistral[- ]7B", "mistral-7b"),
    (r"Mixtral[- ]8x7B", "mixtral-8x7b"),
    (r"Falcon 180B", "falcon-180b"),
    (r"GPT-J[- ]6B", "gpt-j-6b"),
    (r"bloom-176b", "bloom-176b"),
    (r"DeepSeek-R1", "deepseek-r1"),
    (r"DeepSeek-V3\.2", "deepseek-v3.2"),
    (r"DeepSeek-V3/R1", "deepseek-v3"),
    (r"Kimi-K2", "kimi-k2"),
    (r"GLM-5", "glm-5"),
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
    "mxfp4": "mxfp4", "nvfp4": "nvfp4", "fp4": "nvfp4",
}  # fmt: skip
_ENGINES_OF: Mapping[str, Mapping[str, str]] = {
    "llm_inference_bench": {"vLLM": "vllm-v0", "TensorRT-LLM": "trtllm-2024"},
    "rocm_vllm": {"vLLM": "vllm-2025"},
    "aws_neuron": {},
    "optimum_habana": {},
    "trt_old": {"TensorRT-LLM": "trtllm-0.10"},
    "splitwise": {"vLLM": "vllm-2023"},
    "manual": {"vLLM": "vllm", "vllm-ascend": "vllm-ascend-2025"},
    "inferencex_exp": {"vLLM": "vllm"},
}
"""Profiles of the engines of each part of the table, by the first word of their names."""
_NOT_ASKED = {
    "mlperf": "it does not say how long its prompts were (MLPerf)",
    "mlenergy2": "it does not say how long its prompts were (ML.ENERGY v2)",
    "simonmo": "no profile tells what engines reached with DeepSeek in April 2025",
    "trt_new": "it does not say how many requests were in flight (TensorRT-LLM at its fullest)",
}
_SERVED = ("inferencex_exp", "manual")
"""Parts whose rows of scenario ``server`` name a load that can be served."""
_STATIC = ("llm_inference_bench", "rocm_vllm", "trt_old", "optimum_habana")
"""Parts that started whole batches together."""


def is_datacenter_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"device_norm", "concurrency_or_batch", "metric", "quality"} <= set(columns)


def datacenter_rows(path: Path) -> Iterator[Row]:
    """Every row, of which those that say enough are asked."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    disturbed = disturbed_groups(rows)

    def points_of(row: Mapping[str, str]) -> Iterator[Point]:
        yield mlenergy_point(row, disturbed) if row["part"] == PART else datacenter_point(row)

    yield from rows_of(rows, points_of)


def datacenter_point(row: Mapping[str, str]) -> Point:
    """One row as a point.

    Raises:
        UnaskedError: it leaves open what was run, or the catalogue cannot answer it.
    """
    part = row["part"]
    if part in _NOT_ASKED:
        raise UnaskedError(_NOT_ASKED[part])
    if part not in _ENGINES_OF:
        raise UnaskedError(f"nobody taught the project to read the part {part!r}")
    if row["quality"] == "inferred":
        raise UnaskedError("its value was inferred, not measured")
    if row["spec_decode"] == "yes" or _DRAFTS in row["notes"]:
        raise UnaskedError(DRAFTED)
    if row["engine"].startswith("Deepspeed-MII"):
        raise UnaskedError("no profile tells what DeepSpeed-MII adds on GPUs")
    hardware = _device(row)
    model = next((s for p, s in _MODELS if re.search(p, row["model"], re.IGNORECASE)), None)
    if model is None:
        raise UnaskedError(f"no model of the catalogue is the row's: {row['model']}")
    packages = whole(row["n_devices"], "number of devices", 1)
    devices = packages * _DEVICES_OF_A_PACKAGE.get(hardware, 1)
    engine = _ENGINES_OF[part].get(row["engine"].split(" ")[0], "generic")
    asked: dict[str, Any] = {"engine": engine, "precision": _precision(row), "tp": devices}
    if part == "trt_old" and asked["precision"] == "fp8":
        # Assumed: an 8-bit cache beside 8-bit weights, as these checkpoints were usually quantised.
        asked["kv_precision"] = "fp8"
    if row["metric"] in ("watts", "joules_per_output_token"):
        raise UnaskedError(f"it does not say over what its {row['metric']} were taken")
    if row["scenario"] == "server" and part in _SERVED and not _is_decoding(row):
        return _served(row, hardware, model, asked)
    lengths = {
        "isl": _told(row["isl"], "length of the prompts"),
        "osl": _told(row["osl"], "length of the answers"),
        "batch": _told(row["concurrency_or_batch"], "batch"),
    }
    if row["metric"] == "tpot_ms":
        return _decoding(row, hardware, model, asked, lengths)
    if row["metric"] == "ttft_ms":
        prompts = {"batch": lengths["batch"], "context": lengths["isl"]}
        question, value = {**asked, **prompts}, number(row["value"], "value") / 1e3
        quantity = "step_time_s" if part == "splitwise" else "ttft_s"
        return Point(hardware, model, "prefill", quantity, value, question, row["source"])
    if part == "aws_neuron":
        raise UnaskedError("the same runs as their time a token, and no static batch")
    if part not in _STATIC:
        raise UnaskedError(f"it does not say what its {row['metric']} are of")
    return _static(row, hardware, model, {**asked, **lengths})


_DRAFTS = "SPEC DECODE"
"""Stands in the notes of rows whose answers were drafted."""
_SMALL_A100 = re.compile(r"40 ?GB")


def _device(row: Mapping[str, str]) -> str:
    known = _DEVICES.get(row["device_norm"])
    if known is None:
        raise UnaskedError(f"no device of the catalogue is the row's: {row['device_norm']}")
    is_small = known == "a100-sxm-80gb" and _SMALL_A100.search(row["device"])
    return "a100-sxm-40gb" if is_small else known


def _precision(row: Mapping[str, str]) -> str:
    """What a row says of its weights; the model's name says it where the row does not."""
    said = row["weight_precision"].lower()
    if not said and (named := _FORMAT_OF_NAME.search(row["model"])):
        said = named[1].lower()
    if said not in _PRECISIONS:
        raise UnaskedError(f"no format is known as {row['weight_precision']!r}")
    return _PRECISIONS[said]


_FORMAT_OF_NAME = re.compile(r"(?:^|[-_/])(FP8|NVFP4|MXFP4)(?:$|[-_/])", re.IGNORECASE)


def _told(text: str, what: str) -> int:
    if not text:
        raise UnaskedError(f"it does not say the {what}")
    return whole(text, what)


def _is_decoding(row: Mapping[str, str]) -> bool:
    """Whether a served row stands for the step of as many users in a loop."""
    return row["part"] == "manual" and row["metric"] == "tpot_ms"


def _decoding(
    row: Mapping[str, str],
    hardware: str,
    model: str,
    asked: dict[str, Any],
    lengths: Mapping[str, int],
) -> Point:
    """The time a token at a batch that stays: of a static one, or of as many users in a loop."""
    value, users = number(row["value"], "value") / 1e3, lengths["batch"]
    if row["scenario"] == "server":
        served = {"isl": lengths["isl"], "osl": lengths["osl"], "concurrency": users}
        return Point(hardware, model, "serve", "tpot_s", value, {**asked, **served}, row["source"])
    context = lengths["isl"] + lengths["osl"] // 2
    steps = {"batch": users, "context": context}
    quantity = "step_time_s" if row["part"] == "splitwise" else "tpot_s"
    return Point(hardware, model, "decode", quantity, value, {**asked, **steps}, row["source"])


_LAYOUT = re.compile(r"(tp|ep|dp)(\d+)")
_PROMPTS_SENT = re.compile(r"(\d+) completed")
_SERVED_FIGURES = {
    "tpot_ms": ("tpot_s", 1e-3),
    "ttft_ms": ("ttft_s", 1e-3),
    "output_tok_s_total": ("output_tokens_per_s", 1.0),
    "total_tok_s": ("total_tokens_per_s", 1.0),
}


def _served(row: Mapping[str, str], hardware: str, model: str, asked: dict[str, Any]) -> Point:
    """A figure of users in a loop whose prompts and answers are of known lengths."""
    if row["metric"] not in _SERVED_FIGURES:
        raise UnaskedError(f"nothing predicts {row['metric']} of a row like this")
    quantity, scale = _SERVED_FIGURES[row["metric"]]
    question = asked | {
        "isl": _told(row["isl"], "length of the prompts"),
        "osl": _told(row["osl"], "length of the answers"),
    }
    layout = {name: int(size) for name, size in _LAYOUT.findall(row["parallelism"])}
    if "dp" in layout:
        if "ep" not in layout:
            raise UnaskedError("its ranks of attention share slices of experts")
        layout["tp"] = layout.get("tp", layout["dp"]) // layout["dp"]
    question |= layout
    question["concurrency"] = _told(row["concurrency_or_batch"], "number of requests in flight")
    settings: dict[str, Any] = {}
    if row["part"] == "inferencex_exp":
        # Its client sends all it may at once; a checkpoint that names no format is served as it is.
        settings["start"] = "together"
        if sent := _PROMPTS_SENT.search(row["notes"]):
            settings["requests"] = int(sent[1])
        if not row["weight_precision"]:
            del question["precision"]
    value = number(row["value"], "value") * scale
    return Point(
        hardware, model, "serve", quantity, value, question, row["source"], settings=settings
    )


def _static(row: Mapping[str, str], hardware: str, model: str, question: dict[str, Any]) -> Point:
    """A fixed batch, all of it started together; ``total`` counts prompts and answers."""
    if row["part"] == "rocm_vllm":
        question |= {"kv_precision": "fp8", "max_sequences": question["batch"]}
    quantity, devices = _STATIC_FIGURES.get(row["metric"], ("", 0))
    if not quantity:
        raise UnaskedError(f"nothing predicts {row['metric']} of a row like this")
    value = number(row["value"], "value") * (question["tp"] if devices else 1)
    split = _split(row["parallelism"], question["tp"])
    return Point(hardware, model, "run", quantity, value, question, row["source"], settings=split)


def _split(told: str, devices: int) -> dict[str, int]:
    """What a static run's own words say of how its devices shared the model, beside tensors."""
    if not re.search(r"\bpp\b|pipeline", told, re.IGNORECASE):
        return {}
    tensors = int(found[1]) if (found := _TENSORS.search(told)) else 1
    stages = devices // tensors
    return {"tp": tensors, "pp": stages} if stages > 1 else {}


_TENSORS = re.compile(r"(?:tensor \(|tp ?= ?)(\d)", re.IGNORECASE)
_STATIC_FIGURES = {
    "total_tok_s": ("total_tokens_per_s", 0),
    "output_tok_s_total": ("output_tokens_per_s", 0),
    "output_tok_s_per_gpu": ("output_tokens_per_s", 1),
}
"""Figures of a static batch, and whether they are of one device."""
