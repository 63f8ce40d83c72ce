"""Parallel layouts against measured serving points.

    python benchmarks/parallel_measured.py measured_serving.csv [--every N]

The table is the one that ``simulator.validation.measured.serving`` describes. Printed are the
error of TPOT by layout (DeepSeek-R1 and V3), and how well tensor parallelism pays (Llama 3.1
70B): the efficiency of n devices is TPOT on the fewest devices measured over TPOT on n, divided
by the ratio of devices, at equal lengths and users.
"""

import argparse
import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.simulate.predict import predict

SYSTEMS = {"h100_sxm": "h100-sxm", "h200_sxm": "h200-sxm", "b200_sxm": "b200"}
DRAFTING = ("2026-01-14", "2026-01-28", "2026-02-06")
"""Days whose TensorRT-LLM rows of DeepSeek-R1 are 1.4 to 1.8 times as fast as the same
configuration measured days apart: multi-token prediction, which the table does not name."""


@dataclass(frozen=True)
class Row:
    """One measured point and the layout that it ran on."""

    model: str
    hardware: str
    engine: str
    precision: str
    tp: int
    dp: int
    ep: int
    isl: int
    osl: int
    users: int
    tpot_s: float
    drafts: bool

    @property
    def layout(self) -> str:
        """The layout in words."""
        return f"tp{self.tp} dp{self.dp} ep{self.ep}"

    def predicted_tpot_s(self) -> float:
        """The same point, simulated."""
        wide_cache = self.engine != "trtllm" and self.hardware != "b200"
        answer = predict(
            self.hardware,
            self.model,
            phase="serve",
            engine=self.engine,
            precision=self.precision,
            kv_precision=None if wide_cache or "llama" in self.model else "fp8",
            tp=self.tp,
            dp=self.dp,
            ep=self.ep,
            isl=self.isl,
            osl=self.osl,
            concurrency=self.users,
            length_spread=0.2,
        )
        return float(answer.tpot_s or np.nan)


def rows(path: Path, model: str) -> Iterator[Row]:
    """Different rows of ``model``; the same point twice counts once."""
    seen = set()
    with path.open(encoding="utf-8", newline="") as file:
        for raw in csv.DictReader(file):
            users = re.search(r"silicon_concurrency=(\d+)", raw["silicon_data_source"])
            if raw["mode"] != "agg" or users is None or model not in raw["model_path"]:
                continue
            found = _row(raw, int(users.group(1)))
            if found not in seen:
                seen.add(found)
                yield found


def _row(raw: dict[str, str], users: int) -> Row:
    name = raw["model_path"].split("/")[-1].lower()
    precision = raw["gemm_quant_mode"] or raw["precision"]
    if name.startswith("deepseek"):
        precision = "nvfp4_experts" if precision == "nvfp4" else "fp8_block"
    tp, dp, ep = _layout(raw)
    day = re.search(r"measured=([0-9-]{10})", raw["silicon_data_source"])
    drafts = raw["backend"] == "trtllm" and name == "deepseek-r1"
    return Row(
        model=name,
        hardware=SYSTEMS[raw["system"]],
        engine=raw["backend"],
        precision=precision,
        tp=tp,
        dp=dp,
        ep=ep,
        isl=int(raw["isl"]),
        osl=int(raw["osl"]),
        users=users,
        tpot_s=float(raw["silicon_tpot_ms"]) / 1e3,
        drafts=drafts and day is not None and day.group(1) in DRAFTING,
    )


def _layout(raw: dict[str, str]) -> tuple[int, int, int]:
    """tp, dp and ep; some rows write the ranks of a group as the product of both expert axes."""
    tp, dp, cut, ep = (
        max(1, int(float(raw[c] or 1)))
        for c in ("tp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
    )
    both = cut > 1 and ep > 1
    return (cut if both and tp == cut * ep else tp), (cut if both and dp == cut * ep else dp), ep


def errors(path: Path, model: str, every: int) -> None:
    """Error of TPOT by layout."""
    by_layout: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in list(rows(path, model))[::every]:
        try:
            error = row.predicted_tpot_s() / row.tpot_s - 1
        except InputError as refused:
            reason = str(refused).splitlines()[0]
            print(f"  refused: {row.hardware} {row.layout} {row.precision}: {reason}")
            continue
        key = (row.hardware, row.engine, row.precision, row.layout)
        by_layout[(*key, "drafting" if row.drafts else "")].append(error)
    for key, found in sorted(by_layout.items()):
        print(f"  {' '.join(key):55s} {len(found):3d} rows {_summary(found)}")
    plain = [e for key, found in by_layout.items() if not key[-1] for e in found]
    everything = [e for found in by_layout.values() for e in found]
    print(f"  {model}: {len(plain)} rows without drafting {_summary(plain)}")
    print(f"  {model}: all {len(everything)} rows {_summary(everything)}")


def efficiency(path: Path, model: str, every: int) -> None:
    """Measured and simulated efficiency of tensor parallelism."""
    points: dict[tuple[object, ...], dict[int, Row]] = defaultdict(dict)
    for row in rows(path, model):
        points[row.hardware, row.engine, row.precision, row.isl, row.osl, row.users][row.tp] = row
    groups = [group for group in points.values() if len(group) > 1][::every]
    off: dict[str, list[float]] = defaultdict(list)
    shown: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for group in groups:
        first = group[min(group)]
        for tp, row in group.items():
            if row is first:
                continue
            scale = first.tp / tp
            measured = first.tpot_s / row.tpot_s * scale
            simulated = first.predicted_tpot_s() / row.predicted_tpot_s() * scale
            what = f"{row.hardware} {row.engine} {row.precision} tp{first.tp} to tp{tp}"
            off[what].append(simulated / measured - 1)
            shown[what].append((measured, simulated))
    for what, found in sorted(off.items()):
        measured, simulated = np.mean(shown[what], axis=0)
        means = f"efficiency {measured:.2f} measured, {simulated:.2f} simulated"
        print(f"  {what:40s} {len(found):3d} pairs {means}, {_summary(found)}")
    print(f"  {model}: {_summary([e for found in off.values() for e in found])}")


def _summary(found: list[float]) -> str:
    if not found:
        return "none"
    size = np.abs(found)
    return f"mean {size.mean():.1%} median {np.median(size):.1%} bias {np.mean(found):+.1%}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th point")
    args = parser.parse_args()
    for model in ("DeepSeek-R1", "DeepSeek-V3"):
        print(f"TPOT of {model}")
        errors(args.table, model, args.every)
    print("Tensor parallelism of Llama 3.1 70B")
    efficiency(args.table, "Llama-3.1-70B", args.every)


if __name__ == "__main__":
    main()
