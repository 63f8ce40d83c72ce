"""Plans: the cheapest of all that could be simulated, and one clear message where there is none."""

from typing import Any

import pytest

from simulator.errors import InputError
from simulator.planning.bill.mix import SECONDS_PER_MONTH
from simulator.planning.bound.pace import pace_of
from simulator.planning.plan.candidates import Candidate, candidates
from simulator.planning.plan.confirmed import Confirmed, confirmed
from simulator.planning.plan.demand import demand_of
from simulator.planning.plan.ranking import Ranked
from simulator.planning.plan.search import plan
from simulator.planning.plan.sizing import Sized, sized
from simulator.simulate.traffic import read_requests
from simulator.specs.scenario import Scenario
from tests.nonempty import nonempty


def asked(**plan_: Any) -> Scenario:
    objectives = plan_.pop("objectives", {"ttft": "800 ms", "tpot": "30 ms", "attainment": 0.95})
    rate = plan_.pop("rate", 30)
    return Scenario.model_validate(
        {
            "name": "asked",
            "model": "llama-3.1-8b",
            "hardware": "h100-sxm",
            "workload": {
                "arrivals": {"process": "poisson", "rate": rate},
                "input_tokens": {"kind": "lognormal", "mean": 800, "cv": 0.8, "high": 6000},
                "output_tokens": {"kind": "lognormal", "mean": 120, "cv": 0.7, "high": 900},
                "requests": 400,
            },
            "objectives": objectives,
            "plan": {"hardware": ("h100-sxm", "l40s"), "tp": (1, 2), **plan_},
        }
    )


def test_the_plan_keeps_its_promise_with_as_few_replicas_as_that_takes() -> None:
    found = plan(asked())
    best = found.best
    assert best.served.share >= 0.95
    assert best.devices == best.replicas * best.ranked.candidate.devices
    assert found.floor.devices <= best.devices
    assert [one.usd_per_month for one in found.found] == sorted(
        one.usd_per_month for one in found.found
    )
    assert len({one.ranked.candidate.family for one in found.found}) == 2
    assert found.to_dict()["best"]["devices"] == best.devices


@pytest.mark.slow
def test_the_plan_is_the_cheapest_of_sixty_simulated_one_by_one() -> None:
    scenario = asked(
        hardware=("h100-sxm", "l40s", "a100-sxm", "h200-sxm", "mi300x"),
        precision=("bf16", "fp8"),
        max_batched_tokens=(2048, 8192, 16384),
        finalists=60,
    )
    found = plan(scenario)
    table, _ = read_requests(scenario.workload)
    demand = demand_of(scenario, table, reuses=True)
    costs, tried = {}, 0
    for one in candidates(scenario):
        tried += 1
        if not isinstance(one, Candidate):
            continue
        start = Sized(1, 0.0, 0.0, 0.0, 0.0)
        whole = Ranked(one, pace_of(one.replica, demand.lengths), start, 0)
        simulated = confirmed(whole, scenario, table, 64)
        if isinstance(simulated, Confirmed):
            costs[one.words] = simulated.usd_per_month
    assert tried == 60
    least = min(nonempty(costs.values()))
    assert found.best.usd_per_month == pytest.approx(least, rel=1e-9)


def test_more_traffic_needs_more_and_spare_replicas_come_on_top() -> None:
    scenario = asked(hardware=("h100-sxm",), tp=(1,), finalists=1)
    little = plan(scenario).best
    much = plan(asked(hardware=("h100-sxm",), tp=(1,), finalists=1, peak_to_mean=3.0)).best
    spare = plan(asked(hardware=("h100-sxm",), tp=(1,), finalists=1, spare=2)).best
    assert much.replicas > little.replicas
    assert spare.replicas == little.replicas + 2
    assert spare.usd_per_month > little.usd_per_month
    assert spare.scenario.deployment.replicas == spare.replicas


def test_the_fewest_replicas_are_those_before_which_the_bound_breaks() -> None:
    scenario = asked(rate=300)
    table, _ = read_requests(scenario.workload)
    demand = demand_of(scenario, table, reuses=True)
    one = next(c for c in candidates(scenario) if isinstance(c, Candidate))
    pace = pace_of(one.replica, demand.lengths)
    found = sized(pace, demand, 4096)
    assert isinstance(found, Sized)
    assert found.replicas > 2
    assert not isinstance(sized(pace, demand, found.replicas - 1), Sized)


