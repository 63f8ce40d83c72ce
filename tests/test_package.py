"""What a user installs: built, installed into an empty environment, used elsewhere."""

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


NAME = re.compile(r"[\w.-]+")


def built(kind: str, source: Path, folder: Path) -> Path:
    """The wheel or the sdist of ``source``."""
    build = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", folder]
    subprocess.run([*build, source], check=True, capture_output=True)
    (found,) = folder.iterdir()
    return found


def environment_with(package: str, folder: Path) -> Path:
    """An empty environment with ``package`` and what it needs, and nothing else."""
    uv, home = [sys.executable, "-m", "uv"], folder / "env"
    for command in (
        ["venv", "-q", "--python", sys.executable, home],
        ["pip", "install", "-q", "--python", home / "bin" / "python", package],
    ):
        done = subprocess.run([*uv, *command], capture_output=True, text=True)
        if "Failed to fetch" in done.stderr:
            pytest.skip("packages cannot be fetched from here")
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """Built from the sdist, as an index and those who package it do."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return built("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_the_sdist_holds_what_the_checkout_does(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = ("pyproject.toml", "README.md", "LICENSE", "noxfile.py", "tests/conftest.py",
               "docs/README.md", "benchmarks/README.md", "scenarios/quickstart.yaml")  # fmt: skip
    assert set(tracked) <= names
    from_checkout = zipfile.ZipFile(built("wheel", ROOT, tmp_path)).namelist()
    assert sorted(zipfile.ZipFile(wheel).namelist()) == sorted(from_checkout)


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
    home = environment_with(str(wheel), tmp_path)
    python = home / "bin" / "python"
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


IMPORT_ALL = """
import importlib, sys
from importlib.metadata import distribution, packages_distributions
import simulator
wanted = {name.lower() for name in sys.argv[1:]}
for module, owners in packages_distributions().items():
    if wanted & {owner.lower() for owner in owners} and module.isidentifier():
        importlib.import_module(module)
        wanted -= {owner.lower() for owner in owners}
for name in wanted:
    distribution(name)  # typing stubs and tools have nothing to import
"""


@pytest.mark.slow
@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_an_extra_can_be_installed_and_imported(extra, wheel, tmp_path):
    python = environment_with(f"roofsim[{extra}] @ {wheel.as_uri()}", tmp_path) / "bin" / "python"
    needed = [NAME.match(line)[0] for line in PROJECT["optional-dependencies"][extra]]
    done = subprocess.run(
        [python, "-c", IMPORT_ALL, *needed], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
