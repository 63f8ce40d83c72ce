"""What-if: the same scenario on several devices, side by side."""

from collections.abc import Callable, Sequence

from simulator.errors import InputError
from simulator.planning.workers.in_order import made_in_order
from simulator.planning.workers.local import checked_workers
from simulator.simulate.best import at_load_and_best
from simulator.simulate.cluster import resolve
from simulator.simulate.result import SimulationResult
from simulator.specs.scenario import Scenario


def compare(
    scenario: Scenario,
    hardware: Sequence[str],
    *,
    workers: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> list[SimulationResult]:
    """Answer ``scenario``, at its load and at best, on each of ``hardware``, in the order given.

    Every name is resolved before anything runs, so that a misspelling or a model that does not
    fit costs no time. ``progress`` is called with (devices done, devices in all).

    Raises:
        InputError: fewer than two names, a name twice, workers that are no number of processes, or
            anything ``at_load_and_best`` refuses.
    """
    checked_workers(workers)
    if len(hardware) < 2:
        raise InputError(
            "a comparison needs at least two devices",
            field="hardware",
            remedy="separate names by commas: --hardware h100-sxm,h200-sxm",
        )
    twice = {name for name in hardware if list(hardware).count(name) > 1}
    if twice:
        raise InputError(f"{sorted(twice)[0]} is named twice", field="hardware")
    scenarios = [scenario.on(name) for name in hardware]
    for variant in scenarios:
        resolve(variant)
    return made_in_order(at_load_and_best, scenarios, workers, progress)
