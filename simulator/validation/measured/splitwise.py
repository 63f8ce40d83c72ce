"""Prompt and token times of Splitwise's profiling (DGX-A100 and DGX-H100, vLLM of 2023)."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.validation.measured.point import Point

_HARDWARE = {"a100-80gb": "a100-sxm-80gb", "h100-80gb": "h100-sxm"}
_MODELS = {"llama2-70b": "llama-2-70b", "bloom-176b": "bloom-176b"}
SOURCE = "Splitwise (Patel et al., ISCA 2024), profiles of vLLM, 2023"
_LONGEST_CONTEXT = 4096


def is_splitwise_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"prompt_time", "token_time", "tensor_parallel"} <= set(columns)


def splitwise_points(path: Path) -> Iterator[Point]:
    """Prefills and decode steps; contexts beyond what the models were trained for are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            hardware, model = _HARDWARE[row["hardware"]], _MODELS[row["model"]]
            prompt, generated = int(row["prompt_size"]), int(row["token_size"])
            if prompt + generated > _LONGEST_CONTEXT:
                continue
            asked: dict[str, Any] = {
                "engine": "vllm-2023",
                "precision": "bf16",
                "tp": int(row["tensor_parallel"]),
                "batch": int(row["batch_size"]),
            }
            context = {"context": prompt + generated // 2}
            yield Point(
                hardware, model, "prefill", "step_time_s", float(row["prompt_time"]) / 1e3,
                {**asked, "context": prompt}, SOURCE,
            )  # fmt: skip
            yield Point(
                hardware, model, "decode", "step_time_s", float(row["token_time"]) / 1e3,
                {**asked, **context}, SOURCE,
            )  # fmt: skip
