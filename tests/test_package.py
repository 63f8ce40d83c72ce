"""The wheel as a user gets it: built, installed into an empty environment, used elsewhere."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
    subprocess.run([*build, ROOT], check=True, capture_output=True)
    return next(folder.glob("roofsim-*.whl"))


@pytest.mark.slow
def test_the_wheel_carries_the_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "simulator/data/hardware_specs/h100-sxm.yaml",
        "simulator/data/hardware_specs/sources.yaml",
        "simulator/data/hardware_specs/calibrations/h100-sxm.yaml",
        "simulator/data/models/llama-3.1-8b.yaml",
        "simulator/data/scenarios/quickstart.yaml",
        "simulator/data/scenarios/trace.csv",
        "simulator/specs/templates/scenario.yaml",
        "simulator/specs/device_classes/datacenter-gpu.yaml",
        "simulator/specs/engine_profiles/vllm.yaml",
        "simulator/specs/link_classes/nvlink.yaml",
        "simulator/specs/host_link_classes/pcie.yaml",
        "simulator/specs/link_technologies.yaml",
        "simulator/py.typed",
    ):
        assert needed in names
    assert not [n for n in names if n.startswith(("tests/", "models/", "hardware_specs/"))]


@pytest.mark.slow
def test_an_empty_environment_runs_the_quick_start_outside_the_checkout(wheel, tmp_path):
    home = tmp_path / "env"
    venv.create(home)
    python = home / "bin" / "python"
    # Most of what comes along is never imported: Python compiles what is.
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile"]
    subprocess.run([*install, wheel], check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [home / "bin" / "roofsim", "run", "quickstart", "--json", "--out", "out"],
        cwd=elsewhere,
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["finished"] == found["requests"] == 2000
    assert (elsewhere / "out" / "report.html").exists()
    where = subprocess.run(
        [python, "-c", "import simulator; print(simulator.__file__)"],
        cwd=elsewhere,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert str(home) in where
