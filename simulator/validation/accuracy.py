"""How accurate predictions are on all the measured data at hand, as cells of a few tables."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from simulator.specs import catalogue
from simulator.validation.calibrate.steps import batches
from simulator.validation.kernels import is_scored, kernel_samples
from simulator.validation.measured.point import Point
from simulator.validation.parquet import release_of
from simulator.validation.read import read_points
from simulator.validation.score import ALL, Group, Sample, summarise
from simulator.validation.systems import SYSTEMS
from simulator.validation.validate import Progress, samples_of, validate

LONG_PROMPT_TOKENS = 1000
"""Shorter prompts are bound by their launches, and told apart."""

_LABORATORY = {
    "vllm_llama8b_bf16.json": "Llama 3.1 8B bf16 (fitted)",
    "vllm_llama8b_fp8.json": "Llama 3.1 8B fp8",
    "vllm_qwen3_30b_a3b_bf16.json": "Qwen3 30B-A3B bf16",
}
"""Engine steps of one H200; overheads were fitted to the first alone."""


FITTED_TO_KERNELS = ("a100-sxm-80gb", "h100-sxm", "h200-sxm", "b200")
"""Devices to whose kernel tables constants were fitted; others show how far defaults carry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Errors of like rows: one cell of a table, where ``what`` and ``column`` meet.

    ``inside`` is the share of measured values in the 80 % intervals, None where there are none.
    ``alone_mean``, ``alone_median`` and ``alone_inside`` are of the same rows asked by their flags
    alone, None where these are all that they are asked by.
    """

    table: str
    what: str
    column: str
    rows: int
    mean: float
    median: float
    inside: float | None
    alone_mean: float | None = None
    alone_median: float | None = None
    alone_inside: float | None = None


def measure(data: Path, progress: Progress | None = None) -> tuple[Entry, ...]:
    """Errors on all the measured data in a folder, on rows that no constant was fitted to.

    Raises:
        InputError: a file of the folder is missing.
    """
    steps = {label: _steps(data / "h200_lab" / file) for file, label in _LABORATORY.items()}
    tables = [path for name in SYSTEMS for path in _newest_tables(data / "kernels" / name)]
    kernels = [sample for path in tables for sample in kernel_samples(path)]
    published = data / "published"
    small = validate([published / "edge.csv"])
    large = validate(
        [
            published / "datacenter.csv",
            published / "datacenter_npu.csv",
            data / "splitwise" / "perf_model.csv",
        ]
    )
    served = validate(
        [data / "serving" / "measured_serving.csv"],
        leave_out=False,
        flags_alone=True,
        progress=progress,
    )
    alone = _served(served.plain_samples)
    systems = {
        **_by_phase("laptops, phones, boards, consumer GPUs", small.samples),
        **_by_phase("data-centre devices", large.samples),
        **_served(served.samples),
    }
    fresh = {label: kinds for label, kinds in steps.items() if "fitted" not in label}
    long_kernels = [sample for sample in kernels if not sample.short]
    stripped = {
        f"{g.phase}, a device stripped of its calibration": g
        for g in small.without_device
        if g.hardware == ALL
    }
    return (
        *_cells(
            "summary",
            {w: {"": s} for w, s in _summary(fresh, long_kernels, systems).items()},
            {what: {"": found} for what, found in alone.items()},
        ),
        *_cells("steps", steps),
        *_cells("kernels", _pivot(long_kernels, "phase", "hardware")),
        *_cells(
            "systems",
            {what: {"": found} for what, found in systems.items()},
            {what: {"": found} for what, found in alone.items()},
        ),
        *(_entry("systems", what, "", group) for what, group in stripped.items()),
        *_cells(
            "served",
            _pivot(_under_load(served.samples), "model", "quantity"),
            _pivot(_under_load(served.plain_samples), "model", "quantity"),
        ),
        *_cells("devices", _pivot(small.samples, "hardware", "phase")),
    )


def _steps(file: Path) -> dict[str, list[Sample]]:
    """Samples of one laboratory document by kind of step, fitted rows among them."""
    kinds: dict[str, list[Point]] = {}
    for point in read_points(file):
        kind = point.phase
        if point.quantity == "power_w":
            kind = "watts"
        elif kind == "prefill":
            is_long = point.question["context"] >= LONG_PROMPT_TOKENS
            kind = "long prompts" if is_long else "short prompts"
        kinds.setdefault(kind, []).append(point)
    return {
        kind: [sample for batch in batches(points)[0] for sample in samples_of(batch)]
        for kind, points in kinds.items()
    }


def _newest_tables(folder: Path) -> list[Path]:
    """Of each kind of kernel table of a device, the one of the newest release."""
    newest: dict[str, Path] = {}
    for path in sorted(folder.glob("*/*.parquet"), key=release_of):
        if is_scored(path):
            newest[path.name] = path
    return list(newest.values())


def _summary(
    steps: Mapping[str, Mapping[str, Sequence[Sample]]],
    kernels: Sequence[Sample],
    systems: Mapping[str, Sequence[Sample]],
) -> dict[str, Sequence[Sample]]:
    def of_steps(kind: str) -> list[Sample]:
        return [sample for kinds in steps.values() for sample in kinds.get(kind, ())]

    def of_kernels(*words: str) -> list[Sample]:
        return [
            sample
            for sample in kernels
            if sample.hardware in FITTED_TO_KERNELS and any(word in sample.phase for word in words)
        ]

    machines = "on A100, H100, H200 and B200"
    return {
        "vLLM on an H200, models and precisions not fitted: decode steps": of_steps("decode"),
        "the same: prompts of 1,000 tokens and more": of_steps("long prompts"),
        f"matrix products {machines}": of_kernels("gemm"),
        f"attention {machines}": of_kernels("attention"),
        f"mixtures of experts {machines}": of_kernels("moe"),
        f"collectives {machines}": of_kernels("all-", "reduce-"),
        **systems,
    }


def _by_phase(where: str, samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(f"{_PHASES[sample.phase]} on {where}", []).append(sample)
    return found


_PHASES = {"decode": "decode", "prefill": "prefill", "run": "static runs", "serve": "serving"}
_UNDER_LOAD = {"tpot_s": "TPOT", "ttft_s": "TTFT"}


def _served(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        kind = "mixtures of experts" if _has_experts(sample.model) else "dense models"
        if sample.phase == "drafted":
            kind = "drafted answers"
        what = f"{_UNDER_LOAD[sample.quantity]} under load (InferenceX), {kind}"
        found.setdefault(what, []).append(sample)
    return dict(sorted(found.items()))


def _under_load(samples: Iterable[Sample]) -> list[Sample]:
    return [replace(sample, quantity=_UNDER_LOAD[sample.quantity]) for sample in samples]


def _has_experts(model: str) -> bool:
    return any(layer.feedforward.kind == "moe" for layer in catalogue.model(model).layers)


def _pivot(samples: Iterable[Sample], what: str, column: str) -> dict[str, dict[str, list[Sample]]]:
    found: dict[str, dict[str, list[Sample]]] = {}
    for sample in samples:
        cells = found.setdefault(getattr(sample, what), {})
        cells.setdefault(getattr(sample, column), []).append(sample)
    return dict(sorted(found.items()))


def _cells(
    table: str,
    found: Mapping[str, Mapping[str, Sequence[Sample]]],
    alone: Mapping[str, Mapping[str, Sequence[Sample]]] | None = None,
) -> list[Entry]:
    """A table's cells; ``alone`` are the same rows asked by their flags alone."""
    cells = []
    for what, columns in found.items():
        for column, samples in columns.items():
            plain = (alone or {}).get(what, {}).get(column)
            if samples:
                group = summarise(plain) if plain else None
                cells.append(_entry(table, what, column, summarise(samples), group))
    return cells


def _entry(table: str, what: str, column: str, group: Group, alone: Group | None = None) -> Entry:
    plain = (
        {}
        if alone is None
        else {
            "alone_mean": _kept(alone.mean_error),
            "alone_median": _kept(alone.median_error),
            "alone_inside": _kept(alone.coverage),
        }
    )
    inside = None if math.isnan(group.coverage) else _kept(group.coverage)
    errors = _kept(group.mean_error), _kept(group.median_error)
    return Entry(table, what, column, group.rows, *errors, inside, **plain)


def _kept(value: float) -> float:
    """Four digits: more would differ from one machine to the next."""
    return float(f"{value:.4g}")
