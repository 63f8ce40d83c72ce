"""Where the time of one step goes, row by row: its operators, and all that is none of them.

The rows add up to the step's time. What binds the step comes first, what overlap hides is a
negative row, and no row runs faster than its roof.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from simulator.graph.operator import AttentionCore, LatentCore, Operator
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.load import Load
from simulator.roofline.step.step import Spent, StepModel

COPIES = "data sheet of the link, under laws of copies and gathers measured on one H200"
ALL_STAGES = "layout: what the slowest pipeline stage does for the other micro-batches"


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """One operator in one step, or one thing beside them that takes time.

    Args:
        law: the cost law as calibrations spell it; empty where the row is no operator.
        count: runs in the step.
        time_s: negative for what overlap hides of other rows.
        share: of the step's time.
        bound: compute, memory, link, latency or host.
        speed_of_light_s: the time at data-sheet rates; 0 where there is no such roof.
        source: what the time was measured with, or follows from.
    """

    name: str
    law: str
    count: int
    time_s: float
    share: float
    bound: str
    speed_of_light_s: float
    flops: float
    memory_bytes: float
    energy_j: float
    source: str

    @property
    def share_of_speed_of_light(self) -> float | None:
        """How near the roof it runs, at most 1; None where there is no roof."""
        return self.speed_of_light_s / self.time_s if self.law else None

    def to_dict(self) -> dict[str, Any]:
        """Every field and the share of the roof, as plain values."""
        return asdict(self) | {"share_of_speed_of_light": self.share_of_speed_of_light}


def report(model: StepModel, shape: StepShape) -> list[OperatorReport]:
    """Every row of one step, what binds it first and then the slowest.

    A row is one pass of one micro-batch through all stages, on the fullest device.
    """
    runs = model.runs(shape)
    halves = float(runs[0][0].turns.halves)
    loads = model.loads_of(runs)
    spent = model.spent_on([part for _, parts in loads for part in parts], runs)
    rows = [
        _operator_row(model, op, part.times(halves), float(spent.time_s))
        for op, parts in loads
        for part in parts
        if float(part.time_s) > 0
    ]
    rows = [*rows, *_other_rows(model, spent, rows)]
    rows.sort(key=lambda row: -row.time_s)
    return _binding_first(rows, str(model.evaluate(shape).bound))


def joined(steps: Sequence[list[OperatorReport]], repeats: float) -> list[OperatorReport]:
    """The rows of several steps of one model, all of them run ``repeats`` times in turn.

    What binds the last step comes first, as it does there.
    """
    found: dict[tuple[str, str, int], list[OperatorReport]] = {}
    for row in (row for rows in steps for row in rows):
        # Layers of several kinds have operators of one name.
        found.setdefault((row.name, row.law, row.count), []).append(row)
    whole_s = sum(row.time_s for rows in found.values() for row in rows)
    rows = sorted(
        (_sum(rows, repeats, whole_s) for rows in found.values()), key=lambda r: -r.time_s
    )
    return _binding_first(rows, steps[-1][0].bound)


def _sum(rows: list[OperatorReport], repeats: float, whole_s: float) -> OperatorReport:
    """The same row of several steps; what binds is what does in the longest of them."""
    seconds = sum(row.time_s for row in rows)
    return replace(
        max(rows, key=lambda row: abs(row.time_s)),
        count=round(repeats * sum(row.count for row in rows)),
        time_s=repeats * seconds,
        share=seconds / whole_s,
        speed_of_light_s=repeats * sum(row.speed_of_light_s for row in rows),
        flops=repeats * sum(row.flops for row in rows),
        memory_bytes=repeats * sum(row.memory_bytes for row in rows),
        energy_j=repeats * sum(row.energy_j for row in rows),
    )


def _binding_first(rows: list[OperatorReport], bound: str) -> list[OperatorReport]:
    first = next((row for row in rows if row.bound == bound), rows[0])
    return [first, *(row for row in rows if row is not first)]


def _operator_row(model: StepModel, op: Operator, part: Load, step_s: float) -> OperatorReport:
    name, seconds = op.name, float(part.time_s)
    if isinstance(op, AttentionCore | LatentCore):
        name = f"{op.name} ({part.law.split('.')[1].replace('latent_', '')})"
    return OperatorReport(
        name=name,
        law=part.law,
        count=op.count,
        time_s=seconds,
        share=seconds / step_s,
        bound=str(part.bound),
        speed_of_light_s=float(part.roof_s),
        flops=float(sum(float(f) for f in part.flops.values())),
        memory_bytes=float(part.memory_bytes),
        energy_j=float(model.device.power.work_j(part.flops, part.memory_bytes, part.link_bytes)),
        source=model.device.book.origin(part.law),
    )


def _other_rows(
    model: StepModel, spent: Spent, operators: list[OperatorReport]
) -> Iterator[OperatorReport]:
    """What the time of a step holds beside its operators."""
    most: dict[str, float] = {}
    for row in operators:
        most[row.bound] = most.get(row.bound, 0.0) + row.time_s
    like_operators = max(most, key=lambda kind: most[kind], default="latency")
    engine = model.profile.source
    for name, bound, seconds, source in (
        ("messages.hidden", "link", -spent.hidden_s, engine),
        ("engine.launches", "host", spent.launching_s, engine),
        ("offload.transfer", "link", spent.moving_s, COPIES),
        (*model.overheads, spent.overheads_s, engine),
        ("pipeline.turns", like_operators, spent.turns_s, ALL_STAGES),
    ):
        if float(seconds) != 0:
            yield OperatorReport(
                name=name,
                law="",
                count=1,
                time_s=float(seconds),
                share=float(seconds) / float(spent.time_s),
                bound=bound,
                speed_of_light_s=0.0,
                flops=0.0,
                memory_bytes=0.0,
                energy_j=0.0,
                source=source,
            )
