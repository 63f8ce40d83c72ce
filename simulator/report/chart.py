"""The charts of a run's report: one module each in ``charts``, or of another package."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import FunctionType
from typing import TYPE_CHECKING, Literal

from simulator.extensions import extension, extension_names
from simulator.report import charts
from simulator.report.roof import Roof
from simulator.simulate.result import SimulationResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Section = Literal["latency", "load", "steps", "more", "comparison"]
"""Where in a page a chart stands; ``more`` is below all others."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of a page: its file name, what it shows in words, and how to read it."""

    name: str
    figure: "Figure"
    description: str
    caption: str
    section: Section


Draw = Callable[[SimulationResult, Roof | None], Chart | None]
"""Draws a run, on its device's roof where that is known; None where there is nothing to draw."""


def report_charts(result: SimulationResult, roof: Roof | None) -> list[Chart]:
    """The charts of one simulation: every function called ``chart`` of a module in ``charts``,
    and what other packages list as ``roofsim.charts``."""
    modules = (import_module(f"{charts.__name__}.{m.name}") for m in iter_modules(charts.__path__))
    draws: list[Draw] = [vars(module)["chart"] for module in modules if "chart" in vars(module)]
    for name in extension_names("roofsim.charts"):
        draw = extension("roofsim.charts", name, FunctionType)
        if draw is not None:
            draws.append(draw)
    return [chart for draw in draws if (chart := draw(result, roof)) is not None]
