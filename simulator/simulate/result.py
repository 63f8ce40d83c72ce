"""What a simulation answers: frozen, plain numbers, the same object that the commands print."""

from dataclasses import dataclass
from typing import Any, ClassVar

from simulator.economics.price import DevicePrice
from simulator.roofline.step.report import OperatorReport
from simulator.serving.outcome.metrics import Limits, ServingMetrics
from simulator.serving.outcome.records import Records
from simulator.serving.traffic.request import FloatArray
from simulator.simulate.answer import Answer
from simulator.simulate.figure import Figure
from simulator.simulate.figures import FIGURES
from simulator.simulate.pricing import BasisCost


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


@dataclass(frozen=True, repr=False, eq=False)
class SimulationResult(Answer):
    """A finished simulation of serving: its figures, and the columns and series behind them.

    ``records`` has one array a column, an entry for each request; ``timeline`` one a series;
    ``prices`` one a pool; ``elsewhere`` what it would cost on other bases, the nearest first;
    ``price_notes`` are those notes that say why there is no price.
    """

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
    workload: str
    metrics: ServingMetrics
    prices: tuple[DevicePrice | None, ...]
    elsewhere: tuple[BasisCost, ...]
    price_notes: tuple[str, ...]
    prefill: Binding
    decode: Binding
    objectives: Limits
    sources: tuple[str, ...]
    records: Records
    timeline: dict[str, FloatArray]

    identity: ClassVar[tuple[str, ...]] = (
        "scenario", "hardware", "model", "precision", "kv_precision", "engine", "layout",
        "devices", "replicas", "workload",
    )  # fmt: skip
    shown: ClassVar[tuple[Figure, ...]] = FIGURES

    def to_dict(self) -> dict[str, Any]:
        """See ``Answer``; sources stand last, the columns and series are left out."""
        return {**super().to_dict(), "sources": list(self.sources)}

    def _about(self) -> str:
        devices = f"{self.devices} × {self.hardware}"
        return f"{self.scenario}: {self.model} {self.precision} on {devices}, {self.workload}"
