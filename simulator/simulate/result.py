"""What a simulation answers: frozen, plain numbers, the same object that the commands print."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from simulator.economics.cost import DevicePrice, TokenCost
from simulator.roofline.step.step import OperatorReport
from simulator.serving.outcome.metrics import Limits, ServingMetrics
from simulator.serving.outcome.records import Records
from simulator.serving.traffic.request import FloatArray
from simulator.specs.quantity import Z_80


@dataclass(frozen=True, slots=True)
class Binding:
    """What binds a typical step of one phase, and the operators it is made of."""

    phase: str
    bound: str
    step_time_s: float
    batch: float
    context: float
    relative_sigma: float
    operators: tuple[OperatorReport, ...]


@dataclass(frozen=True)
class SimulationResult:
    """A finished simulation of serving."""

    scenario: str
    title: str
    hardware: str
    hardware_title: str
    model: str
    model_title: str
    precision: str
    kv_precision: str
    engine: str
    layout: str
    devices: int
    replicas: int
    metrics: ServingMetrics
    cost: TokenCost[float]
    price: DevicePrice | None
    power_w_per_device: float
    joules_per_output_token: float
    joules_per_total_token: float
    kv_capacity_tokens: int
    weight_bytes: float
    prefill: Binding
    decode: Binding
    workload: str
    objectives: Limits
    relative_sigma: float
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    records: Records = field(repr=False)
    timeline: dict[str, FloatArray] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and texts, ready for JSON; the columns and series are left out."""
        m, cost = self.metrics, self.cost
        flat: dict[str, Any] = {
            "scenario": self.scenario,
            "hardware": self.hardware,
            "model": self.model,
            "precision": self.precision,
            "kv_precision": self.kv_precision,
            "engine": self.engine,
            "layout": self.layout,
            "devices": self.devices,
            "replicas": self.replicas,
            "workload": self.workload,
            "requests": m.requests,
            "finished": m.finished,
            "rejected": m.rejected,
            "makespan_s": m.makespan_s,
            "input_tokens": m.input_tokens,
            "output_tokens": m.output_tokens,
            "cached_tokens": m.cached_tokens,
            "hit_rate": m.hit_rate,
            "hits_by_tier": m.hits_by_tier,
            "bytes_by_tier": m.bytes_by_tier,
            "read_bytes_by_tier": m.read_bytes_by_tier,
            "written_bytes_by_tier": m.written_bytes_by_tier,
            "output_tokens_per_s": m.output_tokens_per_s,
            "output_tokens_per_s_per_device": m.output_tokens_per_s / self.devices,
            "total_tokens_per_s": m.total_tokens_per_s,
            "requests_per_s": m.requests_per_s,
            "goodput_requests_per_s": m.goodput_requests_per_s,
        }
        for name in _DISTRIBUTIONS:
            spread = getattr(m, name)
            flat[name] = spread.mean
            stem = name.removesuffix("_s")
            for percentile in ("p50", "p90", "p99"):
                flat[f"{stem}_{percentile}_s"] = getattr(spread, percentile)
        flat |= {
            "output_tokens_per_s_per_user": m.output_tokens_per_s_per_user,
            "hit_rate": m.hit_rate,
            "mean_running": m.mean_running,
            "mean_waiting": m.mean_waiting,
            "power_w": m.power_w,
            "power_w_per_device": self.power_w_per_device,
            "energy_j": m.energy_j,
            "joules_per_output_token": self.joules_per_output_token,
            "joules_per_total_token": self.joules_per_total_token,
            "watts_per_token_per_s": self.joules_per_output_token,
            **asdict(cost),
            "usd_per_device_hour": None if self.price is None else self.price.usd_per_hour,
            "price_origin": None if self.price is None else self.price.origin,
            "bound_prefill": self.prefill.bound,
            "bound_decode": self.decode.bound,
            "kv_capacity_tokens": self.kv_capacity_tokens,
            "peak_kv_fraction": m.peak_kv_fraction,
            "weight_bytes": self.weight_bytes,
            "preemptions": m.preemptions,
            "steps": m.steps,
            "busy_fraction": m.busy_fraction,
            "overloaded": m.overloaded,
            "notes": list(self.notes),
            "sources": list(self.sources),
        }
        flat |= self._intervals(flat)
        return {k: _plain(v) for k, v in flat.items()}

    def _intervals(self, flat: dict[str, Any]) -> dict[str, float]:
        """80 % intervals from the relative error of the step model."""
        spread = float(np.exp(Z_80 * self.relative_sigma))
        found = {}
        for name in _WITH_INTERVAL:
            value = flat[name]
            if value is not None and np.isfinite(value):
                found[f"{name}_low"] = value / spread
                found[f"{name}_high"] = value * spread
        return found


_DISTRIBUTIONS = ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s", "ttft_from_admission_s")

_WITH_INTERVAL = (
    "ttft_s",
    "tpot_s",
    "e2e_s",
    "joules_per_output_token",
    "joules_per_total_token",
)


def _plain(value: object) -> object:
    """JSON has no NaN: a figure that does not exist is null."""
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
