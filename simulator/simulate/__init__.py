"""From a scenario, or a handful of names, to an answer."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.simulate.result import SimulationResult
    from simulator.specs.scenario import Scenario


class _Room(ModuleType):
    """This room; called, it is the function ``simulate``, whose name in the package it takes."""

    def __call__(
        self, scenario: "Scenario", progress: "Callable[[int, int], None] | None" = None
    ) -> "SimulationResult":
        from simulator.simulate.run import simulate

        return simulate(scenario, progress)


sys.modules[__name__].__class__ = _Room
