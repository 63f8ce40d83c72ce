"""Replays of measured serving runs: the same arrivals and lengths, simulated and compared.

    python benchmarks/serving_accuracy.py FOLDER

FOLDER holds ``h200_lab/vllm_*.json`` (one H200, every request of a Poisson run) and
``vllm_runs/RTX4090_Llama-3.1-8B`` (300 requests in a cache far too small for them, so that
queueing, preemption and admission decide).
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.serving.cluster import Outcome, serve
from simulator.serving.traffic.request import RequestTable
from simulator.simulate.cluster import resolve
from simulator.simulate.replica import Replica
from simulator.simulate.traffic import cluster_settings
from simulator.specs.scenario import Scenario


@dataclass(frozen=True)
class Run:
    """A measured run: what was asked for, on what, and what each request saw."""

    name: str
    hardware: str
    model: str
    deployment: dict[str, Any]
    table: RequestTable
    first_token_s: np.ndarray
    finished_s: np.ndarray
    joules: float | None = None


def h200_runs(folder: Path) -> Iterator[Run]:
    """The Poisson runs on one H200 (vLLM 0.25.1)."""
    models = {"llama8b": "llama-3.1-8b", "qwen3_30b_a3b": "qwen3-30b-a3b"}
    for file in sorted((folder / "h200_lab").glob("vllm_*.json")):
        content = json.loads(file.read_text())
        name, _, precision = file.stem.removeprefix("vllm_").rpartition("_")
        deployment = {"precision": precision}
        if content.get("kv_blocks"):
            deployment |= {
                "kv_blocks": content["kv_blocks"], "kv_block_tokens": content["block_size"],
            }  # fmt: skip
        for run in content.get("serve") or []:
            rows = sorted(run["requests"], key=lambda row: row["arr"])
            start = rows[0]["arr"]
            column = {key: np.array([row[key] for row in rows]) for key in rows[0]}
            table = RequestTable(column["arr"] - start, column["isl"], column["n"])
            yield Run(
                f"{name} {precision} at {run['rate']:g} a second", "h200-sxm", models[name],
                deployment, table, column["first"] - start, column["fin"] - start,
                run.get("joules"),
            )  # fmt: skip


def rtx_4090_run(folder: Path) -> Run:
    """300 ShareGPT requests at ten a second on one RTX 4090 (vLLM 0.19)."""
    file = folder / "vllm_runs" / "RTX4090_Llama-3.1-8B" / "requests.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows.sort(key=lambda row: row["queued_ts"])
    column = {key: np.array([row[key] for row in rows]) for key in rows[0] if key != "request_id"}
    start = column["queued_ts"][0]
    table = RequestTable(column["queued_ts"] - start, column["input_toks"], column["output_toks"])
    deployment = {
        "precision": "bf16", "kv_blocks": 2588, "max_sequences": 256, "max_batched_tokens": 2048,
        "max_context": 32768,
    }  # fmt: skip
    return Run(
        "llama-3.1-8b bf16 on RTX 4090 overloaded", "rtx-4090", "llama-3.1-8b", deployment, table,
        column["first_token_ts"] - start, column["last_token_ts"] - start,
    )  # fmt: skip


def replay(run: Run, **scheduling: object) -> tuple[Replica, Outcome]:
    """Simulate the run's own requests."""
    scenario = Scenario.model_validate(
        {
            "name": run.name,
            "model": run.model,
            "hardware": run.hardware,
            "deployment": run.deployment | {"scheduling": scheduling},
            "workload": {
                "arrivals": {"process": "constant", "rate": 1},
                "input_tokens": 1,
                "output_tokens": 1,
                "requests": 1,
            },
        }
    )
    cluster = resolve(scenario)
    settings = cluster_settings(scenario, cluster)
    # These runs were timed inside the engine: no server stood before it.
    overhead_s = float(cluster.answers.profile.request_overhead)
    (pool,) = settings.pools
    bare = replace(pool, limits=replace(pool.limits, request_overhead_s=overhead_s))
    return cluster.answers, serve(run.table, replace(settings, pools=(bare,)))


def figures(table: RequestTable, first_s: np.ndarray, finished_s: np.ndarray) -> dict[str, float]:
    """TTFT, TPOT and e2e of one run, in seconds, and its makespan."""
    ttft = first_s - table.arrival_s
    tpot = (finished_s - first_s) / np.maximum(table.output_tokens - 1, 1)
    e2e = finished_s - table.arrival_s
    found = {"makespan": float(finished_s.max())}
    for name, values in (("ttft", ttft), ("tpot", tpot), ("e2e", e2e)):
        found[f"{name} mean"] = float(values.mean())
        for percent in (50, 90, 99):
            found[f"{name} p{percent}"] = float(np.percentile(values, percent))
    return found


def main() -> None:
    """Print measured and simulated figures of every run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--asynchronous", action="store_true")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is not a folder of measured runs")
    for run in [*h200_runs(options.folder), rtx_4090_run(options.folder)]:
        setup, outcome = replay(run, asynchronous=options.asynchronous)
        measured = figures(run.table, run.first_token_s, run.finished_s)
        records = outcome.records
        simulated = figures(run.table, records.first_token_s, records.finished_s)
        print(f"\n{run.name}: {len(run.table)} requests, {records.preemptions.sum()} preemptions")
        for key, value in measured.items():
            error = simulated[key] / value - 1
            pair = f"measured {value:9.4f} s  simulated {simulated[key]:9.4f} s"
            print(f"  {key:10s} {pair}  {error:+7.1%}")
        if run.joules is not None:
            idle_s = outcome.makespan_s - sum(c.busy_s for c in outcome.counters)
            joules = sum(c.energy_j for c in outcome.counters)
            joules += max(idle_s, 0.0) * setup.device.power.idle_w
            print(f"  {'joules':10s} measured {run.joules:9.0f} J  simulated {joules:9.0f} J"
                  f"  {joules / run.joules - 1:+7.1%}")  # fmt: skip


if __name__ == "__main__":
    main()
