"""A scenario's deployment in the words of those who start servers."""

from collections.abc import Callable, Mapping

from simulator.specs.scenario import Scenario
from simulator.traces.launch.kubernetes import manifest
from simulator.traces.launch.table import engines
from simulator.traces.launch.write import launch_line

Text = tuple[str, tuple[str, ...]]
"""What is written, and what of the scenario it does not say."""


def launch_forms() -> Mapping[str, Callable[[Scenario], Text]]:
    """Every form by its name: an engine's own launch line, and a manifest for Kubernetes."""
    return {**{engine: _line(engine) for engine in engines()}, "k8s": manifest}


def _line(engine: str) -> Callable[[Scenario], Text]:
    def write(scenario: Scenario) -> Text:
        found = launch_line(scenario, engine)
        return found.script(), found.left_out

    return write
