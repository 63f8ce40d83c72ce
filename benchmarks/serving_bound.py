"""How far the bound of a loaded replica is from its simulation, and how fast it is.

    python benchmarks/serving_bound.py [--systems 200] [--seed 1] [--candidates 100000]

Draws random systems (device, model, layout, engine, limits, lengths) at random loads below 90 %,
and prints the errors of mean and 99 % of TTFT and TPOT. Then it sizes as many candidates as asked
for, replicas counted as a person would count them, and prints processor seconds.
"""

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import simulator as rs
from simulator.errors import InputError
from simulator.planning.bound.lengths import Lengths
from simulator.planning.bound.limit import saturation
from simulator.planning.bound.loaded import loaded
from simulator.planning.bound.pace import Pace, pace_of
from simulator.simulate.replica import replica_of
from simulator.specs.deployment import Deployment

HARDWARE = (
    "h100-sxm", "h200-sxm", "b200", "a100-sxm", "mi300x", "l40s", "b300", "mi355x", "gb200",
    "h100-pcie",
)  # fmt: skip
MODELS = {
    "llama-3.1-8b": (1, 2), "llama-3.3-70b": (2, 4, 8), "qwen3-32b": (1, 2, 4),
    "qwen3-30b-a3b": (1, 2, 4), "gpt-oss-120b": (1, 2, 4, 8), "mixtral-8x7b": (2, 4),
    "qwen3-235b-a22b": (4, 8), "phi-4": (1, 2),
}  # fmt: skip
REQUESTS = 800, 8000


@dataclass(frozen=True)
class System:
    """One random system and its traffic."""

    hardware: str
    model: str
    settings: dict[str, Any]
    isl: int
    osl: int
    spread: float
    load: float

    @property
    def lengths(self) -> Lengths:
        """Lengths spread evenly below the longest, as ``length_spread`` draws them."""
        prompts, answers = (
            np.linspace(top * (1 - self.spread), top, 201) for top in (self.isl, self.osl)
        )
        return Lengths(
            prompt=float(prompts.mean()),
            answer=float(answers.mean()),
            prompt_cv2=float(prompts.var() / prompts.mean() ** 2),
            answer_cv2=float(answers.var() / answers.mean() ** 2),
            prompts=tuple(prompts.tolist()),
            answers=tuple(answers.tolist()),
        )


def drawn(rng: np.random.Generator) -> System:
    """A system, which need not fit."""
    model = str(rng.choice(list(MODELS)))
    engine = str(rng.choice(["vllm", "vllm", "sglang", "trtllm"]))
    isl, osl = (
        int(np.exp(rng.uniform(np.log(a), np.log(b)))) for a, b in ((100, 16e3), (20, 1500))
    )
    settings: dict[str, Any] = {"engine": engine, "tp": int(rng.choice(MODELS[model]))}
    if rng.random() < 0.5:
        settings["precision"] = "fp8"
    budget = int(rng.choice([0, 0, 2048, 8192, 16384]))
    if engine == "trtllm":
        budget = max(budget, -(-(isl + 600) // 64) * 64, 8192)
    if budget:
        settings["max_batched_tokens"] = budget
    if rng.random() < 0.3:
        settings["max_sequences"] = int(rng.choice([16, 64, 128]))
    return System(
        str(rng.choice(HARDWARE)), model, settings, isl, osl,
        float(rng.choice([0.0, 0.2, 0.8])), float(rng.uniform(0.15, 0.9)),
    )  # fmt: skip


def errors(system: System) -> list[float] | None:
    """Relative errors of TTFT and TPOT, mean and 99 %; None for what cannot be served."""
    try:
        replica = replica_of(system.hardware, system.model, Deployment(**system.settings))
        pace = pace_of(replica, system.lengths)
        rate = system.load * saturation(pace)
        if rate <= 0:
            return None
        bound = loaded(pace, np.array([rate]))
        count = int(np.clip(25 * bound.sequences[0], *REQUESTS))
        found = rs.predict(
            system.hardware, system.model, phase="serve", isl=system.isl, osl=system.osl, rate=rate,
            length_spread=system.spread, requests=count, **system.settings,
        )  # fmt: skip
    except InputError:
        return None
    pairs = (
        (bound.ttft_s, found.ttft_s), (bound.ttft_high_s, found.ttft_p99_s),
        (bound.tpot_s, found.tpot_s), (bound.tpot_high_s, found.tpot_p99_s),
    )  # fmt: skip
    return [float(a[0] / b - 1.0) for a, b in pairs]


def accuracy(systems: int, seed: int) -> None:
    """Print errors over ``systems`` random systems."""
    rng, rows = np.random.default_rng(seed), []
    while len(rows) < systems:
        row = errors(drawn(rng))
        if row is not None:
            rows.append(row)
    print(f"{systems} random systems below 90 % load, bound over simulation:")
    for i, name in enumerate(("TTFT mean", "TTFT p99", "TPOT mean", "TPOT p99")):
        off = np.array([row[i] for row in rows])
        print(
            f"  {name:10} {100 * np.abs(off).mean():5.1f} % mean, "
            f"{100 * np.median(np.abs(off)):5.1f} % median, bias {100 * off.mean():+5.1f} %"
        )


def speed(candidates: int) -> None:
    """Print processor seconds of sizing so many candidates, 100 numbers of replicas of each."""
    paces: list[Pace] = []
    lengths = Lengths(prompt=1500.0, answer=250.0, prompt_cv2=1.0, answer_cv2=1.0)
    each = 100
    started = time.process_time()
    rng = np.random.default_rng(1)
    seen: set[str] = set()
    while len(paces) * each < candidates:
        system = drawn(rng)
        settings = dict(system.settings, max_sequences=int(rng.integers(16, 1024)))
        if str((system.hardware, system.model, settings)) in seen:
            continue
        seen.add(str((system.hardware, system.model, settings)))
        try:
            replica = replica_of(system.hardware, system.model, Deployment(**settings))
        except InputError:
            continue
        pace = pace_of(replica, lengths)
        loaded(pace, 40.0 / np.arange(1, each + 1))
        paces.append(pace)
    seconds = time.process_time() - started
    print(f"{len(paces) * each:,} candidates: {seconds:.1f} s of one processor")


def main() -> None:
    """Read the arguments and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--candidates", type=int, default=100_000)
    given = parser.parse_args()
    if given.systems:
        accuracy(given.systems, given.seed)
    if given.candidates:
        speed(given.candidates)


if __name__ == "__main__":
    main()
