"""The most that a unit serves within its objectives: found from either side, and never past it."""

import pytest
from shipped import shortened

from simulator.errors import InputError
from simulator.simulate.at_best import at_best, unit_of
from simulator.simulate.load import at_load
from simulator.simulate.run import simulate
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario


def test_it_keeps_the_objectives_and_a_little_more_load_does_not():
    best = at_best(shortened("quickstart", 200))
    assert best.share >= 0.9
    assert not best.metrics.overloaded
    more = best.scenario.model_copy(update={"workload": at_load(best.scenario.workload, 1.1)})
    result = simulate(more)
    assert result.goodput_requests_per_s < 0.9 * result.requests_per_s


def test_where_the_search_begins_does_not_matter():
    slow, fast = (
        at_best(shortened("quickstart", 200, **{"workload.arrivals.rate": rate}))
        for rate in (0.5, 200)
    )
    assert slow.requests_per_s == pytest.approx(fast.requests_per_s, rel=0.05)


def test_a_unit_is_one_replica_under_its_part_of_the_load():
    whole = shortened("quickstart", 200, replicas=4)
    unit, count = unit_of(whole)
    assert count == 4
    assert unit.deployment.replicas == 1
    assert unit.workload.arrivals.rate == pytest.approx(1.5)
    alone = at_best(shortened("quickstart", 200))
    assert at_best(whole).requests_per_s == pytest.approx(alone.requests_per_s, rel=0.05)


def test_looser_objectives_allow_more():
    strict = at_best(shortened("closed-loop", 100, **{"objectives.tpot": "25 ms"}))
    loose = at_best(shortened("closed-loop", 100, **{"objectives.tpot": "60 ms"}))
    assert loose.requests_per_s > strict.requests_per_s


def test_loads_of_every_kind_are_scaled():
    trace = read_scenario(scenario_path("trace")).workload
    assert at_load(trace, 2).time_scale == pytest.approx(trace.time_scale / 2)
    by_rate = trace.model_copy(update={"rate": 3.0, "time_scale": 1.0})
    assert at_load(by_rate, 2).rate == 6.0
    loop = read_scenario(scenario_path("closed-loop")).workload
    more = at_load(loop, 100)
    assert more.arrivals.users == 100 * loop.arrivals.users
    assert more.requests >= 10 * more.arrivals.users
    assert at_load(loop, 1e-9).arrivals.users == 1


def test_what_no_load_reaches_and_what_is_no_load_are_refused():
    with pytest.raises(InputError, match="no load is so small"):
        at_best(shortened("quickstart", 60, **{"objectives.ttft": "1 us"}))
    step = read_scenario(scenario_path("quickstart"), {"workload.kind": "decode"})
    with pytest.raises(InputError, match="no traffic"):
        at_best(step)
