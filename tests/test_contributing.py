"""CONTRIBUTING followed to the letter: its examples work as they stand."""

import re
from pathlib import Path

import pytest

from simulator.serving.traffic.request import Request
from simulator.simulate.predict import explain, predict
from simulator.simulate.run import simulate

TEXT = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


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
    exec(
        "from typing import Literal, Self\n"
        "from simulator.graph.block import AttentionBlock, BlockContext, divide\n"
        "from simulator.graph.operator import Elementwise, Matmul, Operator\n"
        "from simulator.specs.model import Size\n\n" + example("attention"),
        names,
    )
    path = tmp_path / "my-mixer.yaml"
    path.write_text(example("layers"), encoding="utf-8")
    answer = predict("h100-sxm", str(path), batch=8, context=60_000)
    short = predict("h100-sxm", str(path), batch=8, context=100)
    assert answer.step_time_s == pytest.approx(short.step_time_s)
    assert "attention.mix" in {row.name for row in explain("h100-sxm", str(path))}


def test_a_policy_is_one_function(monkeypatch, scenario):
    from simulator.serving.policies import ordering as policies

    names = {"Request": Request}
    exec(example("policy"), names)
    added = policies.Ordering(names["longest_first"])
    monkeypatch.setitem(policies.ORDERINGS, "longest-first", added)
    deployment = scenario.deployment.model_copy(update={"policy": "longest-first"})
    result = simulate(scenario.model_copy(update={"deployment": deployment}))
    assert result.metrics.finished == 60
