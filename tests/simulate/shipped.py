"""Shipped scenarios with few requests, for tests that only need their shape."""

from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario
from simulator.specs.scenario import Scenario


def shortened(name: str, requests: int = 40, **changes: object) -> Scenario:
    """The shipped scenario ``name`` with its first ``requests`` alone, and what else changes."""
    path = scenario_path(name)
    count = "limit" if read_scenario(path).workload.kind == "trace" else "requests"
    return read_scenario(path, {f"workload.{count}": requests, **changes})
