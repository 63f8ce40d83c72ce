"""How fast serving is simulated, as ratios within one run.

    python benchmarks/serving_speed.py [--million] [--traces FOLDER] [--repeat 5] [--growth]
                                       [--drafted] [--peer PYTHON]

- clock: simulating 10,000 requests against 200,000 timeouts of simpy alone.
- whole: the process from start to exit against the synthetic replay of the same traffic by
  ``ai-dynamo-runtime``, where that is installed (in the environment of PYTHON, or in this one).
- million: a million requests against the ten thousand, and the memory they take.
- drafted: the ten thousand requests with drafted tokens, expected and drawn, against plain ones.
- events: what macro-steps save over taking one step at a time, on drawn traffic and on the Azure
  and Mooncake traces in FOLDER.

Each figure is of a process of its own, which does without what the command does without too
(``short_lived``); processor seconds, which a busy machine distorts least, the fewest of several
runs. What is compared takes turns.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

HARDWARE, MODEL = "h100-sxm", "llama-3.1-8b"
BYTECODE = str(Path(tempfile.gettempdir()) / "serving_speed_bytecode")


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
    started = time.process_time()
    import resource

    from simulator.cli.short_lived import make_short_lived

    make_short_lived()
    from simulator.serving.cluster import serve
    from simulator.simulate.cluster import resolve
    from simulator.simulate.run import summarise
    from simulator.simulate.traffic import cluster_settings, requests_of
    from simulator.specs.scenario import Scenario

    imported = time.process_time()
    scenario = Scenario.model_validate(
        {"name": "speed", "model": MODEL, "hardware": HARDWARE, **case["scenario"]}
    )
    cluster = resolve(scenario)
    table = requests_of(scenario.workload, cluster)
    settings = cluster_settings(scenario, cluster)
    if case.get("single"):
        settings = replace(settings, steps_per_event=1)
    ready = time.process_time()
    outcome = serve(table, settings)
    simulated = time.process_time()
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


def timeouts() -> dict[str, float]:
    """Simulate 200,000 timeouts of one process with simpy alone."""
    import simpy

    env = simpy.Environment()

    def wait() -> Iterator[object]:
        for _ in range(200_000):
            yield env.timeout(1)

    env.process(wait())
    started = time.process_time()
    env.run()
    return {"simulate_s": time.process_time() - started}


PEER = """
from dynamo._core import run_mocker_synthetic_trace_replay as replay
replay(input_tokens=512, output_tokens=128, request_count=10_000, arrival_interval_ms=125.0)
"""


def spend(command: list[str]) -> dict[str, float]:
    """Run a process: the numbers that it prints, if any, and its wall and processor seconds."""
    import resource
    import subprocess

    def spent_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    # Compiled modules are kept, as they are where the package is installed.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": BYTECODE}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started, before = time.perf_counter(), spent_s()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    whole = {"whole_s": time.perf_counter() - started, "cpu_s": spent_s() - before}
    return (json.loads(done.stdout) if done.stdout else {}) | whole


def fewest(command: list[str], repeat: int) -> dict[str, float]:
    """The run of ``repeat`` that spent the fewest processor seconds."""
    return min((spend(command) for _ in range(repeat)), key=lambda found: found["cpu_s"])


def of_case(case: dict[str, object]) -> list[str]:
    """The command that runs one case."""
    return [sys.executable, __file__, "--case", json.dumps(case)]


def print_clock(repeat: int) -> dict[str, float]:
    """10,000 requests against simpy alone; returns the figures of the requests."""
    ours, simpy_s = [], []
    for _ in range(repeat):
        ours.append(spend(of_case({"scenario": {"workload": chat(10_000)}})))
        simpy_s.append(spend([sys.executable, __file__, "--timeouts"])["simulate_s"])
    best = min(ours, key=lambda found: found["simulate_s"])
    clock_s, reference_s = best["simulate_s"], min(simpy_s)
    print(
        f"clock: 10,000 requests {clock_s:.3f} s, 200,000 timeouts of simpy {reference_s:.3f} s, "
        f"ratio {clock_s / reference_s:.2f}",
        flush=True,
    )
    return best | {"cpu_s": min(found["cpu_s"] for found in ours)}


def print_peer(cpu_s: float, python: str, repeat: int) -> None:
    """The whole process against the peer's, where that is installed."""
    import subprocess

    found = subprocess.run([python, "-c", "import dynamo._core"], capture_output=True, check=False)
    if found.returncode:
        print(f"whole: {cpu_s:.3f} s; ai-dynamo-runtime is not installed in {python}")
        return
    peer_s = fewest([python, "-c", PEER], repeat)["cpu_s"]
    print(f"whole: {cpu_s:.3f} s, the peer {peer_s:.3f} s, ratio {cpu_s / peer_s:.2f}", flush=True)


