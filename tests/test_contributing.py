"""CONTRIBUTING followed to the letter: its examples work as they stand."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from simulator.planning.browse import check_catalogue
from simulator.serving.traffic.request import Request
from simulator.simulate.predict import explain, predict
from simulator.simulate.run import simulate
from simulator.specs import catalogue

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    pattern = rf"<!-- example: {re.escape(name)} -->\s*```\w+\n(.*?)```"
    found = re.search(pattern, TEXT, re.DOTALL)
    assert found, f"CONTRIBUTING has no example called {name}"
    return found.group(1)


def test_a_chip_is_one_yaml_file(tmp_path):
    path = tmp_path / "my-chip.yaml"
    path.write_text(example("hardware"), encoding="utf-8")
    answer = predict(str(path), "llama-3.1-8b", batch=4, context=1000)
    assert answer.step_time_s > 16e9 / 2e12
    assert any("class defaults" in note for note in answer.notes)


def test_a_relative_of_a_chip_holds_what_differs(tmp_path):
    for name, shown in (("my-chip", "hardware"), ("my-chip-lite", "variant")):
        text = example(shown)
        if shown == "hardware":
            text += (
                "prices: [{provider: Me, term: spot, usd_per_device_hour: 1 USD/h, "
                "as_of: 2026, source: me}]\n"
            )
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    lite = catalogue.hardware(str(tmp_path / "my-chip-lite.yaml"))
    assert lite.memory.main.capacity.value == 32e9
    assert lite.memory.main.bandwidth.value == 2e12
    assert lite.prices == []


def test_a_calibration_is_one_file_beside_the_chip(tmp_path):
    path = tmp_path / "my-chip.yaml"
    path.write_text(example("hardware"), encoding="utf-8")
    before = predict(str(path), "llama-3.1-8b", batch=256, context=10)
    (tmp_path / "calibrations").mkdir()
    file = tmp_path / "calibrations" / "my-chip.yaml"
    file.write_text(example("calibration"), encoding="utf-8")
    after = predict(str(path), "llama-3.1-8b", batch=256, context=10)
    assert after.step_time_s < before.step_time_s
    assert check_catalogue([str(path)]) == []


def test_a_model_is_one_yaml_file(tmp_path):
    path = tmp_path / "my-model.yaml"
    path.write_text(example("model"), encoding="utf-8")
    answer = predict("h100-sxm", str(path), batch=1, context=100)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(yaml.safe_load(example("model"))["config"]), encoding="utf-8")
    bare = predict("h100-sxm", str(config), batch=1, context=100)
    assert bare.step_time_s == answer.step_time_s > 0


def test_an_attention_kind_is_one_class(tmp_path):
    names: dict = {}
    exec(example("attention"), names)
    path = tmp_path / "my-mixer.yaml"
    path.write_text(example("layers"), encoding="utf-8")
    answer = predict("h100-sxm", str(path), batch=8, context=60_000)
    short = predict("h100-sxm", str(path), batch=8, context=100)
    assert answer.step_time_s == pytest.approx(short.step_time_s)
    assert "attention.mix" in {row.name for row in explain("h100-sxm", str(path))}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("predict", "--hardware", "h100-sxm", "--operators", "--model"), "attention.mix"),
        (("catalogue", "show"), "token-mixer"),
    ],
)
def test_an_attention_kind_is_found_in_a_new_file(tmp_path, command, said):
    added = copied(tmp_path) / "graph" / "kinds" / "token_mixer.py"
    added.write_text(example("attention"), encoding="utf-8")
    (tmp_path / "my-mixer.yaml").write_text(example("layers"), encoding="utf-8")
    run = [sys.executable, "-m", "simulator.cli.main", *command, "./my-mixer.yaml"]
    answer = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said in answer.stdout


def test_a_policy_is_one_function(monkeypatch, scenario):
    from simulator.serving.policies import ordering as policies

    names = {"Request": Request}
    exec(example("policy"), names)
    added = policies.Ordering(names["longest_first"])
    monkeypatch.setitem(policies.ORDERINGS, "longest-first", added)
    deployment = scenario.deployment.model_copy(update={"policy": "longest-first"})
    result = simulate(scenario.model_copy(update={"deployment": deployment}))
    assert result.metrics.finished == 60


def copied(tmp_path):
    """The sources in a folder of their own, to be added to."""
    shutil.copytree(ROOT / "simulator", tmp_path / "simulator")
    for data in ("hardware_specs", "models", "scenarios"):
        (tmp_path / data).symlink_to(ROOT / data)
    return tmp_path / "simulator"


def run_quickstart(folder, *options):
    command = [sys.executable, "-m", "simulator.cli.main", "run", "quickstart", *options]
    command += ["--set", "workload.requests=30"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def test_a_figure_is_one_entry(tmp_path):
    table = copied(tmp_path) / "simulate" / "figures.py"
    text = table.read_text(encoding="utf-8")
    end = text.index(')  # fmt: skip\n"""All of them')
    added = textwrap.indent(example("figure").rstrip() + ",\n", "    ")
    table.write_text(text[:end] + added + text[end:], encoding="utf-8")
    found = json.loads(run_quickstart(tmp_path, "--json"))
    joules = found["joules_per_request"]
    assert joules == pytest.approx(found["energy_j"] / found["finished"])
    assert found["joules_per_request_low"] < joules < found["joules_per_request_high"]


def test_a_chart_is_one_file(tmp_path):
    path = copied(tmp_path) / "report" / "charts" / "prompts.py"
    path.write_text(example("chart"), encoding="utf-8")
    run_quickstart(tmp_path, "--out", "out")
    assert (tmp_path / "out" / "prompts.svg").exists()
    assert "Each bar counts prompts." in (tmp_path / "out" / "report.html").read_text()
