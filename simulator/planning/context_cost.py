"""What a token costs as the context grows, model by model, and where one overtakes another."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.step.step import StepModel
from simulator.specs import catalogue

FloatArray = NDArray[np.float64]

CONTEXTS = tuple(2**n for n in range(10, 21))
"""1 k to 1 M tokens."""


@dataclass(frozen=True, slots=True)
class ContextCurve:
    """One model on one device, at every context.

    Args:
        model, title: name in the catalogue, and for people.
        decode_s: seconds of one decode step of one sequence.
        sequence_s: the part of them that reads the context: attention cores, scorers, states.
        prefill_s: seconds to process a prompt of the whole context.
        kv_bytes: cache and state of one sequence.
    """

    model: str
    title: str
    decode_s: FloatArray
    sequence_s: FloatArray
    prefill_s: FloatArray
    kv_bytes: FloatArray


@dataclass(frozen=True, slots=True)
class Crossover:
    """Where the cost of two models is the same: below it one is cheaper, above it the other.

    ``quantity`` is ``decode_s``, ``sequence_s`` or ``prefill_s`` of their curves.
    """

    quantity: str
    cheaper_below: str
    cheaper_above: str
    context: float


@dataclass(frozen=True, slots=True)
class ContextCost:
    """Curves of several models on one device, with every point where two of them cross."""

    hardware: str
    title: str
    contexts: FloatArray
    curves: tuple[ContextCurve, ...]
    crossovers: tuple[Crossover, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row for each model and context: a table for people and spreadsheets."""
        return [
            {
                "model": curve.model,
                "context": int(context),
                "sequence_s": float(curve.sequence_s[i]),
                "decode_s": float(curve.decode_s[i]),
                "prefill_s": float(curve.prefill_s[i]),
                "kv_bytes": float(curve.kv_bytes[i]),
            }
            for curve in self.curves
            for i, context in enumerate(self.contexts)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        found = asdict(self)
        found["contexts"] = self.contexts.tolist()
        for curve in found["curves"]:
            for name, value in curve.items():
                curve[name] = value.tolist() if isinstance(value, np.ndarray) else value
        return found


def context_cost(
    models: Sequence[str],
    hardware: str,
    contexts: Sequence[float] = CONTEXTS,
    *,
    engine: str = "generic",
    precision: str | None = None,
) -> ContextCost:
    """Decode and prefill of one sequence against its context, for ``models`` on one device.

    The weights need not fit: the question is what attention costs, so every model is priced as
    if the one device held it. Neither is a model's own limit of context respected.

    Raises:
        InputError: fewer than one model, unknown names, or contexts that do not grow.
    """
    if not models:
        raise InputError("no models given", field="model", remedy="name one or more")
    lengths = np.asarray(contexts, dtype=np.float64)
    if lengths.size < 2 or lengths[0] < 1 or np.any(np.diff(lengths) <= 0):
        raise InputError("contexts must be two or more, at least 1, and grow", field="contexts")
    device = resolve(catalogue.hardware(hardware))
    profile = catalogue.engine_profile(engine)
    curves = []
    for name in dict.fromkeys(models):
        model = catalogue.model(name)
        graph = build(model, weights=precision)
        step = StepModel(graph, device, profile)
        decode = StepShape.decode(1.0, lengths)
        of_sequence = [
            part.time_s
            for op, parts in step.loads(decode)
            if op.driver == "context"
            for part in parts
        ]
        curves.append(
            ContextCurve(
                model=model.name,
                title=model.title,
                decode_s=step.evaluate(decode).time_s,
                sequence_s=np.sum(of_sequence, axis=0) + np.zeros_like(lengths),
                prefill_s=step.evaluate(StepShape.prefill(1.0, lengths)).time_s,
                kv_bytes=graph.kv_bytes(lengths),
            )
        )
    found = tuple(_crossovers(curves, lengths))
    return ContextCost(device.name, device.title, lengths, tuple(curves), found)


def draw(found: ContextCost, folder: Path) -> list[Path]:
    """Write ``context.svg`` and ``.png``: attention of a token, and a prompt, against context."""
    from simulator.report.charts.context import context
    from simulator.report.write import images, write_files

    by_name = {curve.model: curve for curve in found.curves}
    crossings = [
        (
            cross.context,
            float(
                np.interp(cross.context, found.contexts, by_name[cross.cheaper_below].sequence_s)
            ),
        )
        for cross in found.crossovers
        if cross.quantity == "sequence_s"
    ]
    figure = context(
        found.title,
        found.contexts,
        {curve.title: curve.sequence_s for curve in found.curves},
        {curve.title: curve.prefill_s for curve in found.curves},
        crossings,
    )
    return write_files(images("context", figure, "Cost of attention against context"), folder)


def _crossovers(curves: Sequence[ContextCurve], contexts: FloatArray) -> Iterator[Crossover]:
    for quantity in ("sequence_s", "decode_s", "prefill_s"):
        for one, other in combinations(curves, 2):
            ratio = np.log(getattr(one, quantity)) - np.log(getattr(other, quantity))
            for i in np.flatnonzero(ratio[:-1] * ratio[1:] < 0):
                # Both costs are near powers of the context between two neighbours.
                share = ratio[i] / (ratio[i] - ratio[i + 1])
                where = contexts[i] * (contexts[i + 1] / contexts[i]) ** share
                below, above = (one, other) if ratio[i] < 0 else (other, one)
                yield Crossover(quantity, below.model, above.model, float(where))
