"""One engine step: the operators of a graph on a device, under a serving engine's overheads.

    device time = Σ operators
    step time   = max(device time, launches × launch time) + engine overhead

Steps larger than the engine's captured graphs are launched kernel by kernel; smaller ones with
prompts replay pieces of a graph and launch attention between them. A step is asked of a whole
replica; see ``replica`` for what a device gets of it. Time here is the fullest device's, energy
the mean device's. Power is idle plus the energy of the work, held at the device's limit; the
calibrated times already contain the clock that the limit leaves.
"""

from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from simulator.graph.build import Graph
from simulator.graph.operator import Operator
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import Device
from simulator.roofline.device.under_engine import share_of, under_engine
from simulator.roofline.laws.collective.constants import LINK
from simulator.roofline.laws.costing import cost
from simulator.roofline.laws.load import FloatArray, Load
from simulator.roofline.step.captured import Run, cut, filled, replays_of
from simulator.roofline.step.cost import StepCost
from simulator.roofline.step.ranks import (
    ONE_TURN,
    Choose,
    NumberT,
    RankStep,
    Turns,
    placed,
    rank_step,
)
from simulator.specs.engine_profile import EngineProfile

if TYPE_CHECKING:
    from simulator.roofline.off_device.offload import OffloadPlan

Totals = tuple[NumberT, NumberT, NumberT, NumberT]
"""Loads of several operators summed: seconds, joules of the work at full clock, launches, and the
part of the seconds that is spent in messages."""


Known = tuple[Totals[FloatArray], FloatArray, FloatArray, FloatArray]
"""Totals of a step, its tokens in one run, its sequences, and its prompts."""


class Spent(NamedTuple):
    """Where the seconds of a step go: what follows ``time_s`` adds up to it.

    Args:
        time_s: the whole step.
        operators_s: all operators of one micro-batch, both halves where it is cut in two.
        hidden_s: of them, messages that pass behind compute; to be taken off.
        launching_s: until the host has launched what no captured graph holds, beyond that.
        moving_s: for bytes from off the device.
        overheads_s: of the engine, while the device runs nothing.
        turns_s: further micro-batches in the slowest pipeline stage, beyond all that.
    """

    time_s: Any
    operators_s: Any
    hidden_s: Any
    launching_s: Any
    moving_s: Any
    overheads_s: Any
    turns_s: Any


