"""How fast serving is simulated: whole processes on one core, and ratios to single stepping.

    python benchmarks/serving_speed.py [--traces FOLDER] [--million] [--repeat 3]

Each case runs in a process of its own, which does without what the command does without too
(``short_lived``). "whole" is its time from start to exit, "cpu" its processor time, which a busy
machine does not distort; the fastest of several runs counts. FOLDER holds the Azure and Mooncake
traces where they are at hand.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

HARDWARE, MODEL = "h100-sxm", "llama-3.1-8b"


def chat(requests: int) -> dict[str, object]:
    """Prompts of 512 tokens and answers of 128, eight a second."""
    return {
        "kind": "synthetic",
        "arrivals": {"process": "poisson", "rate": 8},
        "input_tokens": 512,
        "output_tokens": 128,
        "requests": requests,
    }


def trace(file: Path) -> dict[str, object]:
    """The requests of a file."""
    return {"kind": "trace", "file": str(file)}


def run(case: dict[str, Any]) -> dict[str, float]:
    """Simulate one case in this process; seconds of its parts, events and memory."""
    started = time.perf_counter()
    import resource

    from simulator.cli.short_lived import make_short_lived

    make_short_lived()
    from simulator.serving.cluster import serve
    from simulator.simulate.cluster import resolve
    from simulator.simulate.run import summarise
    from simulator.simulate.traffic import cluster_settings, requests_of
    from simulator.specs.scenario import Scenario

    imported = time.perf_counter()
    scenario = Scenario.model_validate(
        {"name": "speed", "model": MODEL, "hardware": HARDWARE, **case["scenario"]}
    )
    cluster = resolve(scenario)
    table = requests_of(scenario.workload)
    settings = cluster_settings(scenario, cluster)
    if case.get("single"):
        settings = replace(settings, steps_per_event=1)
    ready = time.perf_counter()
    outcome = serve(table, settings)
    simulated = time.perf_counter()
    result = summarise(scenario, cluster, outcome)
    return {
        "import_s": imported - started,
        "prepare_s": ready - imported,
        "simulate_s": simulated - ready,
        "events": sum(c.events for c in outcome.counters),
        "steps": sum(c.steps for c in outcome.counters),
        "hit_rate": result.metrics.hit_rate,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(case: dict[str, object], repeat: int) -> dict[str, float]:
    """The fastest of ``repeat`` processes."""
    import resource
    import subprocess

    def spent_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    best: dict[str, float] = {}
    for _ in range(repeat):
        started, before = time.perf_counter(), spent_s()
        command = [sys.executable, __file__, "--case", json.dumps(case)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        whole = {"whole_s": time.perf_counter() - started, "cpu_s": spent_s() - before}
        if not best or whole["whole_s"] < best["whole_s"]:
            best = json.loads(done.stdout) | whole
    return best


def cases(traces: Path | None, million: bool) -> dict[str, dict[str, object]]:
    """What is measured, by name."""
    found: dict[str, dict[str, object]] = {"10k chat": {"scenario": {"workload": chat(10_000)}}}
    if traces is not None:
        azure = traces / "azure_llm_2023" / "AzureLLMInferenceTrace_conv.csv"
        mooncake = traces / "mooncake_fast25" / "conversation_trace.jsonl"
        found["Azure hour"] = {"scenario": {"workload": trace(azure)}}
        found["Mooncake"] = {"scenario": {"workload": trace(mooncake)}}
        boundless = {"kv_blocks": 1 << 28, "replicas": 8, "scheduling": {"router": "prefix-aware"}}
        found["Mooncake, 8 replicas"] = {
            "scenario": {
                "workload": trace(mooncake),
                "deployment": {"replicas": 8, "scheduling": {"router": "prefix-aware"}},
            }
        }
        found["Mooncake, endless cache"] = {
            "scenario": {"workload": trace(mooncake), "deployment": boundless | {"replicas": 1}}
        }
    if million:
        found["1M chat"] = {"scenario": {"workload": chat(1_000_000)}}
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(run(json.loads(options.case))))
        return
    columns = ("whole_s", "cpu_s", "import_s", "simulate_s", "events", "megabytes", "hit_rate")
    print(f"{'case':26s}" + "".join(f"{c:>12s}" for c in columns) + f"{'× single':>10s}")
    for name, case in cases(options.traces, options.million).items():
        swift = measure(case, 1 if "1M" in name else options.repeat)
        ratio = float("nan")
        if "1M" not in name:
            ratio = measure(case | {"single": True}, 1)["simulate_s"] / swift["simulate_s"]
        figures = "".join(f"{swift[c]:12.3f}" for c in columns)
        print(f"{name:26s}{figures}{ratio:10.1f}", flush=True)
    print_growth(options.repeat)


def print_growth(repeat: int) -> None:
    """Seconds against requests, and the exponent of a power law through them (1: linear)."""
    import numpy as np

    sizes = (2_000, 5_000, 10_000, 20_000, 50_000)
    seconds = [measure({"scenario": {"workload": chat(n)}}, repeat)["simulate_s"] for n in sizes]
    slope, offset = np.polyfit(sizes, seconds, 1)
    exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    print(f"seconds = {offset:.3f} + {slope * 1e6:.1f} µs × requests; exponent {exponent:.2f}")


if __name__ == "__main__":
    main()
