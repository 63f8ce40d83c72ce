"""Prompt and token times of Splitwise's profiling (DGX-A100 and DGX-H100, vLLM of 2023)."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.validation.measured.point import Point
from simulator.validation.measured.row import Row, UnaskedError, number, rows_of, whole

_HARDWARE = {"a100-80gb": "a100-sxm-80gb", "h100-80gb": "h100-sxm"}
_MODELS = {"llama2-70b": "llama-2-70b", "bloom-176b": "bloom-176b"}
SOURCE = "Splitwise (Patel et al., ISCA 2024), profiles of vLLM, 2023"
_LONGEST_CONTEXT = 4096


def is_splitwise_table(columns: list[str]) -> bool:
    """Whether a CSV header is that of this table."""
    return {"prompt_time", "token_time", "tensor_parallel"} <= set(columns)


def splitwise_rows(path: Path) -> Iterator[Row]:
    """Prefills and decode steps; contexts beyond what the models were trained for are refused."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from rows_of(csv.DictReader(file), _points)


def _points(row: Mapping[str, str]) -> Iterator[Point]:
    hardware, model = _HARDWARE.get(row["hardware"]), _MODELS.get(row["model"])
    if hardware is None or model is None:
        raise UnaskedError(f"no such device or model is known: {row['hardware']}, {row['model']}")
    prompt, generated = (whole(row[name], name) for name in ("prompt_size", "token_size"))
    if prompt + generated > _LONGEST_CONTEXT:
        raise UnaskedError("its context is longer than the model was trained for")
    asked: dict[str, Any] = {
        "engine": "vllm-2023",
        "precision": "bf16",
        "tp": whole(row["tensor_parallel"], "tensor_parallel"),
        "batch": whole(row["batch_size"], "batch_size"),
    }
    for phase, column, context in (
        ("prefill", "prompt_time", prompt),
        ("decode", "token_time", prompt + generated // 2),
    ):
        seconds = number(row[column], column) / 1e3
        question = {**asked, "context": context}
        yield Point(hardware, model, phase, "step_time_s", seconds, question, SOURCE)
