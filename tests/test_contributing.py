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
from simulator.specs.huggingface import family, read_config

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
        (tmp_path / f"{name}.yaml").write_text(example(shown), encoding="utf-8")
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "my-chip.yaml").write_text(example("prices"), encoding="utf-8")
    chip = catalogue.hardware(str(tmp_path / "my-chip.yaml"))
    assert [offer.price.value for offer in chip.prices.offers] == [3, 20_000]
    lite = catalogue.hardware(str(tmp_path / "my-chip-lite.yaml"))
    assert lite.memory.main.capacity.value == 32e9
    assert lite.memory.main.bandwidth.value == 2e12
    assert lite.prices.offers == []


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


def test_a_family_of_models_is_a_few_lines(tmp_path, monkeypatch):
    shutil.copytree(family.FOLDER, tmp_path / "families")
    (tmp_path / "families" / "my_lm.yaml").write_text(example("family"), encoding="utf-8")
    monkeypatch.setattr(family, "FOLDER", tmp_path / "families")
    config = {
        "model_type": "my_lm", "hidden_size": 64, "ffn_dim": 256, "n_blocks": 4,
        "num_attention_heads": 4, "vocab_size": 100,
    }  # fmt: skip
    model = read_config(config, name="mine", title="Mine")
    assert [layer.attention.window for layer in model.layers] == [1024, 1024, 1024, None]
    assert model.layers[0].attention.query_key_norm
    assert not model.layers[0].feedforward.gated
    mine = {"name": "mine", "title": "Mine", "source": "me", "config": config}
    alone = tmp_path / "mine.yaml"
    alone.write_text(
        yaml.safe_dump({**mine, "family": yaml.safe_load(example("family"))}), encoding="utf-8"
    )
    assert catalogue.model(str(alone)).layers == model.layers
    del config["model_type"]
    config["architectures"] = ["MyLMForCausalLM"]
    assert read_config(config, name="mine", title="Mine").layers == model.layers


def test_an_attention_kind_is_one_class(tmp_path):
    names: dict = {}
    exec(example("attention"), names)
    path = tmp_path / "my-mixer.yaml"
    path.write_text(example("layers"), encoding="utf-8")
    answer = predict("h100-sxm", str(path), batch=8, context=60_000)
    short = predict("h100-sxm", str(path), batch=8, context=100)
    assert answer.step_time_s == pytest.approx(short.step_time_s)
    assert "attention.mix" in {row.name for row in explain("h100-sxm", str(path))}


class Checkout:
    """A copy of the checkout that may be changed, and goes back to what it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[Path, bytes | None] = {}
        shutil.copytree(ROOT / "simulator", folder / "simulator")
        for data in ("hardware_specs", "models", "scenarios"):
            (folder / data).symlink_to(ROOT / data)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        self.written.setdefault(file, file.read_bytes() if file.exists() else None)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def append(self, path: str, text: str) -> None:
        self.write(path, self.read(path) + "\n\n" + text)

    def insert(self, path: str, after: str, text: str) -> None:
        """Put ``text`` behind the line that begins with ``after``."""
        lines = self.read(path).splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if line.startswith(after)) + 1
        self.write(path, "".join([*lines[:at], text, *lines[at:]]))

    def undo(self) -> None:
        for file, before in self.written.items():
            if before is None:
                file.unlink()
                if not any(file.parent.iterdir()):
                    file.parent.rmdir()
            else:
                file.write_bytes(before)
        self.written.clear()

    def roofsim(self, *command: object) -> subprocess.CompletedProcess[str]:
        run = [sys.executable, "-m", "simulator.cli.main", *map(str, command)]
        return subprocess.run(run, cwd=self.folder, capture_output=True, text=True, check=False)

    def answer_of(self, *command: object) -> dict:
        done = self.roofsim(*command, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture
def checkout(copied):
    """The copy as it was made, whatever the tests before have changed."""
    yield copied
    copied.undo()


PREDICT = ("predict", "--hardware", "h100-sxm", "--model", "llama-3.1-8b")


def test_an_attention_kind_is_found_in_a_new_file(checkout):
    checkout.write("simulator/graph/kinds/token_mixer.py", example("attention"))
    checkout.write("my-mixer.yaml", example("layers"))
    step = ("predict", "--hardware", "h100-sxm", "--operators", "--model", "./my-mixer.yaml")
    assert "attention.mix" in checkout.roofsim(*step).stdout
    assert "token-mixer" in checkout.roofsim("catalogue", "show", "./my-mixer.yaml").stdout


BUTTERFLY_KIND = """
from typing import Literal

from simulator.graph.block import AttentionBlock
from simulator.graph.operator.butterfly import Butterfly


class ButterflyMixing(AttentionBlock):
    kind: Literal["butterfly"] = "butterfly"

    def operators(self, context):
        return [Butterfly(name="butterfly", width=context.hidden, count=context.count)]
