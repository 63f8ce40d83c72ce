"""Questions beside the plan of a fleet: what one system takes, which device takes a step."""

import pytest

from simulator.errors import InputError
from simulator.planning.plan.max_rate import max_rate
from simulator.planning.plan.step_query import StepQuery, step_query
from simulator.specs.scenario import Scenario
from tests.nonempty import nonempty
from tests.planning.plan.test_plan import asked


def of_step(**plan: object) -> StepQuery:
    return step_query(
        Scenario.model_validate(
            {
                "name": "laptop",
                "model": "llama-2-7b",
                "hardware": "m4",
                "deployment": {"engine": "llamacpp", "precision": "w4a16"},
                "workload": {"kind": "decode", "batch": 1, "context": 1024},
                "objectives": {"tpot": "66 ms"},
                "plan": {"hardware": ("m2", "m4", "m4-max", "snapdragon-x-elite"), **plan},
            }
        )
    )


def test_devices_that_keep_the_limits_stand_first_by_what_is_made_small() -> None:
    found = of_step(least="watts", max_watts=60)
    for one in nonempty(found.kept):
        assert one.tpot_s <= 0.066
        assert one.power_w <= 60
    assert [one.power_w for one in found.kept] == sorted(one.power_w for one in found.kept)
    for one in nonempty(found.missed):
        assert one.tpot_s > 0.066 or one.power_w > 60


def test_none_is_said_with_the_nearest() -> None:
    found = of_step(max_watts=0.5)
    assert not found.kept
    assert found.missed[0].by == "power"
    assert found.missed[0].missed == min(one.missed for one in found.missed) > 1


def test_a_misspelt_device_is_an_error_and_not_a_refusal() -> None:
    with pytest.raises(InputError, match="snapdragon"):
        of_step(hardware=("snapdragon-x-elit",))


def test_the_most_load_is_below_where_queues_grow_and_the_curve_rises() -> None:
    found = max_rate(asked(rate=5))
    assert 0 < found.requests_per_s < 1.15 * found.unbounded_per_s
    late = [load.ttft_high_s for load in nonempty(found.curve)]
    assert late == sorted(late)
    assert [load.tpot_s for load in found.curve] == sorted(load.tpot_s for load in found.curve)


def test_objectives_out_of_reach_are_refused() -> None:
    with pytest.raises(InputError, match="no load is within"):
        max_rate(asked(objectives={"tpot": "1 us"}))
