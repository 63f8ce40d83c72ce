"""Separate layouts for prompts and answers."""

import pytest

from simulator.errors import InputError
from simulator.simulate.cluster import resolve
from simulator.simulate.run import simulate
from simulator.simulate.traffic import cluster_settings
from simulator.specs.deployment import Deployment
from simulator.specs.reading import validate
from simulator.specs.scenario import Scenario


def scenario(prompt: int = 1000, **deployment) -> Scenario:
    layout = {
        "precision": "fp8",
        "prefill": {"tp": 4},
        "decode": {"tp": 2, "replicas": 2},
    } | deployment
    return validate(
        Scenario,
        {
            "name": "pools",
            "hardware": "h200-sxm",
            "model": "llama-3.1-70b",
            "deployment": layout,
            "workload": {
                "arrivals": {"process": "closed-loop", "users": 16},
                "input_tokens": prompt,
                "output_tokens": 50,
                "requests": 64,
                "seed": 1,
            },
        },
        None,
    )


def test_both_pools_are_counted() -> None:
    result = simulate(scenario())
    assert (result.devices, result.replicas) == (8, 3)
    assert result.layout == "prefill 1 × (tp 4); decode 2 × (tp 2)"
    assert result.metrics.finished == 64
    assert result.metrics.power_w == pytest.approx(8 * result.power_w_per_device)
    assert 100 < result.power_w_per_device < 700
    assert any("between them" in note for note in result.notes)


def test_dollars_of_input_and_output_are_all_that_was_paid() -> None:
    result = simulate(scenario())
    m = result.metrics
    paid = result.usd_per_million_input_tokens * m.input_tokens
    paid += result.usd_per_million_output_tokens * m.output_tokens
    assert paid == pytest.approx(result.usd_per_million_tokens * (m.input_tokens + m.output_tokens))


def test_more_prefill_replicas_shorten_the_wait_for_the_first_token() -> None:
    few = simulate(scenario(4000))
    many = simulate(scenario(4000, prefill={"tp": 4, "replicas": 3}))
    assert many.metrics.ttft_s.mean < few.metrics.ttft_s.mean


def test_pools_take_from_the_deployment_what_they_leave_out() -> None:
    whole = Deployment(
        engine="sglang", precision="fp8", tp=8,
        prefill={"tp": 2, "max_batched_tokens": 4096}, decode={"dp": 8, "ep": 8, "tp": 1},
    )  # fmt: skip
    prefill, decode = whole.pool("prefill"), whole.pool("decode")
    assert (prefill.engine, prefill.tp, prefill.max_batched_tokens) == ("sglang", 2, 4096)
    assert (decode.precision, decode.devices_per_replica, decode.dp) == ("fp8", 8, 8)
    assert whole.total_devices == 10
    with pytest.raises(ValueError, match="both or neither"):
        Deployment(prefill={"tp": 2})
    with pytest.raises(ValueError, match="those of the pools"):
        Deployment(prefill={"tp": 2}, decode={"tp": 2}, devices=8)


def test_the_cache_travels_faster_between_more_devices_and_within_a_node() -> None:
    def between(tp: int) -> float:
        return resolve(scenario(prefill={"tp": tp}, decode={"tp": tp})).transfer_s(8000)

    assert between(4) < between(1)
    assert between(8) > between(4)


def test_a_pool_that_cannot_hold_the_model_is_refused() -> None:
    with pytest.raises(InputError, match="what would fit"):
        simulate(scenario(precision="bf16", decode={"tp": 1}))


def test_pools_heed_router_steps_and_failures() -> None:
    options = {
        "router": "round-robin", "steps": "prefill-first",
        "failures": [{"replica": 1, "at": 0.5, "restart": 3.0}],
    }  # fmt: skip
    given = scenario(prefill={"tp": 4, "replicas": 2}, scheduling=options)
    settings = cluster_settings(given, resolve(given))
    assert settings.router.__name__ == "round_robin"
    assert {pool.composition.__name__ for pool in settings.pools} == {"prefill_first"}
    assert [failure.replica for failure in settings.failures] == [1]
    assert simulate(given).metrics.finished == 64
