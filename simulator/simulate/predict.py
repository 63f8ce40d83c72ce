"""One engine step or one serving point, without a scenario file."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from simulator.graph.step_shape import StepShape
from simulator.roofline.step.step import OperatorReport
from simulator.simulate.figures import figures_of
from simulator.simulate.point import decode_steps, prefill_steps
from simulator.simulate.prediction import Prediction, facts, predicted, steps_predicted
from simulator.simulate.replica import Replica, capacity_batch, replica_of
from simulator.simulate.representative import sample_of
from simulator.simulate.run import simulate
from simulator.simulate.serving_point import requests_of_point
from simulator.simulate.uncertainty import rescaled
from simulator.specs.question import PREDICT, ask, from_fields
from simulator.specs.scenario import Scenario
from simulator.specs.workload import DecodeStep, Prefill, ServingPoint

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

    Raises:
        InputError: an unknown name, a value that has no effect, or what does not fit.
    """
    return answer(question(hardware, model, fields))


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
    setup = replica_of(scenario.hardware, scenario.model, scenario.deployment)
    point = scenario.workload
    if isinstance(point, ServingPoint):
        return _served(scenario, setup, point)
    assert isinstance(point, DecodeStep | Prefill)
    steps = STEPS[type(point)]
    figures = steps(setup, np.array([point.batch], float), np.array([point.context], float))
    only = {name: values[0].item() for name, values in figures.items()}
    return steps_predicted(setup, scenario.economics, point.kind, only)


def explain(hardware: str, model: str, **fields: object) -> list[OperatorReport]:
    """Every operator of the step that ``predict`` answers for: time, bound, share of the roof.

    Raises:
        InputError: as ``predict`` does.
    """
    return operators_of(question(hardware, model, fields))


def operators_of(scenario: Scenario) -> list[OperatorReport]:
    """Every operator of a decode step or a prefill: time, bound, share of the roof, source."""
    point = scenario.workload
    assert isinstance(point, DecodeStep | Prefill)
    setup = replica_of(scenario.hardware, scenario.model, scenario.deployment)
    of_phase = StepShape.prefill if isinstance(point, Prefill) else StepShape.decode
    return setup.step_model.report(of_phase(point.batch, point.context))


def _served(scenario: Scenario, setup: Replica, point: ServingPoint) -> Prediction:
    sample = sample_of(setup.deployment.replicas, point.concurrency)
    simulated = {"replicas": sample.replicas, "devices": None}
    deployment = setup.deployment.model_copy(update={} if sample.is_whole else simulated)
    workload = requests_of_point(point, sample)
    result = simulate(
        scenario.model_copy(update={"workload": workload, "deployment": deployment}), setup=setup
    )
    m = result.metrics
    factor = sample.factor
    power_w = m.power_w * factor
    known = {
        **{key: result.figures[key] for key in ("step_time_s", "bound", "memory_used_bytes")},
        **facts(setup, scenario.economics, power_w),
        "output_tokens_per_s": m.output_tokens_per_s * factor,
        "requests_per_s": m.requests_per_s * factor,
        "input_tokens_per_s": m.input_tokens / m.makespan_s * factor,
        "kv_capacity_tokens": setup.kv_capacity_tokens * setup.deployment.replicas,
        "max_batch": int(capacity_batch(setup, np.array(float(point.isl + point.osl))))
        * setup.deployment.replicas,
        "power_w": power_w,
        "prefill_share": m.prefill_share,
    }
    figures = figures_of(known, m)
    spread = rescaled(result.intervals, result.figures, figures)
    found = predicted(setup, scenario.economics, "serve", figures, spread)
    return found if sample.is_whole else replace(found, notes=(*found.notes, sample.note()))
