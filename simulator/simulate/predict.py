"""One engine step or one serving point, without a scenario file."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from simulator.errors import InputError
from simulator.roofline.step.report import OperatorReport
from simulator.simulate.arrays import arrays_in, stacked
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.point import (
    decode_steps,
    operators_of_decode,
    operators_of_prefill,
    prefill_steps,
    remarks_on_decode,
)
from simulator.simulate.prediction import Prediction, served, steps_predicted
from simulator.simulate.replica import Replica
from simulator.specs.question import PREDICT, ask, from_fields
from simulator.specs.scenario import Scenario
from simulator.specs.workload import DecodeStep, Prefill

Steps = Callable[[Replica, np.ndarray, np.ndarray], dict[str, np.ndarray]]
STEPS: Mapping[type, Steps] = {DecodeStep: decode_steps, Prefill: prefill_steps}


def predict(hardware: str, model: str, **fields: object) -> Prediction:
    """Predict a decode step, a prefill, or a serving point.

    ``fields`` are named as the flags and columns are, or by their path in a scenario:
    ``phase="decode"`` (which is the default) is one step of ``batch`` sequences over the
    deployment that each hold ``context`` tokens; ``"prefill"``, ``batch`` prompts of ``context``
    tokens; ``"serve"``, requests of ``isl`` and ``osl`` tokens, from ``concurrency`` users in a
    closed loop or at Poisson ``rate``. ``tp``, ``precision``, ``engine``, ``offload``, … are
    those of the deployment.

    Numbers may be arrays or lists of one length: the figures are then arrays of shape (n,).

    Raises:
        InputError: an unknown name, a value that has no effect, or what does not fit.
    """
    arrays = arrays_in(fields)
    if not arrays:
        return answer(question(hardware, model, fields))
    columns = [array.tolist() for array in arrays.values()]
    rows = (dict(zip(arrays, row, strict=True)) for row in zip(*columns, strict=True))
    asked = [question(hardware, model, {**fields, **row}) for row in rows]
    if arrays.keys() <= _SIZES and isinstance(asked[0].workload, DecodeStep | Prefill):
        return _steps(asked)
    return stacked([answer(scenario) for scenario in asked])


_SIZES = {"batch", "context"}
"""Fields in which steps of one deployment differ, to be evaluated together."""


def _steps(asked: Sequence[Scenario]) -> Prediction:
    """Steps of one deployment that differ in size alone."""
    first = asked[0]
    points = [s.workload for s in asked if isinstance(s.workload, DecodeStep | Prefill)]
    cluster = resolve(first)
    setup = stepping(cluster, points[0])
    batch, context = (
        np.array([float(getattr(p, name)) for p in points]) for name in ("batch", "context")
    )
    figures = STEPS[type(points[0])](setup, batch, context)
    told = _told(cluster, points[0], batch, context)
    return steps_predicted(setup, first.economics, points[0].kind, figures, told)


def _told(
    cluster: Cluster, point: DecodeStep | Prefill, batch: np.ndarray, context: np.ndarray
) -> tuple[str, ...]:
    """What a reader must know of these steps, beside the notes of the replica that takes them."""
    told = beside(cluster, point)
    if isinstance(point, Prefill):
        return told
    return (*told, *remarks_on_decode(cluster.answers, batch, context))


def question(hardware: str, model: str, fields: Mapping[str, object]) -> Scenario:
    """The scenario of one point that ``predict`` is asked.

    Raises:
        InputError: a name that is no field, or a value that it cannot have.
    """
    named = {"hardware": hardware, "model": model, **fields}
    return ask(PREDICT, from_fields({k: v for k, v in named.items() if v is not None}))


def answer(scenario: Scenario) -> Prediction:
    """The answer to a scenario of one point.

    Raises:
        InputError: unknown names, what does not fit, or a workload that is no point.
    """
    point = scenario.workload
    if not isinstance(point, DecodeStep | Prefill):
        # A step needs no simulation: it is imported for those who ask for one.
        from simulator.simulate.run import simulate

        return served(simulate(scenario))
    cluster = resolve(scenario)
    setup = stepping(cluster, point)
    batch, context = np.array([point.batch], float), np.array([point.context], float)
    figures = STEPS[type(point)](setup, batch, context)
    only = {name: values[0].item() for name, values in figures.items()}
    told = _told(cluster, point, batch, context)
    return steps_predicted(setup, scenario.economics, point.kind, only, told)


def explain(hardware: str, model: str, **fields: object) -> list[OperatorReport]:
    """Every operator of the step that ``predict`` answers for: time, bound, share of the roof.

    Raises:
        InputError: as ``predict`` does.
    """
    return operators_of(question(hardware, model, fields))


def operators_of(scenario: Scenario) -> list[OperatorReport]:
    """Every row of a decode step or a prefill: time, bound, share of the roof, source.

    Raises:
        InputError: the scenario is served, not one step.
    """
    point = scenario.workload
    if not isinstance(point, DecodeStep | Prefill):
        raise InputError(
            "a served point has steps of many kinds",
            field="operators",
            remedy="ask for a decode step or a prefill, or read the report of a run",
        )
    setup = stepping(resolve(scenario), point)
    of_phase = operators_of_prefill if isinstance(point, Prefill) else operators_of_decode
    return of_phase(setup, float(point.batch), float(point.context))


def beside(cluster: Cluster, point: DecodeStep | Prefill) -> tuple[str, ...]:
    """What is said beside a step's own setup: what was told, and which pool takes no part."""
    if len(cluster.pools) == 1:
        return cluster.told
    pool = "prefill" if isinstance(point, Prefill) else "decode"
    alone = f"one step of the {pool} pool alone: devices, watts and dollars are those of this pool"
    return (*cluster.told, alone)


def stepping(cluster: Cluster, point: DecodeStep | Prefill) -> Replica:
    """The replica that takes a step: of the pool for it, where there are two."""
    return cluster.prompts if isinstance(point, Prefill) else cluster.answers