"""


def test_an_operator_is_one_class_and_its_law_one_folder(checkout):
    checkout.write("simulator/graph/operator/butterfly.py", example("operator"))
    law = "simulator/roofline/laws/butterfly"
    checkout.write(f"{law}/__init__.py", '"""Butterflies."""\n')
    checkout.write(f"{law}/constants.py", example("law constants"))
    checkout.write(f"{law}/cost.py", example("law cost"))
    checkout.write("simulator/graph/kinds/butterfly.py", BUTTERFLY_KIND)
    model = example("layers").replace("{kind: token-mixer, width: 2048}", "{kind: butterfly}")
    checkout.write("my-mixer.yaml", model)
    checkout.write("my-chip.yaml", example("hardware"))
    step = ("predict", "--hardware", "./my-chip.yaml", "--model", "./my-mixer.yaml")
    by_default = checkout.answer_of(*step)["step_time_s"]
    section = "engines:\n  gpu:\n    measured_with: mine\n    constants: {butterfly: {%s: 0.1}}\n"
    checkout.write("calibrations/my-chip.yaml", section % "bandwidth_fraction")
    assert checkout.answer_of(*step)["step_time_s"] > by_default
    checkout.write("calibrations/my-chip.yaml", section % "bandwith_fraction")
    assert "bandwidth_fraction" in checkout.roofsim(*step).stderr


def test_an_engine_is_one_yaml_file(checkout):
    checkout.write("simulator/specs/engine_profiles/my-engine.yaml", example("engine"))
    point = (*PREDICT, "--tp", 2, "--engine")
    mine, theirs = (checkout.answer_of(*point, name) for name in ("my-engine", "vllm"))
    assert 0 < mine["step_time_s"] < theirs["step_time_s"]


def test_a_collective_is_one_function(checkout):
    checkout.append("simulator/roofline/laws/collective/formula.py", example("collective"))
    menu = "all_reduce: {scale_up: {other: {library: [%s]}}, scale_out: {library: [ring]}}\n"
    found = {}
    for name in ("ring", "gather"):
        engine = example("engine").replace("all_reduce: vllm\n", menu % name)
        checkout.write("simulator/specs/engine_profiles/my-engine.yaml", engine)
        point = (*PREDICT, "--tp", 8, "--batch", 512, "--engine", "my-engine")
        found[name] = checkout.answer_of(*point)["step_time_s"]
    assert found["gather"] > found["ring"]


def test_a_trace_format_is_one_function_and_its_entry(checkout):
    path = "simulator/traces/csv_formats.py"
    text = checkout.read(path)
    before, table = text.split("CSV_FORMATS = {\n")
    added = 'CSV_FORMATS = {\n    "semicolons": SEMICOLONS,\n'
    checkout.write(path, before + example("trace") + "\n\n" + added + table)
    checkout.write("requests.txt", "at;prompt;answer\n0;50;30\n0.1;100;5\n")
    run = ("run", "scenarios/quickstart.yaml", "--trace", "requests.txt")
    assert checkout.answer_of(*run)["finished"] == 2


def test_a_field_of_a_deployment_is_one_line(checkout):
    checkout.insert("simulator/specs/deployment.py", "    replicas: Annotated", example("field"))
    checkout.insert("simulator/specs/deployment.py", "        replicas: independent copies",
        "        spare_replicas: replicas that stand by.\n",
    )  # fmt: skip
    said = " ".join(checkout.roofsim("predict", "--help").stdout.split())
    assert "--spare-replicas" in said
    assert checkout.answer_of(*PREDICT, "--spare-replicas", 2)["step_time_s"] > 0
    assert checkout.answer_of(*PREDICT, "--set", "deployment.spare_replicas=2")
    refused = checkout.roofsim(*PREDICT, "--set", "deployment.spare_replicas=-1")
    assert refused.returncode == 2
    assert "spare_replicas" in refused.stderr


def test_a_policy_is_one_function(monkeypatch, scenario):
    from simulator.serving.policies import ordering as policies

    names = {"Request": Request}
    exec(example("policy"), names)
    added = policies.Ordering(names["longest_first"])
    monkeypatch.setitem(policies.ORDERINGS, "longest-first", added)
    deployment = scenario.deployment.model_copy(update={"policy": "longest-first"})
    result = simulate(scenario.model_copy(update={"deployment": deployment}))
    assert result.metrics.finished == 60


QUICKSTART = ("run", "quickstart", "--set", "workload.requests=30")


def test_a_figure_is_one_entry(checkout):
    table = "simulator/simulate/figures.py"
    text = checkout.read(table)
    end = text.index(')  # fmt: skip\n"""All of them')
    added = textwrap.indent(example("figure").rstrip() + ",\n", "    ")
    checkout.write(table, text[:end] + added + text[end:])
    found = checkout.answer_of(*QUICKSTART)
    joules = found["joules_per_request"]
    assert joules == pytest.approx(found["energy_j"] / found["finished"])
    assert found["joules_per_request_low"] < joules < found["joules_per_request_high"]


def test_a_chart_is_one_file(checkout, tmp_path):
    checkout.write("simulator/report/charts/prompts.py", example("chart"))
    done = checkout.roofsim(*QUICKSTART, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "prompts.svg").exists()
    assert "Each bar counts prompts." in (tmp_path / "out" / "report.html").read_text()
