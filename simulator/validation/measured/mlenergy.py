"""Rows of the ML.ENERGY benchmark 3.0 in the long table of published speeds.

A closed loop keeps vLLM's ``max_num_seqs`` requests running; a run has its throughput, watts,
joules a token and the median gap between two tokens, each a row. The table leaves out how long
prompts were, which the tasks tell roughly: beside answers of hundreds and thousands of tokens it
matters little for chat and for GPQA, but not for filling in code.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from simulator.validation.measured.point import Point
from simulator.validation.measured.row import UnaskedError, number, whole
from simulator.validation.split import is_score_row

PART = "mlenergy3"
"""What the table calls these rows' part of it."""

_DEVICES = {"NVIDIA H100 SXM": "h100-sxm", "NVIDIA B200": "b200"}
_MODELS = {
    "Qwen/Qwen3-8B": "qwen3-8b",
    "Qwen/Qwen3-14B": "qwen3-14b",
    "Qwen/Qwen3-32B": "qwen3-32b",
    "Qwen/Qwen3-30B-A3B-Thinking-2507": "qwen3-30b-a3b",
    "Qwen/Qwen3-235B-A22B-Instruct-2507": "qwen3-235b-a22b",
    "Qwen/Qwen3-235B-A22B-Thinking-2507": "qwen3-235b-a22b",
    "Qwen/Qwen3-235B-A22B-Thinking-2507-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": "qwen3-coder-480b-a35b",
    "google/gemma-3-12b-it": "gemma-3-12b",
    "google/gemma-3-27b-it": "gemma-3-27b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "meta-llama/Llama-3.1-70B-Instruct": "llama-3.1-70b",
    "meta-llama/Llama-3.3-70B-Instruct": "llama-3.1-70b",
    "meta-llama/Llama-3.1-405B-Instruct": "llama-3.1-405b",
    "meta-llama/Llama-3.1-405B-Instruct-FP8": "llama-3.1-405b",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": "llama-4-scout",
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8": "llama-4-maverick",
    "openai/gpt-oss-20b": "gpt-oss-20b",
    "openai/gpt-oss-120b": "gpt-oss-120b",
}
_PRECISIONS = {"bfloat16": "bf16", "fp8": "fp8", "mxfp4": "mxfp4"}
_SCALED_BY_BLOCK = {"Qwen/Qwen3-235B-A22B-Thinking-2507-FP8"}
"""Checkpoints in fp8 with a scale for each block of 128 x 128 weights."""
_UNFILTERED = {"gpt-oss-20b", "gpt-oss-120b"}
"""Models whose ``generation_config.json`` names neither top-k nor top-p."""
_PROMPTS = {"lm-arena-chat": 100, "gpqa": 300}
"""Tokens of a task's prompts: of chat as in LMSYS-Chat-1M (70, Zheng et al., arXiv:2309.11998) and
its template; of GPQA a question and its choices."""
_QUANTITIES = {
    "tpot_ms": ("itl_p50_s", 1e-3),
    "output_tok_s_total": ("output_tokens_per_s", 1.0),
    "joules_per_output_token": ("joules_per_output_token", 1.0),
    "watts": ("power_w", 1.0),
}
_FEW = 0.08
_APART = 1.3
_DISTURBED = (
    "its host was disturbed: a tenth of the gaps between tokens took {apart} times the median "
    "where fewer steps held a prompt"
)
_UNTOLD = "it does not say how long its prompts were (ML.ENERGY, filling in code)"

Row = Mapping[str, str]
Group = tuple[str, ...]


def _group(row: Row) -> Group:
    """Runs of one model on one machine, which differ in the number of requests alone."""
    columns = ("device_norm", "n_devices", "model", "weight_precision", "parallelism")
    return (*(row[column] for column in columns), _task(row))


def _task(row: Row) -> str:
    return _noted(r"task=([^;]+)", row)


def _noted(pattern: str, row: Row) -> str:
    found = re.search(pattern, row["notes"])
    return found.group(1) if found else ""


def disturbed_groups(rows: Iterable[Row]) -> frozenset[Group]:
    """Groups whose host had other work, told by the spread of their gaps and by no prediction.

    Every step gives each running sequence a token, so that as many gaps hold a prompt as there
    are newcomers a step. Where those are few, nearly all steps are alike, and so are the gaps.
    """
    found = set()
    for row in rows:
        if row["part"] != PART or row["metric"] != "tpot_ms":
            continue
        slowest = float(_noted(r"p90=([\d.]+)", row) or "nan")
        numbers = (row[column] for column in ("concurrency_or_batch", "osl", "value"))
        users, answer, middle = (float(text or "nan") for text in numbers)
        if users / answer < _FEW and slowest > _APART * middle:
            found.add(_group(row))
    return frozenset(found)


def mlenergy_point(row: Row, disturbed: frozenset[Group]) -> Point:
    """One row as a point.

    Raises:
        UnaskedError: the catalogue has no such model or device, or the row tells no such figure.
    """
    hardware, model = _DEVICES.get(row["device_norm"]), _MODELS.get(row["model"])
    precision = _PRECISIONS.get(row["weight_precision"])
    if hardware is None:
        raise UnaskedError(f"no device of the catalogue is the row's: {row['device_norm']}")
    if model is None:
        raise UnaskedError(f"no model of the catalogue is the row's: {row['model']}")
    if precision is None:
        raise UnaskedError(f"no format is known as {row['weight_precision']!r}")
    if row["metric"] not in _QUANTITIES:
        raise UnaskedError(f"nothing predicts {row['metric']} of a row like this")
    if row["model"] in _SCALED_BY_BLOCK:
        precision = "fp8_block"
    quantity, unit = _QUANTITIES[row["metric"]]
    users = whole(row["concurrency_or_batch"], "number of users")
    # vLLM has no degree of its own for experts: they are spread over all of its devices.
    spread = whole(_noted(r"/ep(\d+)/", {"notes": row["parallelism"]}), "spread of experts", 1)
    task = _task(row)
    question: dict[str, Any] = {
        "engine": "vllm-0.11",
        "precision": precision,
        "tp": whole(row["n_devices"], "number of devices", 1),
        "ep": spread,
        "isl": _PROMPTS.get(task, 0),
        "osl": whole(row["osl"], "length of the answers"),
        "concurrency": users,
    }
    sampling = "full" if model in _UNFILTERED else "filtered"
    unasked = "" if task in _PROMPTS else _UNTOLD
    if _group(row) in disturbed:
        unasked = _DISTURBED.format(apart=_APART)
    # Whole runs of a model on so many devices are fitted or scored together.
    runs = f"{hardware}|{model}|tp={question['tp']}|ep={spread}"
    return Point(
        hardware, model, "serve", quantity, number(row["value"], "value") * unit, question,
        row["source"],
        fitted=not is_score_row(runs), unasked=unasked,
        settings={"sampling": sampling, "max_sequences": users, "kv_precision": "bf16"},
    )  # fmt: skip
