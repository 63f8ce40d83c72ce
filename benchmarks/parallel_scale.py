"""Whole installations: seconds and memory to simulate them, whatever their size.

python benchmarks/parallel_scale.py
"""

import resource
import time

from simulator.simulate.predict import predict

INSTALLATIONS = (
    ("h200-sxm", 8),
    ("gb200-nvl72", 64),
    ("cloudmatrix-384", 384),
    ("maia-200-cluster", 6144),
    ("tpu-v7-pod", 9216),
)
USERS_PER_DEVICE = 4


def main() -> None:
    """Print one line for each installation."""
    print("hardware            devices  requests   tokens/s   TPOT ms   seconds   peak MB")
    for hardware, devices in INSTALLATIONS:
        users = USERS_PER_DEVICE * devices
        started = time.perf_counter()
        answer = predict(
            hardware,
            "llama-3.1-70b",
            phase="serve",
            engine="generic",
            precision="fp8",
            tp=8,
            devices=devices,
            isl=1024,
            osl=256,
            concurrency=users,
        )
        took_s = time.perf_counter() - started
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(
            f"{hardware:18s} {devices:8d} {10 * users:9d} {answer.output_tokens_per_s:10.0f}"
            f" {1e3 * (answer.tpot_s or 0):9.2f} {took_s:9.2f} {peak_mb:9.0f}"
        )


if __name__ == "__main__":
    main()
