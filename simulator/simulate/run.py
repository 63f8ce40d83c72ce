"""One simulation, from a scenario to its result."""

from collections.abc import Callable
from dataclasses import replace

from simulator.economics.cost import DevicePrice, device_price
from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.roofline.step.report import report
from simulator.serving.cluster import ClusterSettings, Outcome, serve
from simulator.serving.outcome.metrics import Limits, ServingMetrics, measure
from simulator.serving.outcome.remarks import remarks
from simulator.serving.policies.ordering import COMPOSITIONS, ordering
from simulator.serving.policies.routing import router
from simulator.serving.traffic.request import RequestTable
from simulator.serving.traffic.synthetic import draw_requests
from simulator.simulate.figures import Known, figures_of, usd_known
from simulator.simulate.replica import Replica, replica_of
from simulator.simulate.result import Binding, SimulationResult
from simulator.simulate.scheduling import failures_of
from simulator.simulate.uncertainty import ReplicaErrors, intervals_of_run, widths_of
from simulator.specs.scenario import Scenario
from simulator.specs.workload import ClosedLoop, Synthetic, Trace, Workload
from simulator.traces.read import read_trace

Progress = Callable[[int, int], None]


def simulate(
    scenario: Scenario, progress: Progress | None = None, setup: Replica | None = None
) -> SimulationResult:
    """Serve the scenario's workload and measure everything.

    ``progress`` is called now and then with (requests ended, requests in all). ``setup`` saves
    resolving the scenario's names where the caller has done so.

    Raises:
        InputError: something in the scenario cannot be used; says what and what to do.
    """
    if setup is None and scenario.deployment.prefill is not None:
        from simulator.simulate.pools import simulate_pools

        return simulate_pools(scenario, progress)
    setup = setup or replica_of(scenario.hardware, scenario.model, scenario.deployment)
    table = requests_of(scenario)
    settings = cluster_settings(scenario, setup)
    report = None if progress is None else (lambda ended: progress(ended, len(table)))
    outcome = serve(table, setup.step_table, settings, report)
    result = summarise(scenario, setup, outcome)

    def measured_figures(other: Outcome) -> Known:
        metrics = measured(scenario, setup, other)
        return figures_of(facts(setup, scenario, metrics), metrics)

    spread = intervals_of_run(
        result.figures,
        table,
        setup.step_table,
        settings,
        outcome,
        errors=[errors_of(setup, result.prefill, result.decode)],
        measured=measured_figures,
        widths=widths_of(
            result.decode.relative_sigma,
            setup.device.power_sigma,
            facts(setup, scenario, result.metrics),
        ),
        warm_up=scenario.warm_up_requests,
    )
    return replace(result, intervals=spread)


def errors_of(setup: Replica, prefill: Binding, decode: Binding) -> ReplicaErrors:
    """Errors of a replica whose steps are typically such."""
    return ReplicaErrors.of(
        setup.profile,
        power=setup.device.power_sigma,
        decode=decode.relative_sigma,
        prompts=prefill.relative_sigma,
    )


def requests_of(scenario: Scenario) -> RequestTable:
    """The scenario's requests, drawn or read."""
    workload = scenario.workload
    if isinstance(workload, Trace):
        return read_trace(workload)
    if isinstance(workload, Synthetic):
        return draw_requests(workload)
    raise InputError(
        f"a {workload.kind} point is no traffic to simulate",
        field="workload.kind",
        remedy="ask it with predict, or give a synthetic or trace workload",
    )


def cluster_settings(scenario: Scenario, setup: Replica) -> ClusterSettings:
    """How the scenario's deployment serves."""
    workload = scenario.workload
    users, think_s, ramp_s = None, 0.0, 0.0
    if isinstance(workload, Synthetic) and isinstance(workload.arrivals, ClosedLoop):
        loop = workload.arrivals
        users, think_s, ramp_s = loop.users, loop.think_time, loop.ramp_up
    scheduling = scenario.deployment.scheduling
    limits = setup.limits
    if scenario.deployment.offload is not None:
        from simulator.simulate.cache_tiers import with_cache_tiers

        limits = with_cache_tiers(setup)
    return ClusterSettings(
        limits=limits,
        ordering=ordering(scenario.deployment.policy),
        composition=COMPOSITIONS[scheduling.steps or setup.profile.scheduling],
        router=router(scheduling.router),
        replicas=scenario.deployment.replicas,
        users=users,
        think_s=think_s,
        ramp_s=ramp_s,
        failures=failures_of(scenario.deployment),
        ttft_limit_s=scenario.objectives.ttft or 0.0,
    )


def measured(scenario: Scenario, setup: Replica, outcome: Outcome) -> ServingMetrics:
    """What a simulation amounts to."""
    wanted = scenario.objectives
    return measure(
        outcome.records,
        outcome.counters,
        makespan_s=outcome.makespan_s,
        devices_per_replica=scenario.deployment.devices_per_replica,
        idle_w=setup.device.power.idle_w,
        kv_blocks=setup.limits.kv_blocks,
        timeline=outcome.timeline,
        objectives=Limits(wanted.ttft, wanted.tpot, wanted.e2e),
        warm_up=scenario.warm_up_requests,
    )


def facts(setup: Replica, scenario: Scenario, metrics: ServingMetrics) -> dict[str, object]:
    """What figures follow from beside the metrics: devices, prompts, and dollars."""
    devices = scenario.deployment.total_devices
    price = device_price(setup.hardware, scenario.economics)
    return {
        "devices": devices,
        "input_tokens_per_s": metrics.input_tokens / metrics.makespan_s,
        "prefill_share": metrics.prefill_share,
        **usd_known(price, devices, metrics.power_w, scenario.economics),
    }


