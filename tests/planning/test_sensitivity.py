"""What moves a figure: each input alone, over its own range, and what moves nothing is told."""

import json

import pytest
from nonempty import nonempty
from shipped import shortened

from simulator.errors import InputError
from simulator.planning.sensitivity import Sensitivity, sensitivity
from simulator.simulate.predict import answer
from simulator.specs.question import PREDICT, ask, from_fields
from simulator.specs.scenario import Scenario


def step(**fields: object) -> Scenario:
    named = {"hardware": "h100-sxm", "model": "llama-3.1-8b", "batch": 8, **fields}
    return ask(PREDICT, from_fields(named))


def moved(figure: str, *inputs: str, **fields: object) -> Sensitivity:
    return sensitivity(step(**fields), figure, inputs, workers=1)


def test_a_rent_moves_the_cost_as_much_as_itself():
    found = moved("usd_per_million_output_tokens", "economics.usd_per_device_hour=±25%")
    (swing,) = found.swings
    assert swing.at_low == pytest.approx(0.75 * found.value)
    assert swing.at_high == pytest.approx(1.25 * found.value)
    assert swing.swing == pytest.approx(0.5 * found.value)
    assert swing.monotone


def test_without_a_range_an_input_goes_over_its_own_interval():
    (swing,) = moved("usd_per_million_output_tokens", "economics.usd_per_device_hour").swings
    assert swing.range == "80 % interval"
    assert swing.low < swing.value < swing.high
    (power,) = moved("tpot_s", "hardware.memory.main.bandwidth").swings
    assert power.range == "±20%"


def test_the_ends_are_answers_to_the_same_question():
    found = moved("tpot_s", "hardware.memory.main.bandwidth=2 TB/s..5 TB/s", "context=512..4096")
    assert [swing.path for swing in found.swings] == [
        "hardware.memory.main.bandwidth", "workload.context",
    ]  # fmt: skip
    slow = answer(step(**{"hardware.memory.main.bandwidth": "2 TB/s"}))
    assert found.swings[0].at_low == pytest.approx(slow.tpot_s)
    assert found.value == pytest.approx(answer(step()).tpot_s)


def test_what_has_no_effect_stands_last_and_is_said():
    found = moved("tpot_s", "economics.usd_per_device_hour", "hardware.memory.main.bandwidth=±5%")
    assert [swing.has_effect for swing in found.swings] == [True, False]
    assert any("without effect on it: economics.usd_per_device_hour" in n for n in found.notes)


def test_a_figure_that_turns_between_the_ends_is_said():
    """A batch of one and one of hundreds both cost more a user's token than neither, or less."""
    found = moved("joules_per_output_token", "batch=8..8")
    assert not found.swings[0].has_effect
    around = moved("step_time_s", "batch=16..64", batch=8)
    assert not around.swings[0].monotone
    assert any("same side" in note for note in around.notes)


def test_a_unit_may_stand_once_behind_the_larger_end_as_in_sweeps():
    path = "hardware.memory.main.bandwidth"
    (once,) = moved("tpot_s", f"{path}=3..5 TB/s").swings
    (twice,) = moved("tpot_s", f"{path}=3 TB/s..5 TB/s").swings
    assert (once.at_low, once.at_high) == (twice.at_low, twice.at_high)


def test_whole_numbers_stay_whole():
    (swing,) = moved("tpot_s", "workload.batch").swings
    assert (swing.low, swing.high) == (6, 10)
    (one,) = moved("tpot_s", "tp=1..2").swings
    assert one.at_high < one.at_low


def test_shares_end_at_one_and_what_drafting_accepts_is_among_the_usual():
    drafted = {"speculation": "eagle3:3", "deployment.speculation.acceptance": 0.9}
    found = {swing.path: swing for swing in moved("tpot_s", **drafted).swings}
    accepted = found["deployment.speculation.acceptance"]
    assert (accepted.low, accepted.high) == (pytest.approx(0.72), 1.0)
    assert accepted.at_high < accepted.at_low


def test_the_usual_inputs_are_those_of_the_question():
    rented = {swing.path for swing in moved("usd_per_million_output_tokens").swings}
    assert rented >= {
        "economics.usd_per_device_hour", "hardware.memory.main.bandwidth",
        "hardware.engines.gpu.peak.bf16", "workload.context", "workload.batch",
    }  # fmt: skip
    owned = moved("usd_per_million_output_tokens", basis="owned")
    paths = {swing.path for swing in nonempty(owned.swings)}
    assert paths >= {"economics.usd_per_kwh", "economics.amortisation_years", "economics.pue"}
    assert "economics.usd_per_device_hour" not in paths
    assert [s.swing for s in owned.swings] == sorted((s.swing for s in owned.swings), reverse=True)


def test_a_simulation_by_its_traffic_in_parallel_as_one_by_one():
    asked = shortened("quickstart", 40), "ttft_s", ["workload.arrivals.rate", "workload.seed=1..5"]
    one, two = (sensitivity(*asked, workers=workers) for workers in (1, 2))
    assert one == two
    assert json.loads(json.dumps(one.to_dict()))["figure"] == "ttft_s"


@pytest.mark.parametrize(
    ("figure", "text", "words"),
    [
        ("tpot", "batch", "tpot_s"),
        ("bound", "batch", "is no number here"),
        ("tpot_s", "hardware.memory.main.bandwith", "hardware.memory.main.bandwidth"),
        ("tpot_s", "wrkload.batch", "unknown field"),
        ("tpot_s", "batch=±0%", "no share between 0 and 1"),
        ("tpot_s", "batch=lots", "cannot read"),
        ("tpot_s", "batch=64..8", "write the smaller end first"),
        ("tpot_s", "hardware.memory.main.bandwidth=5..3 TB/s", "write the smaller end first"),
        ("tpot_s", "batch=1..[2]", "cannot read"),
        ("tpot_s", "batch=-4..8", "at least 1"),
        ("tpot_s", "deployment.max_batched_tokens", "give both ends"),
        ("tpot_s", "batch=1..1000000", "cannot go so far"),
    ],
)
def test_what_cannot_be_varied_is_told(figure, text, words):
    with pytest.raises(InputError) as refused:
        moved(figure, text)
    assert words in str(refused.value)


def test_an_input_twice_is_refused():
    with pytest.raises(InputError, match="varied twice"):
        moved("tpot_s", "batch", "workload.batch=±50%")
