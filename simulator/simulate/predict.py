"""One engine step or one serving point, without a scenario file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError, nearest
from simulator.graph.step_shape import StepShape
from simulator.roofline.step.step import OperatorReport
from simulator.simulate.figures import figures_of
from simulator.simulate.prediction import Prediction, facts, predicted, steps_predicted
from simulator.simulate.representative import sample_of
from simulator.simulate.setup import Setup, capacity_batch, resolve_setup
from simulator.simulate.uncertainty import rescaled
from simulator.specs.deployment import Deployment
from simulator.specs.reading import validate
from simulator.specs.scenario import Economics
from simulator.units import humane

PHASES = ("decode", "prefill", "serve")
DEPLOYMENT_FLAGS = (
    "engine", "precision", "kv_precision", "tp", "pp", "ep", "dp", "cp", "dcp", "devices",
    "max_sequences", "max_batched_tokens", "max_context", "captured_tokens",
    "memory_fraction",
)  # fmt: skip
SERVE_REQUESTS_PER_USER = 10
"""How many requests each user of a closed loop sends, as public benchmarks do."""


def predict(
    hardware: str,
    model: str,
    *,
    phase: str = "decode",
    batch: int = 1,
    context: int = 1024,
    isl: int = 1024,
    osl: int = 128,
    concurrency: int | None = None,
    rate: float | None = None,
    requests: int | None = None,
    length_spread: float = 0.0,
    distinct_prompts: int | None = None,
    seed: int = 0,
    economics: Economics | None = None,
    **deployment: object,
) -> Prediction:
    """Predict a decode step, a prefill, or a serving point.

    ``decode``: one step of ``batch`` sequences over the deployment that each hold ``context``
    tokens. ``prefill``: ``batch`` prompts of ``context`` tokens. ``serve``: requests of ``isl``
    and ``osl`` tokens, from ``concurrency`` users in a closed loop or at Poisson ``rate``;
    lengths are drawn evenly from (1 − ``length_spread``) of them upwards, and all prompts differ
    unless a load generator repeats so many ``distinct_prompts``. ``deployment`` takes the fields
    of ``Deployment`` (tp, precision, engine, …).

    Raises:
        InputError: unknown names, what does not fit, or a phase without what it needs.
    """
    setup = resolve_setup(hardware, model, deployment_of(deployment))
    money = economics or Economics()
    if phase == "serve":
        return _serve(
            setup,
            money,
            isl=isl,
            osl=osl,
            concurrency=concurrency,
            rate=rate,
            requests=requests,
            length_spread=length_spread,
            distinct_prompts=distinct_prompts,
            seed=seed,
        )
    if phase not in PHASES:
        raise InputError(f"unknown phase {phase!r}", field="phase", remedy=nearest(phase, PHASES))
    for name, value in (("batch", batch), ("context", context)):
        if value < 1:
            raise InputError(f"must be at least 1, found {value}", field=name)
    step = decode_steps if phase == "decode" else prefill_steps
    figures = step(setup, np.array([batch], float), np.array([context], float))
    only = {name: values[0].item() for name, values in figures.items()}
    return steps_predicted(setup, money, phase, only)


def explain(
    hardware: str,
    model: str,
    phase: str = "decode",
    batch: int = 1,
    context: int = 1024,
    **deployment: object,
) -> list[OperatorReport]:
    """Every operator of one decode step or prefill: time, bound, share of the roof, source."""
    setup = resolve_setup(hardware, model, deployment_of(deployment))
    of_phase = StepShape.prefill if phase == "prefill" else StepShape.decode
    return setup.step_model.report(of_phase(batch, context))


def deployment_of(fields: Mapping[str, object]) -> Deployment:
    """The deployment that flags or CSV columns describe; absent ones take the engine's default."""
    given = {k: v for k, v in fields.items() if v is not None}
    return validate(Deployment, given, None)


def answerable(
    setup: Setup, phase: str, batch: np.ndarray, context: np.ndarray
) -> NDArray[np.bool_]:
    """Which rows ``decode_steps`` or ``prefill_steps`` would not refuse."""
    per_replica = np.ceil(batch / setup.deployment.replicas)
    held = per_replica if phase == "decode" else np.minimum(per_replica, 1)
    most = capacity_batch(setup, context + (phase == "decode"))
    return np.asarray((context <= setup.limits.max_context) & (held <= most))


