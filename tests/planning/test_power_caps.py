"""Power caps tried on a step."""

import json

import pytest
from command import roofsim

from simulator.errors import InputError
from simulator.planning.power_caps import draw, power_caps
from simulator.simulate.predict import predict, question


def test_the_highest_cap_is_what_predict_answers():
    asked = {"batch": 64, "context": 2048, "tp": 2}
    found = power_caps(question("h100-sxm", "llama-3.1-8b", asked))
    answer = predict("h100-sxm", "llama-3.1-8b", **asked)
    assert found.tokens_per_s[0] == pytest.approx(answer.output_tokens_per_s, rel=1e-9)
    assert found.joules_per_token[0] == pytest.approx(answer.joules_per_output_token, rel=1e-3)


def test_a_long_prompt_is_the_sum_of_its_chunks():
    asked = {"phase": "prefill", "context": 30_000}
    found = power_caps(question("h100-sxm", "llama-3.1-8b", asked), [700.0])
    answer = predict("h100-sxm", "llama-3.1-8b", **asked)
    assert found.tokens_per_s[0] == pytest.approx(30_000 / answer.step_time_s, rel=1e-9)


def test_the_cap_of_least_joules_is_found_and_drawn(tmp_path):
    found = power_caps(question("h200-sxm", "llama-3.1-8b", {"batch": 64, "context": 2048}))
    assert found.joules_per_token[found.best] == found.joules_per_token[found.is_kept].min()
    assert 0 < found.best < len(found.caps_w) - 1
    assert [path.name for path in draw(found, tmp_path)] == ["power-caps.png", "power-caps.svg"]


@pytest.mark.parametrize(
    ("hardware", "fields", "caps", "told"),
    [
        ("h200-sxm", {}, [100.0], "give caps above 133 W"),
        ("h200-sxm", {"phase": "serve", "rate": 1}, [], "phase decode or prefill"),
        ("cs-3", {}, [], "no clock"),
    ],
)
def test_what_cannot_be_capped_is_told(hardware, fields, caps, told):
    with pytest.raises(InputError, match=told):
        power_caps(question(hardware, "llama-3.1-8b", fields), caps)


def test_a_cap_above_what_the_device_holds_is_said_to_change_nothing():
    asked = ("power", "-w", "h200-sxm", "-m", "llama-3.1-8b", "--caps")
    assert "changes nothing" in roofsim(*asked, "900,500").stdout
    assert "changes nothing" not in roofsim(*asked, "600,500").stdout


def test_the_command_answers_in_json_and_names_what_is_no_power():
    asked = ("power", "-w", "h100-sxm", "-m", "llama-3.1-8b", "--json")
    found = json.loads(roofsim(*asked, "--caps", "600,0.4 kW").stdout)
    assert found["caps_w"] == [600.0, 400.0]
    wrong = roofsim(*asked, "--caps", "many")
    assert wrong.returncode == 2
    assert "--caps" in wrong.stderr