def test_users_of_a_closed_loop_are_planned_for_too() -> None:
    workload = {"kind": "serve", "isl": 1000, "osl": 100, "concurrency": 200, "length_spread": 0.2}
    raw = asked(hardware=("h100-sxm",), tp=(1,), finalists=1).model_dump(exclude_unset=True)
    found = plan(Scenario.model_validate({**raw, "workload": workload}))
    assert found.best.served.share >= 0.95
    assert found.demand.users == 200


@pytest.mark.parametrize(
    ("plan_", "words"),
    [
        ({"objectives": {"tpot": "10 us"}}, "the fastest answers take"),
        ({"objectives": {"ttft": "1 us"}}, "the earliest first tokens come within"),
        ({"max_devices": 1, "rate": 1000}, "too few for the traffic"),
        ({"max_usd_per_month": 5}, "over the budget"),
        ({"max_watts": 10}, "more power than there is"),
        ({"hardware": ("h100-sxm",), "tp": (64,)}, "cannot be laid out"),
    ],
)
def test_no_system_left_says_what_removed_how_many(plan_: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        plan(asked(**plan_))
    assert raised.value.remedy


def test_unknown_hardware_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="h100-sxm"):
        plan(asked(hardware=("h100-smx",)))


def test_a_step_is_no_traffic() -> None:
    raw = asked().model_dump(exclude_unset=True)
    with pytest.raises(InputError, match="no traffic to plan for"):
        plan(Scenario.model_validate({**raw, "workload": {"kind": "decode", "batch": 1}}))


def test_what_is_owned_limits_the_plan() -> None:
    found = plan(asked(hardware=(), stock={"l40s": 40}, tp=(1,), finalists=1))
    assert found.best.ranked.candidate.replica.hardware.name == "l40s"
    assert found.best.devices <= 40


def test_every_turn_of_a_conversation_counts_as_a_request() -> None:
    raw = asked(hardware=("h100-sxm",), tp=(1,)).model_dump(exclude_unset=True)
    raw["workload"]["conversations"] = {"turns": 4, "think_time": 2.0}
    scenario = Scenario.model_validate(raw)
    table, _ = read_requests(scenario.workload)
    demand = demand_of(scenario, table, reuses=True)
    assert demand.per_s == pytest.approx(4 * 30, rel=0.25)
    assert demand.lengths.cached > demand_of(scenario, table, reuses=False).lengths.cached == 0


def test_a_single_request_has_no_rate() -> None:
    raw = asked().model_dump(exclude_unset=True)
    raw["workload"]["requests"] = 1
    with pytest.raises(InputError, match="no rate to plan for"):
        plan(Scenario.model_validate(raw))


def test_what_overloaded_systems_reach_is_not_told_as_the_nearest() -> None:
    with pytest.raises(InputError, match="too few for the traffic") as raised:
        plan(asked(max_devices=1, rate=1000))
    assert "first tokens come" not in raised.value.problem


def test_drafting_is_a_choice_and_is_taken_where_it_pays() -> None:
    """A promise of a pace that plain decoding cannot keep."""
    promise = {"tpot": "4 ms", "attainment": 0.9}
    slow = {"hardware": ("h100-sxm",), "tp": (1,), "rate": 2, "objectives": promise}
    with pytest.raises(InputError, match="the fastest answers take"):
        plan(asked(**slow))
    found = plan(asked(**slow, speculation=({"method": "eagle3", "depth": 3, "acceptance": 0.8},)))
    assert "drafting by eagle3 3" in found.best.ranked.candidate.words
    assert found.best.served.metrics.tpot_s.mean < 0.004


def test_limits_of_racks_and_of_the_site_hold_for_plans_too() -> None:
    raw = asked(hardware=("h100-sxm",), tp=(1,), rate=100, finalists=1)
    free = plan(raw).best
    roomy = raw.economics.model_copy(update={"site_watts": 1e6})
    assert plan(raw.model_copy(update={"economics": roomy})).best.devices == free.devices
    tight = raw.economics.model_copy(update={"site_watts": 500.0})
    with pytest.raises(InputError, match="more power than there is"):
        plan(raw.model_copy(update={"economics": tight}))


def test_a_month_of_a_plan_is_as_long_as_one_of_a_bill() -> None:
    best = plan(asked(hardware=("h100-sxm",), tp=(1,), finalists=1)).best
    price = best.ranked.candidate.price
    assert price is not None
    hours = SECONDS_PER_MONTH / 3600
    assert best.usd_per_month == pytest.approx(best.devices * price.usd_per_hour * hours)
