"""``roofsim plan`` as people call it."""

import json

from typer.testing import CliRunner

from simulator.cli.main import build

RUNNER = CliRunner()


def asked(*words: str):
    return RUNNER.invoke(build(["plan", "run"]), ["plan", *words])


STEP = ("--phase", "decode", "-m", "llama-2-7b", "--engine", "llamacpp", "--precision", "w4a16")


def test_a_step_needs_no_scenario_and_names_what_keeps_the_limits():
    limits = ("--set", "objectives.tpot=66 ms", "--max-watts", "15", "-w", "m2,m4")
    found = asked(*STEP, *limits, "--json")
    assert found.exit_code == 0, found.output
    answer = json.loads(found.stdout)
    assert [one["hardware"] for one in answer["kept"]] == ["m2"]
    assert [one["hardware"] for one in answer["missed"]] == ["m4"]


def test_what_cannot_be_found_is_refused_with_the_nearest():
    found = asked("quickstart", "--find", "max-rat")
    assert found.exit_code != 0
    assert "max-rate" in str(found.exception)
