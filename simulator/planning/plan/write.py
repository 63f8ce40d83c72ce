"""A plan in a folder: its numbers, the scenario of the system to take, and the front."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.economics.owned import HOURS_PER_MONTH
from simulator.planning.plan.result import PlanResult, confirmed_dict
from simulator.planning.taken_over import TakenOver
from simulator.specs.plan import Plan
from simulator.units import money

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = ("plan.json", "systems.csv", "front.csv", "scenario.yaml")
"""Files of the folder beside its chart."""


def write_plan(found: PlanResult, folder: Path) -> list[Path]:
    """Write ``plan.json``, the simulated ``systems.csv``, ``front.csv`` with its chart, and
    ``scenario.yaml``, which ``roofsim run`` takes.

    Raises:
        InputError: the folder cannot be written.
    """
    from simulator.report.write import csv_bytes, images, json_bytes, write_files

    document, systems, front, scenario = FILES
    contents = {
        document: json_bytes(found.to_dict()),
        systems: csv_bytes([confirmed_dict(one) for one in found.found]),
        front: csv_bytes([asdict(point) for point in found.front]),
        scenario: _yaml(found),
        **images("front", front_chart(found), front_title(found)),
    }
    return write_files(contents, folder)


def front_title(found: PlanResult) -> str:
    """The finding, for the chart: the system to take and what it costs."""
    best = found.best
    family = best.ranked.candidate.family
    return f"{best.devices} × {family} keep the promise for {money(best.usd_per_month)} a month"


def front_chart(found: PlanResult) -> "Figure":
    """Tokens for a dollar (or a device, where nothing has a price) against the pace of answers."""
    from simulator.report.charts.front import front

    is_priced = any(point.tokens_per_usd for point in found.front)
    gain = "tokens of answers for a dollar" if is_priced else "tokens a second and device"

    def gained(point: object) -> float:
        return float(getattr(point, "tokens_per_usd" if is_priced else "tokens_per_s_per_device"))

    curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for point in found.front:
        of_family = curves.setdefault(point.family, {})
        of_family.setdefault(point.words, []).append((point.tokens_per_s_per_user, gained(point)))
    best = [(p.tokens_per_s_per_user, gained(p)) for p in found.front if p.is_best]
    metrics = found.best.served.metrics
    tokens_per_s = metrics.output_tokens_per_s
    usd_per_s = found.best.usd_per_month / (HOURS_PER_MONTH * 3600.0)
    at = tokens_per_s / usd_per_s if is_priced and usd_per_s else tokens_per_s / found.best.devices
    limit = found.scenario.objectives.tpot
    return front(
        front_title(found),
        "One replica of each system from little load to much, by the bound; the plan as simulated",
        gain,
        {name: list(systems.values()) for name, systems in curves.items()},
        sorted(best),
        (1.0 / metrics.tpot_s.mean, at),
        None if limit is None else 1.0 / limit,
    )


def _yaml(found: PlanResult) -> bytes:
    whole = found.best.scenario.model_copy(update={"plan": Plan()})
    told = f"the system that a plan for {found.scenario.name} chose, under its traffic's peak"
    content = TakenOver(whole, told)
    return content.yaml().encode()