def decode_steps(setup: Setup, batch: np.ndarray, context: np.ndarray) -> dict[str, np.ndarray]:
    """Decode steps, one for each entry of ``batch`` and ``context`` (both of shape (n,))."""
    _check_context(setup, context)
    per_replica = np.ceil(batch / setup.deployment.replicas)
    most = capacity_batch(setup, context + 1)
    _check_batch(setup, per_replica, context, most)
    step = setup.step_model.evaluate(StepShape.decode(per_replica, context))
    cache = setup.graph.kv_bytes(context) * np.ceil(per_replica / setup.deployment.dp)
    return {
        "step_time_s": step.time_s,
        "tpot_s": step.time_s,
        "output_tokens_per_s": batch / step.time_s,
        "bound": step.bound,
        "memory_used_bytes": setup.budget.weights + setup.budget.reserve + cache,
        "max_batch": (most * setup.deployment.replicas).astype(np.int64),
        "kv_capacity_tokens": np.full(
            batch.shape, setup.kv_capacity_tokens * setup.deployment.replicas
        ),
        "power_w": step.power_w * setup.deployment.total_devices,
        "prefill_share": np.zeros(batch.shape),
        "sigma": step.relative_sigma,
    }


def prefill_steps(setup: Setup, batch: np.ndarray, context: np.ndarray) -> dict[str, np.ndarray]:
    """Prefills of ``batch`` prompts of ``context`` tokens, in chunks of the engine's budget.

    The time is the sum of the engine's steps; TTFT adds the engine's handling of a request.
    """
    _check_context(setup, context)
    per_replica = np.ceil(batch / setup.deployment.replicas)
    most = capacity_batch(setup, context)
    _check_batch(setup, np.minimum(per_replica, 1), context, most)
    budget = float(setup.limits.max_batched_tokens)
    seconds = np.zeros_like(context)
    joules = np.zeros_like(context)
    variance = np.zeros_like(context)
    bound = np.full(context.shape, "compute", dtype="<U8")
    chunks = np.ceil(context / budget) if setup.limits.chunked_prefill else np.ones_like(context)
    tokens = np.minimum(context, budget) if setup.limits.chunked_prefill else context
    # Short prompts share a step; a long one is spread over several.
    together = np.maximum(1.0, np.minimum(per_replica, np.floor(budget / tokens)))
    steps = per_replica / together
    for i in range(int(chunks.max())):
        here = np.clip(context - i * tokens, 0.0, tokens)
        active = here > 0
        shape = StepShape.of(
            prefill_sequences=np.where(active, together, 0.0),
            prefill_tokens=np.where(active, here, 0.0),
            prefill_past=i * tokens,
            prefill_logits=np.where(i == chunks - 1, together, 0.0),
        )
        step = setup.step_model.evaluate(shape)
        seconds += np.where(active, steps * step.time_s, 0.0)
        joules += np.where(active, steps * step.energy_j, 0.0)
        variance = np.where(active, step.relative_sigma**2, variance)
        bound = np.where(active, step.bound, bound)
    cache = setup.graph.kv_bytes(context) * np.minimum(per_replica, most)
    return {
        "step_time_s": seconds,
        "ttft_s": seconds + float(setup.profile.request_overhead),
        "bound": bound,
        "memory_used_bytes": setup.budget.weights + setup.budget.reserve + cache,
        "max_batch": (most * setup.deployment.replicas).astype(np.int64),
        "kv_capacity_tokens": np.full(
            batch.shape, setup.kv_capacity_tokens * setup.deployment.replicas
        ),
        "power_w": joules / seconds * setup.deployment.total_devices,
        "requests_per_s": batch / seconds,
        "input_tokens_per_s": batch * context / seconds,
        "prefill_share": np.ones(batch.shape),
        "sigma": np.sqrt(variance),
    }


def _check_context(setup: Setup, context: np.ndarray) -> None:
    longest = float(np.max(context))
    if longest > setup.limits.max_context:
        raise InputError(
            f"context {longest:.0f} is longer than {setup.model.name} supports",
            field="context",
            remedy=f"use at most {setup.limits.max_context}",
        )


