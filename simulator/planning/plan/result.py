"""A plan's answer: the system to take, those behind it, and why it is that one."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from simulator.planning.plan.candidates import Refused
from simulator.planning.plan.changes import Changed
from simulator.planning.plan.confirmed import Confirmed, Failed
from simulator.planning.plan.demand import Demand
from simulator.planning.plan.draws import Sureness
from simulator.planning.plan.floor import Floor
from simulator.planning.plan.front import Point
from simulator.planning.plan.ranking import Ranked
from simulator.specs.scenario import Scenario

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class PlanResult:
    """What a plan found.

    Args:
        scenario: what was asked, at the traffic's peak.
        demand: its traffic.
        found: simulated systems that keep the promise, the best first.
        failed: those that the bound took for possible and the simulation did not.
        considered: all that the bound takes for possible, cheapest first.
        refused: those that cannot serve, with their reasons.
        floor: devices that the best one's data sheet alone asks for.
        changes: what a tenth more or less would do.
        sureness: how sure the choice is; None without prices.
        front: throughput for a dollar against the pace of an answer.
        notes: what was assumed and what was left out.
    """

    scenario: Scenario
    demand: Demand
    found: tuple[Confirmed, ...]
    failed: tuple[Failed, ...]
    considered: tuple[Ranked, ...]
    refused: tuple[Refused, ...]
    floor: Floor
    changes: tuple[Changed, ...]
    sureness: Sureness | None
    front: tuple[Point, ...]
    notes: tuple[str, ...]

    @property
    def best(self) -> Confirmed:
        """The system to take."""
        return self.found[0]

    @property
    def runner_up(self) -> Confirmed | None:
        """The best of other hardware."""
        family = self.best.ranked.candidate.family
        return next((one for one in self.found if one.ranked.candidate.family != family), None)

    @property
    def headroom(self) -> float:
        """Share that is left, by the bound, of the load up to which queues stay finite.

        Objectives are missed before that.
        """
        serving = self.best.replicas - self.best.ranked.spare
        sized = self.best.ranked.sized
        return max(0.0, 1.0 - sized.load * sized.replicas / serving)

    def families(self) -> dict[str, tuple[str, str]]:
        """Why each hardware that was not chosen is not: what stopped it, and an example."""
        chosen = self.best.ranked.candidate.family
        why: dict[str, tuple[str, str]] = {}
        for confirmed in self.found:
            why.setdefault(
                confirmed.ranked.candidate.family, ("costs more", _cost_words(confirmed))
            )
        for failed in self.failed:
            family = failed.ranked.candidate.family
            why.setdefault(family, ("simulated, does not keep the promise", failed.reason))
        for ranked in self.considered:
            words = f"by the bound {ranked.devices} devices, ${ranked.usd_per_month:,.0f} a month"
            why.setdefault(ranked.candidate.family, ("bounded, not simulated", words))
        # Of hardware that is out whole, what stopped those that came furthest tells most.
        for refused in sorted(self.refused, key=lambda one: one.ttft_s is None):
            why.setdefault(refused.family, (refused.kind, refused.reason))
        why.pop(chosen, None)
        return why

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        runner_up = self.runner_up
        return {
            "scenario": self.scenario.name,
            "least": self.scenario.plan.least,
            "requests_per_s": self.demand.per_s,
            "users": self.demand.users,
            "best": confirmed_dict(self.best),
            "runner_up": None if runner_up is None else confirmed_dict(runner_up),
            "headroom": self.headroom,
            "floor_devices": self.floor.devices,
            "floor": asdict(self.floor),
            "simulated": [confirmed_dict(one) for one in self.found],
            "failed": [
                {"system": one.ranked.candidate.words, "reason": one.reason} for one in self.failed
            ],
            "considered": len(self.considered),
            "refused": self.refused_counts(),
            "families": {
                name: {"why": why, "example": example}
                for name, (why, example) in self.families().items()
            },
            "changes": [asdict(one) for one in self.changes],
            "sureness": None if self.sureness is None else asdict(self.sureness),
            "front": [asdict(point) for point in self.front if point.is_best],
            "notes": list(self.notes),
        }

    def refused_counts(self) -> dict[str, int]:
        """How many systems each reason removed, the most frequent first."""
        counts: dict[str, int] = {}
        for one in self.refused:
            counts[one.kind] = counts.get(one.kind, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def to_frame(self) -> "DataFrame":
        """The simulated systems, a row each, as a pandas DataFrame.

        Raises:
            InputError: pandas is not installed.
        """
        from simulator.simulate.answer import frame

        return frame([confirmed_dict(one) for one in self.found])

    def __repr__(self) -> str:
        return f"<PlanResult {self.scenario.name}: {_cost_words(self.best)}>"


def confirmed_dict(one: Confirmed) -> dict[str, Any]:
    """One simulated system in plain values."""
    candidate, sized = one.ranked.candidate, one.ranked.sized
    metrics = one.served.metrics
    return {
        "hardware": candidate.replica.hardware.name,
        "system": candidate.words,
        "devices": one.devices,
        "replicas": one.replicas,
        "spare_replicas": one.ranked.spare,
        "devices_per_replica": candidate.devices,
        "usd_per_month": one.usd_per_month,
        "power_w": one.watts,
        "share_within_objectives": one.served.share,
        "ttft_s": metrics.ttft_s.mean,
        "ttft_p99_s": metrics.ttft_s.p99,
        "tpot_s": metrics.tpot_s.mean,
        "tpot_p99_s": metrics.tpot_s.p99,
        "sequences_per_replica": sized.sequences
        * sized.replicas
        / (one.replicas - one.ranked.spare),
        "bound_replicas": one.ranked.replicas,
        "bound_usd_per_month": one.ranked.usd_per_month,
        "simulations": one.runs,
    }


def _cost_words(one: Confirmed) -> str:
    candidate = one.ranked.candidate
    return (
        f"{one.devices} × {candidate.family} = {one.replicas} replicas × "
        f"{candidate.replica.deployment.degrees or 'one device'}, ${one.usd_per_month:,.0f} a month"
    )
