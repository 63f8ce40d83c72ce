"""A package of one's own, built and installed as any other, adds to what the commands know."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml

from simulator import extensions
from simulator.errors import InputError
from simulator.extensions import extension, extension_names
from simulator.serving.policies.ordering import Ordering

PACKAGE = Path(__file__).resolve().parent / "roofsim-example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the example package is installed into."""
    folder = tmp_path_factory.mktemp("extension")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(PACKAGE)], check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def roofsim(installed: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulator.cli.main", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def scenario_file(tmp_path) -> Path:
    """Four requests in the example's own trace format, under its own policy and router."""
    (tmp_path / "requests.txt").write_text(
        "at;prompt;answer\n0;50;30\n0.0001;100;5\n0.0002;400;60\n0.0003;20;5\n", encoding="utf-8"
    )
    scenario = {
        "name": "extended",
        "model": "llama-3.1-8b",
        "hardware": "h100-sxm",
        "deployment": {
            "policy": "longest-first",
            "replicas": 3,
            "max_sequences": 1,
            "scheduling": {"router": "last-replica"},
        },
        "workload": {"kind": "trace", "file": "requests.txt"},
    }
    file = tmp_path / "extended.yaml"
    file.write_text(yaml.safe_dump(scenario), encoding="utf-8")
    return file


def test_a_run_uses_the_packages_policy_router_and_trace_format(installed, scenario_file, tmp_path):
    done = roofsim(installed, "run", scenario_file, "--json", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["finished"] == 4
    with (tmp_path / "out" / "requests.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["replica"] for row in rows} == {"2"}
    first_token_s = [float(row["arrival_s"]) + float(row["ttft_s"]) for row in rows]
    by_start = sorted(range(4), key=first_token_s.__getitem__)
    assert [rows[i]["input_tokens"] for i in by_start] == ["50", "400", "100", "20"]


@pytest.fixture
def model_file(tmp_path) -> Path:
    """A model whose layers have the example's attention."""
    model = {
        "name": "mean",
        "title": "Mean",
        "source": "test",
        "hidden_size": 512,
        "vocabulary": 1000,
        "max_context": 4096,
        "layers": [
            {
                "repeat": 4,
                "attention": {"kind": "running-mean", "width": 256},
                "feedforward": {"kind": "dense", "width": 1024},
            }
        ],
    }
    file = tmp_path / "mean.yaml"
    file.write_text(yaml.safe_dump(model), encoding="utf-8")
    return file


def test_a_model_is_made_of_the_packages_attention(installed, tmp_path, model_file):
    asked = ("predict", "--hardware", "h100-sxm", "--operators", "--model", model_file)
    done = roofsim(installed, *asked)
    assert done.returncode == 0, done.stderr
    assert "attention.mean" in done.stdout
    alone = roofsim(tmp_path, *asked)
    assert alone.returncode == 2
    assert "mean.yaml: layers.0.attention.kind: nobody defined attention" in alone.stderr
    mistyped = model_file.read_text(encoding="utf-8").replace("running-mean", "runing-mean")
    model_file.write_text(mistyped, encoding="utf-8")
    assert "did you mean running-mean" in roofsim(installed, *asked).stderr


MODEL = """
name: shuffled
title: Shuffled
source: the example package
hidden_size: 2048
vocabulary: 32000
max_context: 65536
layers:
  - repeat: 24
    attention: {kind: shuffle}
    feedforward: {kind: dense, width: 8192}
"""

CHIP = """
name: my-chip
title: My chip
vendor: Me
class: datacenter-gpu
engines:
  gpu:
    units: 100
    peak: {bf16: 500 TFLOP/s}
    calibration:
      measured_with: the example package
      constants: {shuffle: {bandwidth_fraction: %s}}
memory:
  main: {capacity: 64 GB, bandwidth: 2 TB/s}
power:
  limit: 400 W
"""


def shuffle_row(installed, tmp_path, fraction):
    (tmp_path / "shuffled.yaml").write_text(MODEL, encoding="utf-8")
    (tmp_path / "my-chip.yaml").write_text(CHIP % fraction, encoding="utf-8")
    chip, model = tmp_path / "my-chip.yaml", tmp_path / "shuffled.yaml"
    step = ("predict", "-w", chip, "-m", model, "--batch", 64, "--operators", "--json")
    done = roofsim(installed, *step)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["operators"]
    return next(row for row in rows if row["name"] == "shuffle")


def test_a_step_uses_the_packages_attention_kind_and_law(installed, tmp_path):
    half, fifth = (shuffle_row(installed, tmp_path, fraction) for fraction in (0.5, 0.2))
    moved = 24 * 64 * 2048 * 2 * 2
    assert half["time_s"] == pytest.approx(moved / (0.5 * 2e12))
    assert fifth["time_s"] == pytest.approx(2.5 * half["time_s"])


def test_names_of_packages_are_suggested(installed, scenario_file):
    policy = roofsim(installed, "run", scenario_file, "--set", "deployment.policy=longest-frist")
    assert policy.returncode == 2
    assert "longest-first" in policy.stderr
    form = roofsim(installed, "run", scenario_file, "--set", "workload.format=semicolon")
    assert form.returncode == 2
    assert "semicolons" in form.stderr


def test_what_a_package_cannot_deliver_is_told_with_its_name(installed, scenario_file):
    broken = roofsim(installed, "run", scenario_file, "--set", "deployment.policy=broken")
    assert broken.returncode == 2
    assert "'broken' of roofsim-example cannot be loaded" in broken.stderr
    confused = roofsim(installed, "run", scenario_file, "--set", "deployment.policy=last-replica")
    assert confused.returncode == 2
    assert "is of type function, not Ordering" in confused.stderr


def test_without_the_package_its_names_are_unknown(scenario_file, tmp_path):
    done = roofsim(tmp_path, "run", scenario_file)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_name_that_two_packages_claim_is_refused(monkeypatch):
    value = "simulator.serving.policies.ordering:ORDERINGS"
    twice = (EntryPoint("mine", value, "roofsim.policies"),) * 2
    monkeypatch.setattr(extensions, "_points", lambda group: twice)
    assert extension_names("roofsim.policies") == ("mine",)
    with pytest.raises(InputError, match="both define 'mine'"):
        extension("roofsim.policies", "mine", Ordering)
