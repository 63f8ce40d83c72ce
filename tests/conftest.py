"""What all tests share: where the measured data is, and a scenario that is quick to run."""

import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

from simulator.graph.step_shape import StepShape
from simulator.specs.scenario import Scenario

settings.register_profile("default", deadline=None, max_examples=50)
# For many runs of the same tests, as on mutants.
settings.register_profile("few", deadline=None, max_examples=12)
settings.load_profile("default")

ROOT = Path(__file__).resolve().parent.parent

_BYTECODE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """What spares the processes that tests run in time that tells nothing.

    Where Python may not keep bytecode beside its sources, it is kept as long as the tests run;
    else each process would compile all that it imports. Arrays here are too small for the threads
    of a linear algebra library, which would wait for each other, and for other tests, busily.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.dont_write_bytecode:
        folder = tempfile.mkdtemp(prefix="roofsim-bytecode-")
        config.stash[_BYTECODE] = folder
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing is left behind."""
    if folder := config.stash.get(_BYTECODE, None):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, and why: what was not looked at is not what passed."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section(f"{reasons.total()} tests were skipped")
        for reason, count in sorted(reasons.items(), key=lambda found: -found[1]):
            terminalreporter.write_line(f"{count:5d}  {reason}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of measured data beside the checkout; tests that need it skip without."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the measured data is not part of the project and not beside this checkout")
    return folder


@pytest.fixture
def mixed_step() -> tuple[StepShape, list[StepShape]]:
    """A step of both phases, and its decode and its prefill as steps of their own."""
    together = StepShape.of(
        decode_sequences=7,
        decode_context=2000,
        prefill_sequences=2,
        prefill_tokens=500,
        prefill_past=300,
    )
    return together, [StepShape.decode(7, 2000), StepShape.prefill(2, 500, 300)]


@pytest.fixture
def scenario() -> Scenario:
    """Llama 3.1 8B on an H100, a few dozen short requests."""
    return Scenario.model_validate(
        {
            "name": "test",
            "model": "llama-3.1-8b",
            "hardware": "h100-sxm",
            "workload": {
                "arrivals": {"process": "poisson", "rate": 20},
                "input_tokens": 200,
                "output_tokens": 30,
                "requests": 60,
                "seed": 3,
            },
        }
    )
