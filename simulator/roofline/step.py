"""One engine step: the operators of a graph on a device, under a serving engine's overheads.

    device time = Σ operators
    step time   = max(device time, kernels × launch) + engine overhead

The launch floor holds for steps larger than the engine's captured graphs, which are launched
kernel by kernel. Power is idle plus the energy of the work, held at the device's limit; the
calibrated times already contain the clock that the limit leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from simulator.graph.build import Graph
from simulator.graph.operator import AttentionCore, LatentCore, Operator
from simulator.graph.step_shape import StepShape
from simulator.roofline.costing import cost
from simulator.roofline.device import Device
from simulator.roofline.load import FloatArray, Load
from simulator.specs.engine_profile import EngineProfile


NumberT = TypeVar("NumberT", FloatArray, float)
Choose = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Totals:
    """Loads of several operators summed: time, energy of the work at full clock, launches."""

    busy_s: Any
    work_j: Any
    kernels: Any

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.busy_s + other.busy_s, self.work_j + other.work_j, self.kernels + other.kernels
        )


@dataclass(frozen=True, slots=True)
class StepCost:
    """Seconds, joules and watts of one device in each step; bytes and FLOPs it moved and did."""

    time_s: FloatArray
    device_time_s: FloatArray
    energy_j: FloatArray
    power_w: FloatArray
    flops: FloatArray
    memory_bytes: FloatArray
    link_bytes: FloatArray
    relative_sigma: FloatArray
    bound: np.ndarray


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """One operator in one step: its time, what binds it, and how near the roof it runs."""

    name: str
    law: str
    count: int
    time_s: float
    share: float
    bound: str
    speed_of_light_s: float
    share_of_speed_of_light: float
    flops: float
    memory_bytes: float
    energy_j: float
    source: str


class StepModel:
    """The cost of any step of one graph on one device under one engine."""

    def __init__(self, graph: Graph, device: Device, profile: EngineProfile) -> None:
        self.graph = graph
        self.device = device
        self.profile = profile
        self._launch_s = float(profile.kernel_launch)
        self._step_overhead_s = float(profile.step_overhead)
        self._sequence_overhead_s = float(profile.sequence_overhead)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Fallbacks that every prediction of this model rests on."""
        shape = StepShape.of(decode_sequences=1, decode_context=1)
        found = dict.fromkeys(
            note for op in self.graph.operators for part in cost(op, shape, self.device)
            for note in part.notes
        )  # fmt: skip
        if not self.device.calibrated - {"power"}:
            found[
                f"{self.device.name} has no calibration of its own; "
                f"class defaults of {self.device.device_class} are used"
            ] = None
        return tuple(found)

    def loads(self, shape: StepShape) -> list[tuple[Operator, list[Load]]]:
        """Loads operator by operator."""
        padded = self._padded(shape)
        return [(op, cost(op, padded, self.device)) for op in self.graph.operators]

    def evaluate(self, shape: StepShape) -> StepCost:
        """Cost of each step of ``shape`` (numbers or arrays)."""
        parts = [part for _, found in self.loads(shape) for part in found]
        totals = self.totals(parts, shape)
        time_s, energy_j = self.combine(totals, shape.tokens, shape.sequences)
        flops = sum((f for p in parts for f in p.flops.values()), start=np.zeros(()))
        memory = sum((p.memory_bytes for p in parts), start=np.zeros(()))
        link = sum((p.link_bytes for p in parts), start=np.zeros(()))
        like = np.broadcast_to
        return StepCost(
            time_s=time_s,
            device_time_s=totals.busy_s,
            energy_j=energy_j,
            power_w=energy_j / time_s,
            flops=like(flops, time_s.shape),
            memory_bytes=like(memory, time_s.shape),
            link_bytes=like(link, time_s.shape),
            relative_sigma=self._sigma(parts, time_s),
            bound=self._bound(parts, time_s, totals.busy_s),
        )

    def totals(self, parts: list[Load], shape: StepShape) -> Totals:
        """Time, energy of the work at full clock, and launches of ``parts``."""
        power = self.device.power
        zero = np.zeros(np.broadcast(shape.tokens).shape)
        busy, work, kernels = zero, zero, zero
        for part in parts:
            busy = busy + part.time_s
            kernels = kernels + part.kernels
            work = work + part.memory_bytes * power.joules_per_hbm_byte
            work = work + part.link_bytes * power.joules_per_link_byte
            for datatype, flops in part.flops.items():
                work = work + flops * power.joules_per_flop[datatype]
        return Totals(busy, work, kernels)

    def combine(
        self,
        totals: "Totals",
        tokens: NumberT,
        sequences: NumberT,
        larger: Choose = np.maximum,
        smaller: Choose = np.minimum,
    ) -> tuple[NumberT, NumberT]:
        """Step time and energy of one device from its operators' totals.

        ``larger`` and ``smaller`` are numpy's for arrays; the builtins serve plain floats, for
        which numpy is slow.
        """
        profile, power = self.profile, self.device.power
        floor_s = (tokens > profile.captured_tokens) * totals.kernels * self._launch_s
        host_s = self._step_overhead_s + sequences * self._sequence_overhead_s
        time_s = larger(totals.busy_s, floor_s) + host_s
        drawn_j = power.idle_w * time_s + power.active_w * totals.busy_s + totals.work_j
        return time_s, smaller(drawn_j, power.limit_w * time_s)

    def _padded(self, shape: StepShape) -> StepShape:
        """Decode steps that replay a captured graph run at its size, the next one up."""
        captured = self.profile.captured_tokens
        if not captured:
            return shape
        decode_only = shape.prefill_sequences <= 0
        size = capture_size(shape.decode_sequences)
        fits = decode_only & (shape.decode_sequences > 0) & (size <= captured)
        # Padding rows attend to nothing: the batch grows while its total context stays.
        batch = np.where(fits, size, shape.decode_sequences)
        return shape.padded_to(batch)

    def _sigma(self, parts: list[Load], time_s: FloatArray) -> FloatArray:
        """Relative error of the step: shares of time times each law's error, and the engine's.

        Operators of one law err together; different laws err independently.
        """
        by_law: dict[str, FloatArray] = {}
        for part in parts:
            by_law[part.law] = by_law.get(part.law, np.zeros(())) + part.time_s
        busy = sum(by_law.values(), start=np.zeros(()))
        variance = (
            np.maximum(time_s - busy, 0.0) / time_s * float(self.profile.residual)
        ) ** 2
        for law, seconds in by_law.items():
            variance = variance + (seconds / time_s * self.device.residual(law)) ** 2
        return np.sqrt(np.broadcast_to(variance, time_s.shape))

    def _bound(self, parts: list[Load], time_s: FloatArray, busy_s: FloatArray) -> np.ndarray:
        """What takes most of each step: compute, memory, link, latency, or the engine's host."""
        kinds = ("compute", "memory", "link", "latency")
        spent = {kind: np.zeros(time_s.shape) for kind in kinds}
        for part in parts:
            bound = np.broadcast_to(part.bound, time_s.shape)
            seconds = np.broadcast_to(part.time_s, time_s.shape)
            for kind in kinds:
                spent[kind] = spent[kind] + np.where(bound == kind, seconds, 0.0)
        host = np.maximum(time_s - busy_s, 0.0)
        stacked = np.stack([*spent.values(), host])
        return np.asarray((*kinds, "host"))[np.argmax(stacked, axis=0)]

    def report(self, shape: StepShape) -> list[OperatorReport]:
        """Every operator of one step, the slowest first."""
        rows = []
        total_s = float(self.evaluate(shape).time_s)
        for op, parts in self.loads(shape):
            for part in parts:
                seconds = float(part.time_s)
                if seconds <= 0:
                    continue
                totals = self.totals([part], shape)
                rows.append(
                    OperatorReport(
                        name=_part_name(op, part),
                        law=part.law,
                        count=op.count,
                        time_s=seconds,
                        share=seconds / total_s,
                        bound=str(part.bound),
                        speed_of_light_s=float(part.roof_s),
                        share_of_speed_of_light=float(part.roof_s) / seconds,
                        flops=float(sum(float(f) for f in part.flops.values())),
                        memory_bytes=float(part.memory_bytes),
                        energy_j=float(totals.work_j),
                        source=self._source(part.law),
                    )
                )
        return sorted(rows, key=lambda r: -r.time_s)

    def _source(self, law: str) -> str:
        origins = self.device.origins
        return origins.get(law) or origins.get(law.split(".")[0], "link class")


def _part_name(op: Operator, part: Load) -> str:
    if isinstance(op, AttentionCore | LatentCore):
        return f"{op.name} ({part.law.split('.')[1].replace('latent_', '')})"
    return op.name


def capture_size(sequences: FloatArray) -> FloatArray:
    """Batch size of the captured graph that serves ``sequences``: 1, 2, 4, then multiples of 8.

    vLLM captures 1, 2, 4, every multiple of 8 up to 256 and every 16th above
    (``vllm/config/compilation.py``).
    """
    batch = np.asarray(sequences, dtype=np.float64)
    small = np.where(batch <= 1, batch, np.where(batch <= 2, 2.0, np.where(batch <= 4, 4.0, 8.0)))
    large = np.where(batch <= 256, np.ceil(batch / 8) * 8, np.ceil(batch / 16) * 16)
    return np.where(batch <= 8, small, large)

