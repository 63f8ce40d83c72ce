"""At which interactivity does a GB200 NVL72 serve a mixture for a tenth of an H200's cost?

    python benchmarks/parallel_nvl72_claim.py [--model deepseek-r1] [--isl 8192] [--osl 1024]

For each system every layout and batch is priced: decode steps at the mean context, and the
prefill that each answer needs, on devices of the same kind. What is left is, for each speed that
a user wants (tokens/s), the cheapest way to serve it, and the ratio between the two systems.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from simulator.economics.cost import device_price
from simulator.errors import InputError
from simulator.simulate.point import decode_steps, prefill_steps
from simulator.simulate.replica import Replica, replica_of
from simulator.specs import catalogue
from simulator.specs.deployment import Deployment
from simulator.specs.economics import Economics

SPEEDS = (10, 20, 30, 40, 50, 60, 75, 90, 100, 125, 150, 200)
"""Tokens a second for each user."""


@dataclass(frozen=True)
class System:
    """A kind of hardware, the precision its users choose, and the layouts they try."""

    hardware: str
    precision: str
    layouts: tuple[dict[str, int], ...]


H200 = System(
    "h200-sxm",
    "fp8_block",
    ({"tp": 8}, {"tp": 8, "ep": 8}, {"dp": 8, "ep": 8}, {"dp": 16, "ep": 16}),
)
NVL72 = System(
    "gb200-nvl72",
    "nvfp4",
    (
        {"tp": 4},
        {"tp": 8},
        *({"dp": n, "ep": n} for n in (4, 8, 16, 32, 64)),
        *({"tp": 4, "dp": n // 4, "ep": n} for n in (16, 32, 64)),
    ),
)


def frontier(
    model: str, system: System, isl: int, osl: int, overlap: bool = False, drafted: float = 1.0
) -> np.ndarray:
    """Points (tokens/s for a user, tokens/s for a device) of all layouts and batches.

    ``drafted`` is the mean number of tokens that one decode step yields (multi-token
    prediction); the extra work of verifying them is left out.
    """
    points = []
    for layout in system.layouts:
        for batches in (False, True) if overlap and "dp" in layout else (False,):
            deployment = Deployment(
                precision=system.precision,
                kv_precision="fp8",
                engine="trtllm",
                two_batch_overlap=batches,
                **layout,
            )
            try:
                setup = replica_of(system.hardware, model, deployment)
            except InputError:
                continue
            points.append(_layout_points(setup, isl, osl, drafted))
    return np.concatenate(points)


def _layout_points(setup: Replica, isl: int, osl: int, drafted: float) -> np.ndarray:
    devices = setup.deployment.devices_per_replica
    context = isl + osl / 2
    most = float(setup.limits.kv_blocks * setup.limits.kv_block_tokens) / (isl + osl)
    batch = np.unique(np.round(np.geomspace(1, max(most, 1), 60)))
    step_s = decode_steps(setup, batch, np.full_like(batch, context))["step_time_s"]
    prompts = float(max(setup.deployment.dp, 1))
    prefill = prefill_steps(setup, np.array([prompts]), np.array([float(isl)]))
    prefill_device_s = float(prefill["step_time_s"][0]) * devices / prompts
    decode_device_s = step_s / drafted * devices / batch * osl
    for_a_user = drafted / step_s
    for_a_device = osl / (prefill_device_s + decode_device_s)
    return np.stack([for_a_user, for_a_device], axis=1)


def best_at(points: np.ndarray, speed: float) -> float:
    """The most tokens/s for a device that still gives every user ``speed``; NaN where none."""
    fast_enough = points[points[:, 0] >= speed, 1]
    return float(fast_enough.max()) if fast_enough.size else float("nan")


def usd_per_hour(system: System) -> float:
    """SemiAnalysis's estimate of a three-year lease, the same source for both systems."""
    lease = Economics(provider="SemiAnalysis", term="reserved-3y")
    price = device_price(catalogue.hardware(system.hardware), lease)
    if price is None:
        raise InputError(f"nobody has published a price of {system.hardware}")
    return price.usd_per_hour


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="deepseek-r1")
    parser.add_argument("--isl", type=int, default=8192)
    parser.add_argument("--osl", type=int, default=1024)
    parser.add_argument("--drafted", type=float, default=1.0, help="tokens a step, both systems")
    args = parser.parse_args()
    prices = {s.hardware: usd_per_hour(s) for s in (H200, NVL72)}
    old = frontier(args.model, H200, args.isl, args.osl, drafted=args.drafted)
    new = frontier(args.model, NVL72, args.isl, args.osl, overlap=True, drafted=args.drafted)
    print(f"{args.model}, {args.isl} in, {args.osl} out; USD/device-h: {prices}")
    print("tok/s/user   H200 tok/s/dev   NVL72 tok/s/dev   H200 $/M   NVL72 $/M   ratio")
    for speed in SPEEDS:
        rates = best_at(old, speed), best_at(new, speed)
        usd = [p / 3600 / r * 1e6 for p, r in zip(prices.values(), rates, strict=True)]
        print(
            f"{speed:10d}   {rates[0]:14.0f}   {rates[1]:15.0f}   {usd[0]:8.2f}   {usd[1]:9.2f}"
            f"   {usd[0] / usd[1]:5.1f}"
        )
    print(f"fastest user: H200 {old[:, 0].max():.0f}, NVL72 {new[:, 0].max():.0f} tok/s")


if __name__ == "__main__":
    main()
