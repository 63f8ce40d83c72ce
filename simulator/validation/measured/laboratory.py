"""Engine steps and watts of one machine, as the project's laboratory writes them (JSON)."""

from collections.abc import Iterator, Mapping
from typing import Any

from simulator.errors import InputError, nearest
from simulator.validation.measured.point import Point

_MODELS = {
    "llama8b_bf16": ("llama-3.1-8b", "bf16"),
    "llama8b_fp8": ("llama-3.1-8b", "fp8"),
    "qwen3_30b_a3b_bf16": ("qwen3-30b-a3b", "bf16"),
}
FITTED_MODEL = "llama8b_bf16"
"""The only laboratory model to which an engine's overheads are fitted, but for one."""
_SET = {"kv_precision": "bf16", "captured_tokens": 256, "server_overhead": 0.0}
"""How the engine was set up: in process, its graphs captured up to so many tokens."""
LAUNCH_TOKENS = 512
"""Prompts of this length told how long a launch takes, in all models."""


def is_laboratory(document: Mapping[str, Any]) -> bool:
    """Whether a JSON document holds engine steps as the laboratory writes them."""
    return {"model", "prefill", "decode", "vllm"} <= set(document)


def laboratory_points(document: Mapping[str, Any], hardware: str = "h200-sxm") -> Iterator[Point]:
    """Decode steps, prefills and sustained power of one document.

    Raises:
        InputError: nobody told which model it is of.
    """
    name = str(document["model"])
    if name not in _MODELS:
        raise InputError(
            f"no model is known to be {name!r}", field="model", remedy=nearest(name, _MODELS)
        )
    model, precision = _MODELS[name]
    source = f"vLLM {document['vllm']} on one {hardware}, random weights"
    base = {"engine": "vllm", "precision": precision, "max_context": 40960}
    fitted = name == FITTED_MODEL

    def point(phase: str, quantity: str, value: float, fitted: bool, **asked: object) -> Point:
        question = {**base, **asked}
        return Point(hardware, model, phase, quantity, value, question, source, fitted, _SET)

    for row in document["decode"]:
        asked = {"batch": row["batch"], "context": row["ctx"]}
        yield point("decode", "step_time_s", row["s"], fitted, **asked)
    for row in document["prefill"]:
        asked = {"batch": row["batch"], "context": row["isl"]}
        quantity = "ttft_s" if row["batch"] == 1 else "step_time_s"
        pooled = {} if row["batch"] == 1 else {"max_batched_tokens": 8192}
        told_launches = row["batch"] == 1 and row["isl"] == LAUNCH_TOKENS
        yield point("prefill", quantity, row["s"], fitted or told_launches, **asked, **pooled)
    for row in document["power"]:
        if row["kind"] == "decode":
            asked = {"batch": row["batch"], "context": row["ctx"]}
            yield point("decode", "power_w", row["watts"], False, **asked)
        else:
            asked = {"batch": 12, "context": 8192}
            yield point("prefill", "power_w", row["watts"], False, **asked)
