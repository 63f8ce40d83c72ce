"""The answer of ``predict``: one figure per key, the same keys in Python, JSON and CSV."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.economics.cost import NumberT, device_price, token_cost, usd_per_second
from simulator.simulate.replica import Replica
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


@cache
def keys() -> tuple[str, ...]:
    """All keys of ``to_dict`` in order: the columns of a CSV."""
    return tuple(Prediction("", "", "", "", "", 0, "").to_dict())


def with_cost(
    setup: Replica,
    economics: Economics,
    figures: dict[str, Any],
    sigma: float,
    *,
    input_tokens_per_s: float,
    prefill_share: float,
    slower_sigma: float | None = None,
) -> Prediction:
    """One prediction from its ``figures``, completed with energy and money.

    ``slower_sigma`` is the relative error of TTFT where queueing makes it larger.
    """
    figures = completed(setup, economics, figures, input_tokens_per_s, prefill_share)
    sigmas = errors(setup, sigma)
    if slower_sigma is not None:
        sigmas["ttft_s"] = slower_sigma
    return Prediction(
        **described(setup), **figures, notes=notes(setup, economics), sigmas=tuple(sigmas.items())
    )


def rows_of(
    setup: Replica,
    economics: Economics,
    figures: dict[str, Any],
    sigma: NDArray[np.float64],
    *,
    input_tokens_per_s: NumberT,
    prefill_share: float,
) -> list[dict[str, Any]]:
    """Many predictions of one setup at once: ``figures`` hold arrays of one length.

    The rows are what ``Prediction.to_dict`` gives, built column by column.
    """
    count = len(sigma)
    known = completed(setup, economics, figures, input_tokens_per_s, prefill_share)
    known |= described(setup) | {"notes": "; ".join(notes(setup, economics))}
    for key, error in errors(setup, sigma).items():
        if known.get(key) is not None:
            factor = np.exp(Z_80 * error)
            known[f"{key}_low"], known[f"{key}_high"] = known[key] / factor, known[key] * factor
    names = keys()
    columns = [_column(known.get(name), count) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _column(values: object, count: int) -> list[object]:
    if isinstance(values, np.ndarray) and values.ndim:
        return list(values.tolist())
    return [values] * count


def completed(
    setup: Replica,
    economics: Economics,
    figures: dict[str, Any],
    input_tokens_per_s: NumberT,
    prefill_share: float,
) -> dict[str, Any]:
    """``figures`` with energy and money beside them; numbers, or arrays of one shape.

    They hold at least ``power_w`` (of all devices) and the token rates that apply.
    """
    devices = setup.deployment.total_devices
    outputs = figures.get("output_tokens_per_s")
    power_w = figures["power_w"]
    total = input_tokens_per_s if outputs is None else outputs + input_tokens_per_s
    found = dict(figures, total_tokens_per_s=total, power_w_per_device=power_w / devices)
    found["joules_per_total_token"] = power_w / total
    if outputs is not None:
        found["output_tokens_per_s_per_device"] = outputs / devices
        found["joules_per_output_token"] = found["watts_per_token_per_s"] = power_w / outputs
    price = device_price(setup.hardware, economics)
    if price is not None:
        usd = usd_per_second(price, devices, power_w, economics)
        written: Any = 0.0 if outputs is None else outputs
        cost = token_cost(usd, input_tokens_per_s, written, prefill_share)
        found["usd_per_million_input_tokens"] = cost.usd_per_million_input_tokens
        found["usd_per_million_output_tokens"] = cost.usd_per_million_output_tokens
        found["usd_per_million_tokens"] = cost.usd_per_million_tokens
    return found


def errors(setup: Replica, sigma: float | NDArray[np.float64]) -> dict[str, Any]:
    """Relative error of every key with an interval, from that of the step time.

    A rate errs as the step time does, power by the power law's own error, energy by both.
    """
    power_sigma = setup.device.residual("power")
    both = np.hypot(sigma, power_sigma)
    of_energy = float(both) if np.ndim(both) == 0 else both
    return {
        key: power_sigma
        if key.startswith("power")
        else of_energy
        if key.startswith(("joules", "watts"))
        else sigma
        for key in WITH_INTERVAL
    }


def notes(setup: Replica, economics: Economics) -> tuple[str, ...]:
    """What a user should know of every prediction of this setup."""
    if device_price(setup.hardware, economics) is not None:
        return setup.notes
    return (*setup.notes, f"nobody has published a price of {setup.hardware.name}")


def described(setup: Replica) -> dict[str, Any]:
    """Which deployment a prediction is of."""
    return {
        "hardware": setup.device.name,
        "model": setup.model.name,
        "engine": setup.deployment.engine,
        "precision": setup.precision,
        "kv_precision": setup.kv_precision,
        "devices": setup.deployment.total_devices,
    }
