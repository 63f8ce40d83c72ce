"""Machines that hold all weights in SRAM: what one token waits for, chip by chip.

On a wafer, or on hundreds of small chips, reading the weights is not what takes time: each layer
has its own cores, and they read their share of the weights in a microsecond or two. A token's
time is a chain of dependent operations (broadcast a vector, multiply, reduce, normalise, …), each
of which crosses the layer's cores or chips; then the way from chip to chip and out of the
machine. Other tokens follow in the pipeline until its stages are full.

    token   = leaving and entering + operations × operation + Σ layers bytes / (region's SRAM)
              + crossings × crossing
    region  = the machine's SRAM bandwidth / layers
    step    = token × max(1, tokens / stages), and no less than FLOPs / (chips × peak)

This says why 8 B parameters on a wafer run at some thousand tokens/s and not at a million, which
is what the SRAM's bandwidth alone would give.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.errors import InputError
from simulator.graph.build import Graph
from simulator.graph.operator import (
    WIDE_BITS,
    Collective,
    Elementwise,
    Experts,
    Lookup,
    Matmul,
    Operator,
)
from simulator.graph.step_shape import StepShape
from simulator.graph.work import work
from simulator.memory.placement import layers_of
from simulator.roofline.device.device import Device
from simulator.roofline.laws.load import FloatArray, Load, load
from simulator.roofline.laws.machine.constants import MACHINE, MachineCalibration
from simulator.roofline.step.ranks import RankStep
from simulator.roofline.step.step import StepModel
from simulator.specs.engine_profile import EngineProfile
from simulator.units import humane


@dataclass(frozen=True, slots=True)
class Machine:
    """A model spread over ``chips``: the fewest that hold it, unless the user asks for more."""

    chips: int
    layers: int
    calibration: MachineCalibration

    @property
    def crossings(self) -> int:
        """Borders between chips that a token passes: one at most between two layers."""
        return min(self.chips, self.layers) - 1


def spread(
    graph: Graph,
    device: Device,
    chips: int | None,
    engine: str = "",
    usable_fraction: float = 1.0,
) -> Machine:
    """The machine that holds ``graph``, which describes the whole model, under ``engine``.

    Raises:
        InputError: more chips are needed than were asked for, or than can be linked.
    """
    room = device.memory_bytes * usable_fraction
    needed = max(1, math.ceil(graph.weight_bytes / room))
    if chips is not None and chips < needed:
        raise InputError(
            f"weights of {humane(graph.weight_bytes, 'B')} need {needed} × "
            f"{humane(room, 'B')} of SRAM, {chips} chips have {humane(chips * room, 'B')}",
            field="devices",
            remedy=f"use at least {needed}",
        )
    law = device.book.law(MACHINE, engine).constants
    return Machine(chips or needed, layers_of(graph), law)


class SramStepModel(StepModel):
    """The cost of any step on such a machine; figures of work are one chip's share."""

    overheads = ("machine.crossings", "latency")

    def __init__(
        self, graph: Graph, device: Device, profile: EngineProfile, machine: Machine
    ) -> None:
        super().__init__(graph, device, profile)
        self.machine = machine
        law = machine.calibration
        self._launch_s = self._sequence_overhead_s = 0.0
        self._captured_tokens = 0
        self._step_overhead_s = law.token_s + machine.crossings * law.crossing_s

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """See ``StepModel``."""
        chips = self.machine.chips
        return (
            f"one replica takes {chips} {self.device.name}; its speed is a latency law fitted to "
            f"published tokens/s of single users",
        )

    def costs(self, op: Operator, step: RankStep) -> list[Load]:
        """See ``StepModel``."""
        return [machine_load(op, step.shape, self.device, self.machine)]


def machine_load(op: Operator, shape: StepShape, device: Device, machine: Machine) -> Load:
    """All instances of ``op`` in the steps of ``shape``."""
    law = machine.calibration
    rows = shape.logit_rows if op.driver == "logits" else shape.tokens
    datatype = op.compute_datatype
    peak = _peak(device, datatype)
    flops = work(op, shape).flops / machine.chips
    moved = work(op, _one_token(shape), WIDE_BITS).memory_bytes
    whole = machine.chips * device.bandwidth_bytes_per_s * law.memory_fraction
    chain = op.count * depth(op) * law.operation_s + moved * machine.layers / whole
    # One token fills one stage of the pipeline; there are as many stages as layers.
    full = np.maximum(rows / machine.layers, 1.0)
    latency = np.where(shape.prefill_sequences > 0, chain, chain * full)
    time_s: FloatArray = np.maximum(latency, flops / (peak * law.peak_fraction))
    return load(
        law="machine.latency",
        time_s=np.where(rows > 0, time_s, 0.0),
        datatype=None if datatype is None else _datatype(device, datatype),
        peak_flops=peak,
        flops=flops,
        memory_bytes=rows * moved / machine.chips,
        # The rows of a prompt stream through weights that are read while they pass.
        bandwidth_bytes_per_s=np.where(
            shape.prefill_sequences > 0, np.inf, device.bandwidth_bytes_per_s
        ),
    )


def depth(op: Operator) -> int:
    """Dependent operations of one instance: what cannot start before the one before is done.

    Values stream from operation to operation, so element-wise work costs nothing of its own
    except norms, which reduce over a whole row first. Shared experts run beside the routed ones.
    """
    if isinstance(op, Elementwise):
        return op.kernels if op.role == "norm" else 0
    if isinstance(op, Experts):
        return 3 if op.gated else 2
    if isinstance(op, Matmul):
        return 0 if op.role == "shared_expert" else 1
    return 0 if isinstance(op, Collective | Lookup) else 2


def _one_token(shape: StepShape) -> StepShape:
    """A decode step of one of the sequences: what a single token reads."""
    context = np.where(
        shape.decode_sequences > 0,
        shape.decode_context,
        shape.prefill_past + shape.prefill_tokens / 2,
    )
    return StepShape.decode(np.ones_like(context), context)


def _datatype(device: Device, wanted: str) -> str:
    return next(
        (t for t in (wanted, "bf16", "fp16") if t in device.peaks), next(iter(device.peaks))
    )


def _peak(device: Device, datatype: str | None) -> float:
    return np.inf if datatype is None else device.peaks[_datatype(device, datatype)]
