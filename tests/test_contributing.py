"""CONTRIBUTING followed to the letter: its examples work as they stand."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from simulator.serving.traffic.request import Request
from simulator.simulate.predict import explain, predict
from simulator.simulate.run import simulate

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


def test_a_model_is_one_yaml_file(tmp_path):
    path = tmp_path / "my-model.yaml"
    path.write_text(example("model"), encoding="utf-8")
    assert predict("h100-sxm", str(path), batch=1, context=100).step_time_s > 0


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
