"""How long a first ``roofsim predict`` takes beside importing what it stands on.

Run ``python benchmarks/startup.py``. Each round starts both processes one after the other, so
that a busy machine slows both; the figures are medians of the rounds, and the ratio that of the
medians.
"""

import os
import statistics
import subprocess
import sys
import time

_ROUNDS = 15
_BASE = ("-c", "import numpy, pydantic, typer")
_PREDICT = (
    "-m", "simulator.cli.main", "predict", "--hardware", "h100-sxm", "--model", "llama-3.1-8b",
)  # fmt: skip


def _took(arguments: tuple[str, ...]) -> tuple[float, float]:
    """Wall time and CPU time of one whole process, its imports and its end included."""
    before = os.times()
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall_s = time.perf_counter() - started
    after = os.times()
    used_s = after.children_user + after.children_system
    return wall_s, used_s - before.children_user - before.children_system


def main() -> None:
    """Print the medians and their ratios."""
    for arguments in (_BASE, _PREDICT):
        _took(arguments)  # compiled files are written, and disk caches filled
    rounds = [(_took(_BASE), _took(_PREDICT)) for _ in range(_ROUNDS)]
    for kind, name in enumerate(("wall", "CPU")):
        base_s = statistics.median(base[kind] for base, _ in rounds)
        predict_s = statistics.median(predict[kind] for _, predict in rounds)
        print(
            f"{name:4s} imports alone {base_s * 1e3:4.0f} ms, predict {predict_s * 1e3:4.0f} ms: "
            f"{predict_s / base_s:.2f} times"
        )


if __name__ == "__main__":
    main()
