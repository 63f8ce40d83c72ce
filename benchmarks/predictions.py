"""How many predictions a second, and how long a step model takes to build.

Run ``python benchmarks/predictions.py``.
"""

import time

import numpy as np

from simulator.simulate.point import decode_steps
from simulator.simulate.replica import replica_of
from simulator.specs.deployment import Deployment

_ROWS = 20_000


def main() -> None:
    """Print both figures."""
    for hardware, model, fields in (
        ("h200-sxm", "llama-3.1-8b", {}),
        ("b200", "deepseek-r1", {"tp": 8, "precision": "fp8_block"}),
    ):
        started = time.perf_counter()
        replica_of(hardware, model, Deployment(**fields))
        first_s = time.perf_counter() - started
        started = time.perf_counter()
        # Another deployment of the same files: nothing is read again, everything is built again.
        setup = replica_of(hardware, model, Deployment(**fields, max_sequences=100))
        built = setup.step_model
        build_s = time.perf_counter() - started
        rng = np.random.default_rng(0)
        batch = rng.integers(1, 64, _ROWS).astype(float)
        context = rng.integers(1, 4096, _ROWS).astype(float)
        decode_steps(setup, batch[:10], context[:10])
        started = time.perf_counter()
        decode_steps(setup, batch, context)
        rows_per_s = _ROWS / (time.perf_counter() - started)
        print(
            f"{model:16s} on {hardware}: {len(built.graph.operators)} operators, "
            f"first {first_s * 1e3:.0f} ms, again {build_s * 1e3:.1f} ms, "
            f"{rows_per_s:,.0f} decode steps/s"
        )


if __name__ == "__main__":
    main()