def print_million(ten_thousand_s: float) -> None:
    """A million requests against ten thousand."""
    many = spend(of_case({"scenario": {"workload": chat(1_000_000)}}))
    print(
        f"million: {many['simulate_s']:.1f} s, {many['simulate_s'] / ten_thousand_s:.0f} × the ten "
        f"thousand, {many['megabytes']:.0f} MB",
        flush=True,
    )


def print_drafted(repeat: int) -> None:
    """Requests whose tokens are drafted against the same decoded plainly, taking turns."""
    ways: dict[str, dict[str, object]] = {
        "plain": {},
        "drafted": {"speculation": {"method": "eagle3:3", "acceptance": 0.7}},
        "drawn": {"speculation": {"method": "eagle3:3", "acceptance": 0.7, "seed": 1}},
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, deployment in ways.items():
            case = {"scenario": {"workload": chat(10_000), "deployment": deployment}}
            spent[name].append(spend(of_case(case))["simulate_s"])
    plain_s = min(spent["plain"])
    for name, seconds in spent.items():
        print(f"{name}: {min(seconds):.3f} s, {min(seconds) / plain_s:.2f} × plain", flush=True)


def cases(traces: Path | None) -> dict[str, dict[str, object]]:
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
    return found


def print_events(traces: Path | None, repeat: int) -> None:
    """Events and seconds of each case, and the ratio to single stepping."""
    columns = ("whole_s", "cpu_s", "import_s", "simulate_s", "events", "megabytes", "hit_rate")
    print(f"{'case':26s}" + "".join(f"{c:>12s}" for c in columns) + f"{'× single':>10s}")
    for name, case in cases(traces).items():
        swift = fewest(of_case(case), repeat)
        ratio = spend(of_case(case | {"single": True}))["simulate_s"] / swift["simulate_s"]
        figures = "".join(f"{swift[c]:12.3f}" for c in columns)
        print(f"{name:26s}{figures}{ratio:10.1f}", flush=True)


def print_growth(repeat: int) -> None:
    """Seconds against requests, and the exponent of a power law through them (1: linear)."""
    import numpy as np

    sizes = (2_000, 5_000, 10_000, 20_000, 50_000)
    commands = [of_case({"scenario": {"workload": chat(n)}}) for n in sizes]
    seconds = [fewest(command, repeat)["simulate_s"] for command in commands]
    slope, offset = np.polyfit(sizes, seconds, 1)
    exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    print(f"seconds = {offset:.3f} + {slope * 1e6:.1f} µs × requests; exponent {exponent:.2f}")


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--drafted", action="store_true")
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--timeouts", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case or options.timeouts:
        print(json.dumps(run(json.loads(options.case)) if options.case else timeouts()))
        return
    if options.drafted:
        print_drafted(options.repeat)
        return
    ours = print_clock(options.repeat)
    print_peer(ours["cpu_s"], options.peer, options.repeat)
    if options.million:
        print_million(ours["simulate_s"])
    print_events(options.traces, options.repeat)
    if options.growth:
        print_growth(options.repeat)


if __name__ == "__main__":
    main()
