"""Two small results to report on."""

from pathlib import Path

import pytest

from simulator.simulate.result import SimulationResult
from simulator.simulate.run import simulate
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario


def small_result(**overrides: object) -> SimulationResult:
    fields = {"workload.requests": 120, **overrides}
    return simulate(read_scenario(Path(scenario_path("quickstart")), fields))


@pytest.fixture(scope="session")
def result() -> SimulationResult:
    return small_result()


@pytest.fixture(scope="session")
def results(result) -> list[SimulationResult]:
    return [result, small_result(hardware="h200-sxm"), small_result(hardware="apple-m4-max")]
