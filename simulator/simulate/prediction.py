"""The answer of ``predict``: one figure per key, the same keys in Python, JSON and CSV."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from simulator.economics.cost import device_price, token_cost, usd_per_second
from simulator.simulate.setup import Setup
from simulator.specs.quantity import Z_80
from simulator.specs.scenario import Economics

WITH_INTERVAL = (
    "step_time_s",
    "ttft_s",
    "tpot_s",
    "output_tokens_per_s",
    "output_tokens_per_s_per_device",
    "total_tokens_per_s",
    "requests_per_s",
    "power_w",
    "power_w_per_device",
    "joules_per_output_token",
    "joules_per_total_token",
    "watts_per_token_per_s",
    "usd_per_million_input_tokens",
    "usd_per_million_output_tokens",
    "usd_per_million_tokens",
)
"""Keys that come with ``<key>_low`` and ``<key>_high``, an 80 % interval."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One engine step (decode or prefill) or one serving point; SI units, None where there is none.

    ``sigmas`` hold the relative error (standard deviation of the logarithm) of each key.
    """

    hardware: str
    model: str
    engine: str
    precision: str
    kv_precision: str
    devices: int
    phase: str
    step_time_s: float | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    output_tokens_per_s: float | None = None
    output_tokens_per_s_per_device: float | None = None
    total_tokens_per_s: float | None = None
    requests_per_s: float | None = None
    bound: str | None = None
    memory_used_bytes: float | None = None
    kv_capacity_tokens: int | None = None
    max_batch: int | None = None
    power_w: float | None = None
    power_w_per_device: float | None = None
    joules_per_output_token: float | None = None
    joules_per_total_token: float | None = None
    watts_per_token_per_s: float | None = None
    usd_per_million_input_tokens: float | None = None
    usd_per_million_output_tokens: float | None = None
    usd_per_million_tokens: float | None = None
    ttft_p50_s: float | None = None
    ttft_p90_s: float | None = None
    ttft_p99_s: float | None = None
    tpot_p50_s: float | None = None
    tpot_p90_s: float | None = None
    tpot_p99_s: float | None = None
    notes: tuple[str, ...] = ()
    sigmas: tuple[tuple[str, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Every key and its interval, as plain values in the documented order."""
        found: dict[str, Any] = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("notes", "sigmas")
        }
        sigmas = dict(self.sigmas)
        for key in WITH_INTERVAL:
            value, sigma = found[key], sigmas.get(key)
            known = value is not None and sigma is not None
            factor = float(np.exp(Z_80 * sigma)) if sigma is not None else 1.0
            found[f"{key}_low"] = value / factor if known else None
            found[f"{key}_high"] = value * factor if known else None
        found["notes"] = "; ".join(self.notes)
        return found


def keys() -> tuple[str, ...]:
    """All keys of ``to_dict`` in order: the columns of a CSV."""
    return tuple(Prediction("", "", "", "", "", 0, "").to_dict())


def with_cost(
    setup: Setup,
    economics: Economics,
    figures: dict[str, Any],
    sigma: float,
    *,
    input_tokens_per_s: float,
    prefill_share: float,
    slower_sigma: float | None = None,
) -> Prediction:
    """Complete ``figures`` with energy and money, and say how sure each one is.

    ``figures`` hold at least ``power_w`` (all devices) and the token rates that apply. A rate
    errs as the step time does, power by the power law's own error, and energy by both.
    """
    devices = setup.deployment.total_devices
    outputs = figures.get("output_tokens_per_s") or 0.0
    power_w = figures["power_w"]
    total = outputs + input_tokens_per_s
    figures["total_tokens_per_s"] = total or None
    figures["power_w_per_device"] = power_w / devices
    if outputs:
        figures["output_tokens_per_s_per_device"] = outputs / devices
        figures["joules_per_output_token"] = power_w / outputs
        figures["watts_per_token_per_s"] = power_w / outputs
    if total:
        figures["joules_per_total_token"] = power_w / total
    price = device_price(setup.hardware, economics)
    notes = list(setup.notes)
    if price is None:
        notes.append(f"nobody has published a price of {setup.hardware.name}")
    else:
        usd = usd_per_second(price, devices, power_w, economics)
        cost = token_cost(usd, input_tokens_per_s, outputs, prefill_share)
        figures["usd_per_million_input_tokens"] = cost.usd_per_million_input_tokens
        figures["usd_per_million_output_tokens"] = cost.usd_per_million_output_tokens
        figures["usd_per_million_tokens"] = cost.usd_per_million_tokens
    power_sigma = setup.device.residual("power")
    sigmas = []
    for key in WITH_INTERVAL:
        if key.startswith("power"):
            sigmas.append((key, power_sigma))
        elif key.startswith(("joules", "watts")):
            sigmas.append((key, float(np.hypot(sigma, power_sigma))))
        elif key == "ttft_s" and slower_sigma is not None:
            sigmas.append((key, slower_sigma))
        else:
            sigmas.append((key, sigma))
    deployment = setup.deployment
    return Prediction(
        hardware=setup.device.name,
        model=setup.model.name,
        engine=deployment.engine,
        precision=setup.precision,
        kv_precision=setup.kv_precision,
        devices=devices,
        notes=tuple(notes),
        sigmas=tuple(sigmas),
        **figures,
    )
