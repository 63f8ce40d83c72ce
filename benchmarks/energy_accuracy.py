"""Watts and joules a token against published measurements that nothing was fitted to.

    python benchmarks/energy_accuracy.py FOLDER [--most N]

FOLDER holds ``published/datacenter.csv`` and ``splitwise/perf_model.csv``. Splits: GPUs alone, as
NVML tells (ML.ENERGY 3.0, the half of runs by which nothing is fitted; Argonne's suite; profiles of
Splitwise on A100), and the wall, as a meter before the server tells (MLPerf; the SR680a V3 is left
out, since the default power of hosts is from it).
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.simulate.predict import predict
from simulator.specs import catalogue
from simulator.validation.measured.mlenergy import PART, disturbed_groups, mlenergy_point
from simulator.validation.measured.row import UnaskedError

Row = Mapping[str, str]


class Error(NamedTuple):
    """How far a prediction is off: relative, of one figure of one run."""

    split: str
    figure: str
    relative: float


def mlenergy(rows: list[Row], most: int) -> Iterator[Error]:
    """Closed loops of vLLM 0.11 on H100 and B200, GPUs alone."""
    mine = [row for row in rows if row["part"] == PART]
    disturbed = disturbed_groups(mine)
    runs: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in mine:
        try:
            point = mlenergy_point(row, disturbed)
        except UnaskedError:
            continue
        if not (point.fitted or point.unasked):
            asked = sorted(point.question.items())
            runs[f"{point.hardware}|{point.model}|{asked}"][point.quantity] = point
    for points in list(runs.values())[:: max(1, len(runs) // most)]:
        point = next(iter(points.values()))
        answer = predict(
            point.hardware, point.model, phase="serve", **point.question, **point.settings
        )
        for key in ("joules_per_output_token", "power_w"):
            if key in points:
                off = answer.figures[key] / points[key].value - 1.0
                yield Error("GPUs alone: ML.ENERGY 3.0", key, off)


_ARGONNE = {"NVIDIA A100": "a100-sxm-80gb", "NVIDIA H100 SXM": "h100-sxm"}
_ARGONNE_MODELS = {
    "meta-llama/Llama-2-7b-hf": "llama-2-7b", "meta-llama/Meta-Llama-3-8B": "llama-3.1-8b",
}  # fmt: skip


def argonne(rows: list[Row]) -> Iterator[Error]:
    """Static batches of vLLM of 2024, of probes that are known to see one GPU."""
    for row in rows:
        if row["part"] != "llm_inference_bench" or row["metric"] != "watts":
            continue
        hardware, model = _ARGONNE.get(row["device_norm"]), _ARGONNE_MODELS.get(row["model"])
        if hardware is None or model is None or "gpu_id=0" not in row["notes"]:
            continue
        users = int(float(row["concurrency_or_batch"]))
        answer = predict(
            hardware, model, phase="serve", engine="vllm-v0", isl=int(float(row["isl"])),
            osl=int(float(row["osl"])), concurrency=users, requests=users, start="together",
        )  # fmt: skip
        yield Error("GPUs alone: Argonne", "power_w", answer.power_w / float(row["value"]) - 1.0)


_SPLITWISE = {"llama2-70b": "llama-2-70b", "bloom-176b": "bloom-176b"}
_LONGEST = {"llama2-70b": 4096, "bloom-176b": 2048}


def splitwise(path: Path) -> Iterator[Error]:
    """Mean power of a prompt and its answer on A100, as a share of 400 W."""
    rated_w = float(catalogue.hardware("a100-sxm-80gb").power.limit)
    runs: dict[tuple[str, ...], list[float]] = defaultdict(list)
    names = ("model", "prompt_size", "batch_size", "token_size", "tensor_parallel")
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["hardware"] == "a100-80gb" and float(row["average_power"] or 0):
                runs[tuple(row[name] for name in names)].append(float(row["average_power"]))
    for (model, *numbers), measured in runs.items():
        prompt, batch, answer, tp = map(int, numbers)
        if prompt + answer > _LONGEST[model]:
            continue
        asked = {"engine": "vllm-2023", "precision": "bf16", "tp": tp, "batch": batch}
        first = predict(
            "a100-sxm-80gb", _SPLITWISE[model], phase="prefill", context=prompt, **asked
        )
        later = predict("a100-sxm-80gb", _SPLITWISE[model], context=prompt + answer // 2, **asked)
        lasts_s = (first.step_time_s, later.step_time_s * (answer - 1))
        watts = np.average([first.power_w, later.power_w], weights=lasts_s) / tp
        off = float(watts) / rated_w / float(np.mean(measured)) - 1.0
        yield Error("GPUs alone: Splitwise, A100", "power_w", off)


class Submission(NamedTuple):
    """How a run of MLPerf is asked: prompts as the data sets are known to have, 1,024 users."""

    model: str
    precision: str
    isl: int
    tp: int = 1


_SUBMISSIONS = {
    "llama3.1-8b": Submission("llama-3.1-8b", "nvfp4", 778),
    "llama3.1-405b": Submission("llama-3.1-405b", "nvfp4", 9400, 4),
    "llama2-70b-99.9": Submission("llama-2-70b", "fp8", 300),
    "mixtral-8x7b": Submission("mixtral-8x7b", "fp8", 300),
}
_SERVERS = {"NVIDIA B200": "b200", "NVIDIA H200 SXM": "h200-sxm"}
_USERS = 1024
_OWN = "SR680a"
"""The server that the default power of hosts is from."""


def mlperf(rows: list[Row]) -> Iterator[Error]:
    """Wall power of a server of eight; joules by the measured throughput and by the predicted."""
    mine = [row for row in rows if row["part"] == "mlperf" and _OWN not in row["notes"]]
    rates = {r["id"].removesuffix("-jpt"): r for r in mine if r["metric"].startswith("joules")}
    for row in mine:
        asked = _SUBMISSIONS.get(row["model"])
        if row["metric"] != "watts" or asked is None:
            continue
        answer = predict(
            _SERVERS[row["device_norm"]], asked.model, precision=asked.precision, engine="trtllm",
            phase="serve", isl=asked.isl, osl=int(float(row["osl"] or 128)), tp=asked.tp,
            concurrency=_USERS // (4 if asked.tp > 1 else 1), requests=3 * _USERS,
        )  # fmt: skip
        watts, servers = float(row["value"]), 8 // asked.tp
        off = answer.wall_power_w * servers / watts - 1.0
        capped = "capped by unknown limits" if "MaxQ" in row["id"] else "at full power"
        yield Error(f"wall: MLPerf, {capped}", "wall_power_w", off)
        joules = float(rates[row["id"].removesuffix("-watts")]["value"])
        off = answer.wall_joules_per_output_token / joules - 1.0
        yield Error(f"wall: MLPerf, {capped}", "wall_joules_per_output_token", off)


def main() -> None:
    """Print the errors of each split."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=40, help="runs of ML.ENERGY")
    given = parser.parse_args()
    with (given.folder / "published" / "datacenter.csv").open(encoding="utf-8", newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    errors = [
        *splitwise(given.folder / "splitwise" / "perf_model.csv"),
        *argonne(rows),
        *mlperf(rows),
        *mlenergy(rows, given.most),
    ]
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for error in errors:
        groups[error.split, error.figure].append(error.relative)
    for (split, figure), found in groups.items():
        off = np.abs(found)
        print(
            f"{split}, {figure}: {len(off)} runs, median {np.median(off):.1%}, "
            f"mean {np.mean(off):.1%}, bias {np.median(found):+.1%}"
        )


if __name__ == "__main__":
    main()
