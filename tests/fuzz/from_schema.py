"""Data made from the schema itself: every field now and then, at its bounds more often than not."""

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulator.specs.quantity import Unit
from simulator.specs.workload import ServingPoint
from simulator.units import RANGES

NAMES: dict[str, tuple[Any, ...]] = {
    "name": ("fuzzed",),
    "hardware": (
        "h100-sxm", "h200-sxm", "b200", "mi300x", "tpu-v6e", "trainium2", "cerebras-wse-3",
        "apple-m4-max", "rtx-4090", {"base": "h100-sxm", "memory": {"main": {"capacity": "1 TB"}}},
    ),
    "model": (
        "llama-3.1-8b", "llama-3.1-8b", "qwen3-30b-a3b", "gpt-oss-20b", "mamba2-2.7b",
        "deepseek-v3", {"base": "llama-3.1-8b", "layers": 4},
    ),
    "engine": ("vllm", "sglang", "trtllm", "llamacpp", "generic"),
    "precision": ("bf16", "fp8", "w4a16", "int8", "nvfp4", "q4_k_m"),
    "kv_precision": ("bf16", "fp8", "int8"),
    "policy": ("fcfs", "shortest-first", "shortest-job-first", "priority", "slo-aware"),
    "router": ("least-loaded", "round-robin", "prefix-aware", "session-sticky"),
    "processor": ("epyc-9965",),
    "provider": ("aws", "nobody"),
    "term": ("on-demand", "spot"),
    "format": ("auto", "azure"),
    "columns": ({},),
    "changes": ({}, {"hardware": "b200"}),
    "tiers": (
        [{"name": "one", "share": 1, "server": {"kind": "query", "usd_per_query": 0.01}}],
        [{"name": "one", "share": 0.5}],
    ),
}  # fmt: skip
"""Texts of fields whose schema says only that they are texts."""

SELDOM = ("devices", "stage_layers", "prefill", "decode", "offload", "failures", "kv_blocks")
"""Fields that few other fields go with."""


def content_of(
    random: Random, kind: type[BaseModel], share: float = 0.15, trace: Path | None = None
) -> dict[str, Any]:
    """Fields of ``kind``: those that it needs, and of the others a ``share``."""
    if kind is ServingPoint:
        load = random.choice(({"concurrency": random.randint(1, 9)}, {"rate": 2.5}))
        optional = set(kind.model_fields) - {"kind", "concurrency", "rate"}
        chosen = {name for name in optional if random.random() < share}
        fields = {name: kind.model_fields[name] for name in chosen}
        made = {name: content_of_field(random, name, info) for name, info in fields.items()}
        return {"kind": "serve", **load, **made}
    found: dict[str, Any] = {}
    for name, info in kind.model_fields.items():
        wanted = share / 4 if name in SELDOM else share
        if info.is_required() or random.random() < wanted:
            found[info.alias or name] = content_of_field(random, name, info, share, trace)
    return found


def leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths of everything that is no mapping."""
    for name, value in content.items():
        one = not isinstance(value, dict) or not value or bool({"process", "base"} & value.keys())
        # A length is one of several kinds, as is the workload: its other fields go with its kind.
        if not one and ("kind" not in value or not prefix):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def number_of(random: Random, annotation: object, marks: list[object]) -> float:
    """A number that the marks allow: at its bounds, ordinary, or anywhere between in decades."""
    low, high = _bounds(marks)
    whole = annotation is int
    if whole:
        low, high = math.ceil(low), math.floor(min(high, 10**12))
    ordinary = [n for n in (1, 2, 3, 4, 8, 64, 300, 1000, 0.5, 0.9, 0.1) if low <= n <= high]
    choice = random.random()
    if ordinary and choice < 0.6:
        value = random.choice(ordinary)
    elif choice < 0.8:
        value = random.choice((low, high))
    else:
        least = max(low, 1e-12)
        value = least * (high / least) ** random.random() if high > least else low
    return int(value) if whole else float(value)


def _bounds(marks: list[object]) -> tuple[float, float]:
    low, high = 0.0, 1e9
    for mark in marks:
        if isinstance(mark, Ge):
            low = float(mark.ge)
        elif isinstance(mark, Gt):
            low = float(mark.gt) + 1e-9
        elif isinstance(mark, Le):
            high = float(mark.le)
        elif isinstance(mark, Lt):
            high = float(mark.lt) - 1e-9
        elif isinstance(mark, Unit):
            least, most = RANGES[mark.dimension]
            low = least if mark.low is None else mark.low
            high = most if mark.high is None else mark.high
            low = 0.0 if mark.allow_zero else low
    return low, high


def content_of_field(
    random: Random, name: str, info: FieldInfo, share: float = 0.15, trace: Path | None = None
) -> Any:
    """A value that one field allows."""
    if name in NAMES:
        return random.choice(NAMES[name])
    if name == "file" and trace is not None:
        return str(trace)
    return _of_type(random, info.annotation, list(info.metadata), share, trace)


def _of_type(
    random: Random, annotation: Any, marks: list[object], share: float, trace: Path | None
) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *more = arguments
        for mark in more:
            marks = [*(mark.metadata if isinstance(mark, FieldInfo) else [mark]), *marks]
        return _of_type(random, inner, marks, share, trace)
    if origin in (Union, UnionType):
        kinds = [each for each in arguments if each is not NoneType]
        return _of_type(random, random.choice(kinds), marks, share, trace)
    if origin is Literal:
        return random.choice(arguments)
    if origin in (list, tuple):
        least = next((m.min_length for m in marks if isinstance(m, MinLen)), 0)
        most = next((m.max_length for m in marks if isinstance(m, MaxLen)), 3)
        count = random.randint(least, max(least, min(most, 3)))
        return [_of_type(random, arguments[0], [], share, trace) for _ in range(count)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return content_of(random, annotation, share, trace)
    if annotation in (int, float):
        return number_of(random, annotation, marks)
    if annotation is Path:
        return random.choice(("/nowhere", ""))
    if annotation is bool:
        return random.random() < 0.5
    return random.choice(("x", "a longer text", ""))