class StepModel:
    """The cost of any step of one graph on one device under one engine."""

    overheads: ClassVar[tuple[str, str]] = ("engine.overhead", "host")
    """What the time is called in which no operator runs, and what binds it."""

    def __init__(
        self,
        graph: Graph,
        device: Device,
        profile: EngineProfile,
        offload: "OffloadPlan | None" = None,
    ) -> None:
        self.graph = graph
        self.offload = offload
        self.device = under_engine(device, profile)
        self.profile = profile
        self._launch_s = float(profile.kernel_launch)
        self._gap_s = share_of(profile.kernel_gap, device, absent=0.0)
        attentions = sum(op.count for op in graph.operators if op.driver == "context")
        self._piecewise_launches = attentions * profile.attention_launches
        layers = sum(count for _, count in graph.layer_groups)
        self._prompt_start_s = layers * float(profile.prompt_layer_start)
        self._step_overhead_s = float(profile.step_overhead)
        self._sequence_overhead_s = float(profile.sequence_overhead)
        self._overlap = float(profile.communication_overlap)
        self._hides_messages = graph.layout.two_batch_overlap or self._overlap > 0
        # Constants that ``combine`` would look up anew for each of a million steps.
        self._is_whole = graph.layout.is_whole
        self._captured_tokens = profile.captured_tokens
        self._power = self.device.power

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Fallbacks that every prediction of this model rests on."""
        shape = StepShape.of(decode_sequences=1, decode_context=1)
        found = dict.fromkeys(
            note
            for op in self.graph.operators
            for part in cost(op, shape, self.device, self.device.book)
            for note in part.notes
        )
        if not self.device.book.calibrated - {"power"}:
            found[
                f"{self.device.name} has no calibration of its own; "
                f"class defaults of {self.device.device_class} are used"
            ] = None
        found |= dict.fromkeys(self.offload.notes if self.offload else ())
        return tuple(found)

    def runs(self, shape: StepShape) -> list[Run]:
        """What the fullest device runs for each step, at the sizes that the engine runs.

        It is one run, but for decode steps beyond the largest captured graph. Those are launched
        kernel by kernel, or replay that graph for as many rows as it holds and then one for the
        rest, whichever takes less time: no engine has to run the slower one, since a scheduler
        held to the captured size takes the sequences in turns. How often comes with each run.
        """
        step, most = rank_step(shape, self.graph.layout), self._captured_tokens
        whole = self._filled([(step, 1.0)])
        replays = replays_of(step, most)
        if self.offload is not None or not np.any(replays):
            return whole
        parts = self._filled(cut(step, replays, most))
        is_faster = self._timed_runs(parts)[0] < self._timed_runs(whole)[0]
        return self._filled(cut(step, np.where(is_faster, replays, 0.0), most))

    def _filled(self, runs: list[Run]) -> list[Run]:
        """``runs`` at the sizes of captured graphs, which only GPUs have."""
        most = self._captured_tokens if self.device.runs_gpu_kernels else 0
        return [(filled(step, most), times) for step, times in runs]

    def remarks(self, shape: StepShape) -> tuple[str, ...]:
        """What a reader of these steps must know, beside the ``notes`` on all of them."""
        most, (last, *before) = self._captured_tokens, self.runs(shape)
        if before and np.any(before[0][1] > 0):
            how = "replay that graph and one for the rest, as launching kernel by kernel is slower"
        elif most and np.any(last[0].attending.tokens > most):
            how = "are launched kernel by kernel"
        else:
            return ()
        return (f"steps beyond the {most} tokens that {self.profile.name} captures {how}",)

    def loads(self, shape: StepShape) -> list[tuple[Operator, list[Load]]]:
        """Loads of one micro-batch on the fullest device, operator by operator."""
        return self.loads_of(self.runs(shape))

    def loads_of(self, runs: list[Run]) -> list[tuple[Operator, list[Load]]]:
        """The same of ``runs``."""
        found = []
        for op in self.graph.operators:
            each = [[p.times(times) for p in self.costs(op, step)] for step, times in runs]
            found.append((op, [reduce(Load.plus, same) for same in zip(*each, strict=True)]))
        return found

    def _parts(self, runs: list[Run]) -> list[Load]:
        return [part for _, found in self.loads_of(runs) for part in found]

    def costs(self, op: Operator, step: RankStep) -> list[Load]:
        """Loads of one operator in one micro-batch."""
        layout = self.graph.layout
        return [
            part
            for o, s in placed(op, step, layout)
            for part in cost(o, s, self.device, self.device.book)
        ]

    def evaluate(self, shape: StepShape) -> StepCost:
        """Cost of each step of ``shape`` (numbers or arrays)."""
        runs = self.runs(shape)
        parts, turns = self._parts(runs), runs[0][0].turns
        time_s, energy_j = self._timed(parts, runs)
        spent = self.spent_on(parts, runs)
        device_s = spent.operators_s - spent.hidden_s
        device_s = device_s * np.maximum(1.0, turns.passes * self.graph.stage_share)
        once_s = sum((p.time_s for p in parts), start=np.zeros(()))
        rounds = device_s / np.maximum(once_s, 1e-30)
        flops = sum((f for p in parts for f in p.flops.values()), start=np.zeros(()))
        memory = sum((p.memory_bytes for p in parts), start=np.zeros(()))
        link = sum((p.link_bytes for p in parts), start=np.zeros(()))
        if self.offload is not None:
            link = link + self.offload.link_bytes(runs[0][0].attending.tokens)
        like = np.broadcast_to
        # Loads are of one micro-batch through all stages; a device runs one stage of each.
        times = turns.passes * turns.halves / self.graph.layout.pp
        return StepCost(
            time_s=time_s,
            energy_j=energy_j,
            flops=like(flops * times, time_s.shape),
            memory_bytes=like(memory * times, time_s.shape),
            link_bytes=like(link * times, time_s.shape),
            relative_sigma=self._sigma(parts, time_s, rounds),
            bound_s=self._bound_s(parts, time_s, rounds, spent.moving_s),
        )

    def times(self, shape: StepShape) -> tuple[FloatArray, FloatArray]:
        """Seconds and joules of ``evaluate`` alone, in half its time."""
        return self._timed_runs(self.runs(shape))

    def _timed_runs(self, runs: list[Run]) -> tuple[FloatArray, FloatArray]:
        return self._timed(self._parts(runs), runs)

    def _timed(self, parts: list[Load], runs: list[Run]) -> tuple[FloatArray, FloatArray]:
        known, turns = self._known(parts, runs)
        return self.combine(*known, turns=turns)

    def spent_on(self, parts: list[Load], runs: list[Run]) -> Spent:
        """Where the time of steps goes, as the fullest rank sees them."""
        known, turns = self._known(parts, runs)
        return Spent(*self._spent(*known, np.maximum, np.minimum, turns))

    def _known(self, parts: list[Load], runs: list[Run]) -> tuple[Known, Turns]:
        """What ``combine`` is told of steps that are made of ``runs``."""
        last = runs[0][0]
        mine = last.attending
        sequences = sum((s.attending.sequences * n for s, n in runs), start=np.zeros(()))
        totals = self.totals(parts, mine)
        return (totals, mine.tokens, sequences, mine.prefill_sequences), last.turns

    def totals(self, parts: list[Load], shape: StepShape) -> Totals[FloatArray]:
        """Time, energy of the work at full clock, and launches of ``parts``."""
        power = self.device.power
        zero = np.zeros(np.broadcast(shape.tokens).shape)
        busy, work, kernels, link = zero, zero, zero, zero
        for part in parts:
            busy = busy + part.time_s
            if part.law == LINK.name:
                link = link + part.time_s
            kernels = kernels + part.kernels
            work = work + power.work_j(part.flops, part.memory_bytes, part.link_bytes)
        return busy, work, kernels, link

    def combine(
        self,
        totals: Totals[NumberT],
        tokens: NumberT,
        sequences: NumberT,
        prompts: NumberT,
        larger: Choose = np.maximum,
        smaller: Choose = np.minimum,
        turns: Turns = ONE_TURN,
    ) -> tuple[NumberT, NumberT]:
        """Step time and energy of one device from its operators' totals in one micro-batch.

        ``larger`` and ``smaller`` are numpy's for arrays; the builtins serve plain floats, for
        which numpy is slow.
        """
        time_s = self._spent(totals, tokens, sequences, prompts, larger, smaller, turns)[0]
        busy_s, work_j, _, _ = totals
        if not self._is_whole:
            # Of a pass through all stages a device does its own stage's part.
            own = turns.passes * turns.halves * turns.fill / self.graph.layout.pp
            busy_s, work_j = busy_s * own, work_j * own
        if self.offload is not None:
            moved_j: Any = self.offload.energy_j(tokens)
            work_j = work_j + moved_j
        return time_s, self._power.drawn_j(time_s, busy_s, work_j, smaller)

    def _spent(
        self,
        totals: Totals[NumberT],
        tokens: NumberT,
        sequences: NumberT,
        prompts: NumberT,
        larger: Choose,
        smaller: Choose,
        turns: Turns,
    ) -> tuple[Any, ...]:
        """The fields of ``Spent``, which takes too long to make for each of a million steps.

        A token passes all stages one after another; with enough micro-batches the slowest stage
        never waits, and sets the pace.
        """
        busy_s, _, kernels, link_s = totals
        halves = turns.halves
        operators_s = pass_s = busy_s * halves
        hidden_s: Any = 0.0
        if self._hides_messages:
            hidden_s = self._hidden_s(busy_s, link_s, turns, smaller)
            pass_s = pass_s - hidden_s
        uncaptured = tokens > self._captured_tokens
        pieces = (prompts > 0) * self._piecewise_launches
        launches = uncaptured * kernels + (1 - uncaptured) * pieces
        launching_s = larger(launches * halves * self._launch_s - pass_s, 0.0)
        pass_s = pass_s + launching_s
        overheads_s = (
            self._step_overhead_s
            + sequences * self._sequence_overhead_s
            + kernels * halves * self._gap_s
            + (prompts > 0) * self._prompt_start_s
        )
        moving_s: Any = 0.0
        if self.offload is not None:
            moving_s = self.offload.exposed_s(pass_s, tokens)
            pass_s = pass_s + moving_s
        time_s = pass_s + overheads_s
        turns_s: Any = 0.0
        if not self._is_whole:
            paced_s = turns.passes * self.graph.stage_share * pass_s
            turns_s = larger(paced_s - time_s, 0.0)
            time_s = time_s + turns_s
        return time_s, operators_s, hidden_s, launching_s, moving_s, overheads_s, turns_s

    def _hidden_s(self, busy_s: NumberT, link_s: NumberT, turns: Turns, smaller: Choose) -> NumberT:
        """What is hidden of a micro-batch's messages behind its compute.

        An engine hides a fraction; two halves that take turns hide all but what does not fit.
        """
        hideable = smaller(link_s, busy_s - link_s)
        hidden = self._overlap + (turns.halves > 1) * (1.0 - self._overlap)
        hidden_s: NumberT = turns.halves * hidden * hideable
        return hidden_s

    def _sigma(self, parts: list[Load], time_s: FloatArray, rounds: FloatArray) -> FloatArray:
        """Relative error of the step: shares of time times each law's error, and the engine's.

        Operators of one law err together; different laws err independently.
        """
        by_law: dict[str, FloatArray] = {}
        for part in parts:
            by_law[part.law] = by_law.get(part.law, np.zeros(())) + part.time_s * rounds
        busy = sum(by_law.values(), start=np.zeros(()))
        variance = (np.maximum(time_s - busy, 0.0) / time_s * float(self.profile.residual)) ** 2
        for law, seconds in by_law.items():
            variance = variance + (seconds / time_s * self.device.book.residual(law)) ** 2
        prompts = self.device.book.prompts_residual
        if prompts:
            bound = sum(np.where(p.bound == "compute", p.time_s * rounds, 0.0) for p in parts)
            variance = variance + (bound / time_s * prompts) ** 2
        variance = variance + float(self.profile.unlike) ** 2
        if not self.device.sheet.is_certain:
            variance = variance + self._sheet_variance(parts, time_s, rounds)
        return np.sqrt(np.broadcast_to(variance, time_s.shape))

    def _sheet_variance(
        self, parts: list[Load], time_s: FloatArray, rounds: FloatArray
    ) -> FloatArray:
        """What uncertain rates of the data sheet add: each in the share of time that it binds."""
        sheet, book = self.device.sheet, self.device.book
        moved: dict[str, FloatArray] = {}
        for part in parts:
            if book.is_calibrated(part.law):
                continue
            errors = {"memory": sheet.memory, "link": sheet.link}
            errors["compute"] = max((sheet.compute.get(d, 0.0) for d in part.flops), default=0.0)
            for bound, sigma in errors.items():
                share = np.where(part.bound == bound, part.time_s * rounds / time_s, 0.0)
                moved[bound] = moved.get(bound, np.zeros(())) + share * sigma
        return sum((share**2 for share in moved.values()), start=np.zeros(()))

    def _bound_s(
        self, parts: list[Load], time_s: FloatArray, rounds: FloatArray, waited_s: FloatArray
    ) -> dict[str, FloatArray]:
        """Seconds by what binds them: compute, memory, link, latency, or the engine's host.

        ``waited_s`` is for bytes from off the device, over the link to the host.
        """
        kinds = ("compute", "memory", "link", "latency")
        spent = {kind: np.zeros(time_s.shape) for kind in kinds}
        for part in parts:
            bound = np.broadcast_to(part.bound, time_s.shape)
            seconds = np.broadcast_to(part.time_s * rounds, time_s.shape)
            for kind in kinds:
                spent[kind] = spent[kind] + np.where(bound == kind, seconds, 0.0)
        spent["link"] = spent["link"] + waited_s
        host = np.maximum(time_s - sum(spent.values()), 0.0)
        return {**spent, self.overheads[1]: host}