def summarise(scenario: Scenario, setup: Replica, outcome: Outcome) -> SimulationResult:
    """Measure an outcome and put prices and explanations beside it; intervals are left out."""
    deployment, wanted = scenario.deployment, scenario.objectives
    metrics = measured(scenario, setup, outcome)
    price = device_price(setup.hardware, scenario.economics)
    prefill, decode = typical_steps(setup, metrics)
    known = facts(setup, scenario, metrics) | known_figures(setup, metrics, price, prefill, decode)
    notes = list(setup.notes)
    notes += remarks(metrics, chunked_prefill=setup.limits.chunked_prefill)
    if price is None:
        notes.append(
            f"nobody has published a price of {setup.hardware.name}; "
            "give economics.usd_per_device_hour"
        )
    return SimulationResult(
        scenario=scenario.name,
        title=scenario.title or title_of(scenario, setup, deployment.total_devices),
        hardware=scenario.hardware_name,
        hardware_title=setup.hardware.title,
        model=setup.model.name,
        model_title=setup.model.title,
        precision=setup.precision,
        kv_precision=setup.kv_precision,
        engine=setup.profile.name,
        layout=_layout(scenario),
        devices=deployment.total_devices,
        replicas=deployment.replicas,
        metrics=metrics,
        price=price,
        workload=describe(scenario.workload),
        objectives=Limits(wanted.ttft, wanted.tpot, wanted.e2e),
        prefill=prefill,
        decode=decode,
        figures=figures_of(known, metrics),
        intervals={},
        notes=tuple(notes),
        sources=sources_of(setup),
        records=outcome.records,
        timeline=outcome.timeline.series(),
    )


def known_figures(
    setup: Replica,
    metrics: ServingMetrics,
    price: DevicePrice | None,
    prefill: Binding,
    decode: Binding,
) -> dict[str, object]:
    """The figures that a deployment and its typical steps give a simulation of it."""
    return {
        "step_time_s": decode.step_time_s,
        "bound": decode.bound,
        "bound_prefill": prefill.bound,
        "bound_decode": decode.bound,
        "memory_used_bytes": setup.budget.weights
        + setup.budget.reserve
        + metrics.peak_kv_fraction * max(setup.budget.cache, 0.0),
        "kv_capacity_tokens": setup.kv_capacity_tokens,
        "weight_bytes": setup.graph.weight_bytes,
        "usd_per_device_hour": None if price is None else price.usd_per_hour,
        "price_origin": None if price is None else price.origin,
    }


def title_of(scenario: Scenario, setup: Replica, devices: int) -> str:
    """What is run, in a line: of a scenario that has no title, or whose title no longer holds."""
    count = "" if devices == 1 else f"{devices} × "
    system = f"{setup.model.title} on {count}{setup.hardware.title}"
    return f"{system}: {describe(scenario.workload)}"


def typical_steps(setup: Replica, metrics: ServingMetrics) -> tuple[Binding, Binding]:
    """A prefill of the mean prompt and a decode step of the mean batch, explained."""
    finished = max(metrics.finished, 1)
    prompt = max(1.0, metrics.input_tokens / finished)
    context = prompt + metrics.output_tokens / finished / 2
    steps = max(metrics.steps, 1)
    batch = max(1.0, metrics.output_tokens / steps)
    chunk = min(prompt, float(setup.limits.max_batched_tokens))
    return (
        _binding(setup, "prefill", 1.0, prompt, StepShape.prefill(1, chunk)),
        _binding(setup, "decode", batch, context, StepShape.decode(batch, context)),
    )


def _binding(setup: Replica, phase: str, batch: float, context: float, shape: StepShape) -> Binding:
    step = setup.step_model.evaluate(shape)
    operators = tuple(report(setup.step_model, shape))
    return Binding(
        phase,
        str(step.bound),
        float(step.time_s),
        batch,
        context,
        float(step.relative_sigma),
        operators,
    )


def sources_of(setup: Replica) -> tuple[str, ...]:
    """Where the numbers behind this deployment come from, each once."""
    hardware = setup.hardware
    found = [f"{hardware.name}: {text}" for text in hardware.sources.values()]
    found += [f"calibration: {text}" for text in setup.device.book.origins]
    if setup.model.source:
        found.append(f"{setup.model.name}: {setup.model.source}")
    found.append(f"{setup.profile.name}: {setup.profile.source}")
    return tuple(dict.fromkeys(found))


def describe(workload: Workload) -> str:
    """The workload in a few words: who asks, how often, or which file is replayed."""
    if isinstance(workload, Trace):
        scaled = "" if workload.time_scale == 1 else f", gaps × {workload.time_scale:g}"
        return f"trace {workload.file.name}{scaled}"
    if not isinstance(workload, Synthetic):
        return workload.kind
    arrivals = workload.arrivals
    if isinstance(arrivals, ClosedLoop):
        return f"{arrivals.users} users in a closed loop"
    rate = getattr(arrivals, "rate", None)
    return arrivals.process if rate is None else f"{arrivals.process} arrivals, {rate:g} a second"


def _layout(scenario: Scenario) -> str:
    d = scenario.deployment
    degrees = (
        ("tp", d.tp), ("pp", d.pp), ("dp", d.dp), ("ep", d.ep), ("cp", d.cp), ("dcp", d.dcp),
    )  # fmt: skip
    parts = [f"{name} {degree}" for name, degree in degrees if degree > 1]
    if d.replicas > 1:
        parts.append(f"{d.replicas} replicas")
    return " × ".join(parts) or "one device"