def _check_batch(setup: Setup, batch: np.ndarray, context: np.ndarray, most: np.ndarray) -> None:
    over = batch > most
    if not over.any():
        return
    i = int(np.argmax(over))
    needed = float(setup.graph.kv_bytes(context[i])) * batch[i] / setup.deployment.dp
    raise InputError(
        f"the cache of {batch[i]:.0f} sequences of {context[i]:.0f} tokens takes "
        f"{humane(needed, 'B')}, {humane(needed - setup.budget.cache, 'B')} more than the "
        f"{humane(setup.budget.cache, 'B')} that {setup.device.title} has left",
        field="batch",
        remedy=f"what would fit: batch {most[i]:.0f}, a shorter context, kv_precision fp8, "
        "lower precision, or more devices",
    )


def _serve(
    setup: Setup,
    economics: Economics,
    *,
    isl: int,
    osl: int,
    concurrency: int | None,
    rate: float | None,
    requests: int | None,
    length_spread: float,
    distinct_prompts: int | None,
    seed: int,
) -> Prediction:
    from simulator.simulate.run import simulate
    from simulator.specs.scenario import Scenario

    if (concurrency is None) == (rate is None):
        raise InputError(
            "serve needs either concurrency (a closed loop) or rate (Poisson arrivals)",
            field="concurrency",
            remedy="give exactly one of the two",
        )
    sample = sample_of(setup.deployment.replicas, concurrency)
    if concurrency is not None:
        users = sample.users(concurrency)
        arrivals: dict[str, Any] = {"process": "closed-loop", "users": users}
        count = max(SERVE_REQUESTS_PER_USER * users, 20)
    else:
        assert rate is not None
        arrivals = {"process": "poisson", "rate": rate / sample.factor}
        count = 1000
    if requests is not None:
        count = sample.requests(requests)
    scenario = validate(
        Scenario,
        {
            "name": "predict",
            "hardware": setup.hardware.name,
            "model": setup.model.name,
            "workload": {
                "kind": "synthetic",
                "arrivals": arrivals,
                **_prompts(isl, length_spread, distinct_prompts),
                "output_tokens": _spread(osl, length_spread),
                "requests": count,
                "seed": seed,
            },
        },
        None,
    )
    simulated = {"replicas": sample.replicas, "devices": None}
    deployment = setup.deployment.model_copy(update={} if sample.is_whole else simulated)
    scenario = scenario.model_copy(update={"deployment": deployment})
    result = simulate(scenario, setup=setup)
    m = result.metrics
    factor = sample.factor
    power_w = m.power_w * factor
    known = {
        **{key: result.figures[key] for key in ("step_time_s", "bound", "memory_used_bytes")},
        **facts(setup, economics, power_w),
        "output_tokens_per_s": m.output_tokens_per_s * factor,
        "requests_per_s": m.requests_per_s * factor,
        "input_tokens_per_s": m.input_tokens / m.makespan_s * factor,
        "kv_capacity_tokens": setup.kv_capacity_tokens * setup.deployment.replicas,
        "max_batch": int(capacity_batch(setup, np.array(float(isl + osl))))
        * setup.deployment.replicas,
        "power_w": power_w,
        "prefill_share": m.prefill_share,
    }
    figures = figures_of(known, m)
    spread = rescaled(result.intervals, result.figures, figures)
    answer = predicted(setup, economics, "serve", figures, spread)
    return answer if sample.is_whole else replace(answer, notes=(*answer.notes, sample.note()))


def _prompts(tokens: int, spread: float, distinct: int | None) -> dict[str, Any]:
    """Lengths of prompts; repeated ones are texts shared but for their end."""
    if distinct is None:
        return {"input_tokens": _spread(tokens, spread)}
    shared = max(1, round(tokens * (1 - spread)) - 1)
    own = max(1, tokens - shared)
    return {
        "input_tokens": _spread(own, spread and 1.0),
        "shared_prefix": {"tokens": shared, "groups": distinct},
    }


def _spread(tokens: int, spread: float) -> dict[str, Any]:
    if spread <= 0:
        return {"kind": "fixed", "tokens": tokens}
    low = max(1, round(tokens * (1 - spread)))
    return {"kind": "uniform", "low": low, "high": tokens}
