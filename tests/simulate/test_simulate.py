"""A scenario from end to end: conservation, determinism, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.planning.compare import compare
from simulator.simulate.predict import predict
from simulator.simulate.run import simulate
from simulator.specs.arrivals import Poisson
from simulator.specs.catalogue import scenario_path
from simulator.specs.lengths import Uniform
from simulator.specs.question import read_scenario
from simulator.specs.workload import Synthetic


@settings(max_examples=12)
@given(
    rate=st.floats(0.5, 200),
    seed=st.integers(0, 1000),
    longest=st.integers(2, 400),
)
def test_tokens_and_joules_are_conserved(rate, seed, longest):
    from simulator.serving.cluster import serve
    from simulator.simulate.cluster import resolve
    from simulator.simulate.run import summarise
    from simulator.simulate.traffic import cluster_settings, requests_of
    from simulator.specs.scenario import Scenario

    workload = Synthetic(
        arrivals=Poisson(process="poisson", rate=rate),
        input_tokens=Uniform(kind="uniform", low=1, high=longest),
        output_tokens=Uniform(kind="uniform", low=1, high=longest),
        requests=40,
        seed=seed,
    )
    wanted = Scenario(name="x", model="llama-3.1-8b", hardware="h100-sxm", workload=workload)
    cluster = resolve(wanted)
    setup = cluster.answers
    table = requests_of(workload, cluster)
    outcome = serve(table, cluster_settings(wanted, cluster))
    counters = outcome.counters[0]
    records = outcome.records
    assert records.finished.all()
    # Every prompt token is computed once, every output token but the first is one decode row.
    assert counters.prefill_tokens == table.input_tokens.sum()
    assert counters.decode_tokens == (table.output_tokens - 1).sum()
    result = summarise(wanted, cluster, outcome)
    series = result.timeline
    assert series["output_tokens"].sum() == pytest.approx(table.output_tokens.sum())
    assert series["prompt_tokens"].sum() == pytest.approx(counters.prefill_tokens)
    assert series["energy_j"].sum() == pytest.approx(counters.energy_j, rel=1e-9)
    idle_s = result.metrics.makespan_s - counters.busy_s
    idle_j = setup.device.power.idle_w * max(idle_s, 0.0)
    assert result.metrics.energy_j == pytest.approx(counters.energy_j + idle_j, rel=1e-9)
    limit_w = setup.device.power.limit_w
    assert result.metrics.power_w <= limit_w * (1 + 1e-9)
    assert (records.started_s >= records.arrival_s).all()
    assert (records.first_token_s > records.started_s).all()
    assert (records.finished_s >= records.first_token_s).all()


@settings(max_examples=15)
@given(
    which=st.sampled_from(["quickstart", "pools"]),
    fails=st.lists(
        st.tuples(
            st.integers(0, 1), st.just(0.0) | st.floats(1e-6, 4), st.none() | st.floats(0.01, 3)
        ),
        min_size=1,
        max_size=3,
    ),
    lengths=st.sampled_from([(2000, 1), (2000, 40), (30_000, 2), (20, 300)]),
)
@example(which="quickstart", fails=[(0, 1.205, None)], lengths=(2000, 1))
@example(which="pools", fails=[(0, 0.0, None), (1, 0.0, None)], lengths=(2000, 1))
def test_shares_and_dollars_stay_sound_when_replicas_fail(which, fails, lengths):
    planned = [
        {"replica": n, "at": at_s, "restart": None if down_s is None else at_s + down_s}
        for n, at_s, down_s in fails
    ]
    fields: dict[str, object] = {
        "workload.requests": 50,
        "workload.input_tokens": lengths[0],
        "workload.output_tokens": lengths[1],
        "workload.arrivals": {"process": "constant", "rate": 5},
        "deployment.scheduling.failures": planned,
    }
    if which == "quickstart":
        fields["deployment.replicas"] = 2
    result = simulate(read_scenario(Path(scenario_path(which)), fields))
    found, metrics = result.figures, result.metrics
    assert 0 <= metrics.prefill_share <= 1
    assert 0 <= metrics.busy_fraction <= 1 + 1e-9
    assert metrics.finished + metrics.rejected + metrics.lost == 50
    reasons = " ".join(result.notes)
    assert ("longer than" in reasons) == (metrics.rejected > 0)
    assert ("no replica left" in reasons) == (metrics.lost > 0)
    dollars = [found[f"usd_per_million_{kind}tokens"] for kind in ("input_", "output_", "")]
    if not metrics.finished:
        assert dollars == [None, None, None]
        return
    of_input, of_output, of_both = dollars
    assert min(of_input, of_output, of_both) >= 0
    paid = of_input * metrics.input_tokens + of_output * metrics.output_tokens
    assert paid == pytest.approx(of_both * (metrics.input_tokens + metrics.output_tokens))


def test_a_replica_of_many_may_fail():
    """Few stand for many only where all are alike."""
    answer = predict(
        "h100-sxm", "llama-3.1-8b", phase="serve", isl=200, osl=20, concurrency=64, replicas=32,
        **{"deployment.scheduling.failures": [{"replica": 20, "at": 0.5}]},
    )  # fmt: skip
    assert not any("were simulated" in note for note in answer.notes)


def test_the_same_seed_gives_the_same_numbers(scenario):
    first, second = simulate(scenario), simulate(scenario)
    assert first.to_dict() == second.to_dict()
    np.testing.assert_array_equal(first.records.finished_s, second.records.finished_s)


def test_comparison_keeps_the_order_and_any_number_of_workers_agrees(scenario):
    names = ["b200", "h100-sxm", "h200-sxm"]
    alone = compare(scenario, names, workers=1).results
    together = compare(scenario, names, workers=2).results
    assert [r.hardware for r in alone] == names
    assert [r.to_dict() for r in alone] == [r.to_dict() for r in together]


def test_comparison_refuses_one_device_and_doubles(scenario):
    with pytest.raises(InputError, match="at least two"):
        compare(scenario, ["h100-sxm"])
    with pytest.raises(InputError, match="twice"):
        compare(scenario, ["h100-sxm", "h100-sxm"])


def test_requests_that_can_never_be_served_are_refused_before_anything_runs(scenario):
    workload = scenario.workload.model_copy(
        update={"input_tokens": Uniform(kind="uniform", low=140_000, high=150_000)}
    )
    with pytest.raises(InputError, match="every request is longer"):
        simulate(scenario.model_copy(update={"workload": workload}))


def test_prompts_longer_than_a_step_are_refused_where_they_are_not_spread(scenario):
    workload = scenario.workload.model_copy(
        update={"input_tokens": Uniform(kind="uniform", low=9_000, high=9_500), "requests": 5}
    )

    def run(**chosen):
        deployment = scenario.deployment.model_copy(update={"engine": "trtllm", **chosen})
        return simulate(
            scenario.model_copy(update={"workload": workload, "deployment": deployment})
        )

    with pytest.raises(InputError, match="every prompt is longer") as caught:
        run(max_batched_tokens=8_192)
    assert "chunked_prefill" in str(caught.value.remedy)
    assert any("raised from TensorRT-LLM's 8192" in note for note in run().notes)
    for chosen in ({"chunked_prefill": True}, {"max_batched_tokens": 10_000}):
        assert run(**chosen).metrics.finished == 5
    some = run(max_batched_tokens=9_250)
    assert 0 < some.metrics.rejected < 5
    assert any("chunked_prefill" in note for note in some.notes)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("workload.requests", 0, "workload"),
        ("workload.output_tokens", 0, "output_tokens"),
        ("workload.arrivals", {"process": "poisson", "rate": -1}, "rate"),
        ("workload.arrivals", {"process": "poisson", "rate": float("nan")}, "rate"),
        ("modell", "x", "did you mean model"),
        ("deployment.devices", 3, "multiple|tp"),
    ],
)
def test_a_scenario_with_a_mistake_names_it(field, value, says):
    from simulator.specs.catalogue import scenario_path

    overrides = {field: value}
    if field == "deployment.devices":
        overrides["deployment.tp"] = 2
    with pytest.raises(InputError) as caught:
        read_scenario(scenario_path("quickstart"), overrides)
    assert any(part in str(caught.value) for part in says.split("|")), str(caught.value)


@pytest.mark.slow
def test_the_azure_conversation_hour_runs_to_the_end(shared_data):
    from simulator.specs.catalogue import scenario_path

    trace = shared_data / "traces/azure_llm_2023/AzureLLMInferenceTrace_conv.csv"
    wanted = read_scenario(
        scenario_path("quickstart"), {"workload": {"kind": "trace", "file": str(trace)}}
    )
    metrics = simulate(wanted).metrics
    assert metrics.finished == metrics.requests == 19_366
    assert metrics.output_tokens == 4_088_665
    assert not metrics.overloaded
