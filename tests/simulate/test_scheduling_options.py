"""Scheduling options of a deployment reach the simulation."""

import pytest
from pydantic import ValidationError

from simulator.errors import InputError
from simulator.serving.policies.routing import router
from simulator.serving.replica.door import EveryRank, Gather, LookEvery
from simulator.simulate.cluster import resolve
from simulator.simulate.run import simulate
from simulator.simulate.traffic import cluster_settings
from simulator.specs.deployment import Deployment
from simulator.specs.scenario import Scenario


def settings_of(scenario: Scenario, **deployment):
    changed = scenario.model_copy(update={"deployment": Deployment.model_validate(deployment)})
    return cluster_settings(changed, resolve(changed))


def limits_of(scenario: Scenario, **deployment):
    (pool,) = settings_of(scenario, **deployment).pools
    return pool.limits


def test_absent_options_are_the_engines(scenario):
    vllm = limits_of(scenario, engine="vllm")
    assert (vllm.prefix_caching, vllm.output_reserve, vllm.swap_s_per_block) == (True, 0, None)
    assert limits_of(scenario, engine="trtllm").output_reserve == 1
    (sglang,) = settings_of(scenario, engine="sglang").pools
    assert sglang.composition.__name__ == "prefill_first"


@pytest.mark.parametrize(
    ("engine", "ahead"),
    [("vllm", False), ("sglang", True), ("trtllm", True), ("trtllm-2024", False)],
)
def test_the_next_step_is_planned_ahead_where_the_engines_profile_says_so(scenario, engine, ahead):
    assert limits_of(scenario, engine=engine).schedule_ahead is ahead
    chosen = {"asynchronous": not ahead}
    assert limits_of(scenario, engine=engine, scheduling=chosen).schedule_ahead is not ahead


def test_given_options_go_before_the_engines(scenario):
    chosen = settings_of(
        scenario,
        prefix_caching=False,
        replicas=2,
        scheduling={
            "steps": "static", "router": "round-robin", "output_reserve": 0.5,
            "asynchronous": True, "watermark": 0.01, "preemption": "swap",
            "failures": [{"replica": 1, "at": "2 s", "restart": "1 min"}],
        },
    )  # fmt: skip
    (pool,) = chosen.pools
    limits = pool.limits
    assert pool.composition.__name__ == "static"
    assert chosen.router.__name__ == "round_robin"
    assert chosen.failures[0].restart_s == 60
    assert not limits.prefix_caching
    assert limits.schedule_ahead
    assert limits.watermark_blocks == int(0.01 * limits.kv_blocks)
    # A block of 16 tokens of 128 KiB over some 55 GB/s.
    assert limits.swap_s_per_block == pytest.approx(4e-5, rel=0.5)


def test_newcomers_wait_as_the_engine_was_told(scenario):
    def admission(**chosen):
        return limits_of(scenario, scheduling=chosen).admission

    assert admission() is None
    assert admission(receive_interval=30) == LookEvery(30)
    assert admission(gather_steps=20, gather_share=0.9) == Gather(20, 0.9)
    with pytest.raises(ValidationError, match="give one"):
        admission(receive_interval=30, gather_steps=20)
    # Without data-parallel ranks there is nothing to balance.
    assert admission(balance_steps=60) is None
    ranks = limits_of(scenario, scheduling={"balance_steps": 60}, dp=4, devices=4)
    assert ranks.admission == EveryRank(60, 4)


def test_a_simulation_survives_a_failure(scenario):
    failing = scenario.model_copy(
        update={
            "deployment": Deployment.model_validate(
                {"replicas": 2, "scheduling": {"failures": [{"replica": 0, "at": 0.5}]}}
            )
        }
    )
    assert simulate(failing).metrics.finished == 60


def test_unknown_options_are_refused():
    with pytest.raises(InputError, match=r"unknown router 'least-load'.*\n.*least-loaded"):
        router("least-load")
    with pytest.raises(ValidationError, match="restart must come after"):
        Deployment.model_validate(
            {"scheduling": {"failures": [{"replica": 0, "at": 5, "restart": 1}]}}
        )
