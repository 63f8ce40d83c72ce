"""A fleet of equal units of one system: how many a month needs, and what every part of it costs.

A unit is one replica, or a whole deployment of pools.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.economics.breakdown import Paid, breakdown
from simulator.economics.curve import Curve
from simulator.economics.owned import HOURS_PER_MONTH
from simulator.economics.price import DevicePrice
from simulator.economics.rules import Work, rule_words
from simulator.economics.tokens import TokenRates
from simulator.errors import InputError
from simulator.planning.bill.mix import SECONDS_PER_MONTH, Measured
from simulator.simulate.cluster import Cluster, resolve
from simulator.simulate.figures import figures_of
from simulator.simulate.pricing import unpriced_words
from simulator.simulate.run import simulate
from simulator.simulate.saturation import Saturation, saturation
from simulator.simulate.serving_point import whole_or_sample
from simulator.specs.bill import Traffic
from simulator.specs.economics import Economics
from simulator.specs.scenario import Scenario


@dataclass(frozen=True)
class Fleet:
    """Units of one system under a forecast.

    Args:
        cluster: one unit.
        best: what it does at the most load within the objectives.
        prices: of an hour of a device of each pool, at work or not.
        traffic: how much of the capacity peaks and headroom leave free, and the spare units.
        offered_per_s: what the scenario itself asks for, a second; None where the forecast says
            how much is asked for.
        rule: by which kinds of tokens share in the cost, in words.
    """

    cluster: Cluster
    best: Saturation
    prices: tuple[DevicePrice, ...]
    traffic: Traffic
    offered_per_s: float | None
    rule: str

    @classmethod
    def of(cls, scenario: Scenario, traffic: Traffic) -> "Fleet":
        """The fleet of a scenario's system, whose unit is simulated at best.

        Raises:
            InputError: a workload that is no traffic, objectives that no load keeps, a system
                without a price on the basis, or anything the simulation refuses.
        """
        if scenario.is_step:
            raise InputError(
                f"a {scenario.workload.kind} step is no traffic that could be served",
                field="workload.kind",
                remedy="give a workload of requests: synthetic, trace or serve",
            )
        unit = unit_of(scenario)
        asked, cluster, _ = whole_or_sample(unit, resolve(unit))
        prices = _prices(cluster, unit.economics)
        best = saturation(asked, cluster)
        if best is None:
            share = scenario.objectives.attainment
            raise InputError(
                f"no load is so small that {share:.0%} of its requests meet the objectives",
                field="objectives",
                remedy="allow more time, ask for a smaller share (objectives.attainment), or take "
                "a faster system",
            )
        is_told = traffic.tokens_per_month or traffic.requests_per_month
        offered_per_s = None if is_told else _offered_per_s(scenario)
        return cls(cluster, best, prices, traffic, offered_per_s, rule_words(scenario.economics))

    @property
    def title(self) -> str:
        """The system in words: one unit of it."""
        systems = (
            title if count == 1 else f"{count} × {title}"
            for title, count in self.cluster.devices_by_title.items()
        )
        return f"{self.cluster.answers.model.title} on {' + '.join(systems)}"

    @property
    def devices_of_unit(self) -> int:
        """Devices of one unit."""
        return self.cluster.devices

    @cached_property
    def curve(self) -> Curve:
        """Dollars against requests a month."""
        kept = sum(
            pool.devices * price.usd_per_hour * HOURS_PER_MONTH
            for pool, price in zip(self.cluster.pools, self.prices, strict=True)
        )
        capacity = self.best.requests_per_s * SECONDS_PER_MONTH
        free = (1.0 - self.traffic.headroom) / self.traffic.peak_to_mean
        return Curve(
            unit_usd=kept + self._idle_w * self._usd_per_joule * SECONDS_PER_MONTH,
            of_unit=capacity * free,
            capacity=capacity,
            spare=self.traffic.spare,
            each_usd=self._joules_of_request * self._usd_per_joule,
        )

    @cached_property
    def _idle_w(self) -> float:
        """What the devices of a unit draw together without work."""
        return sum(pool.replica.device.power.idle_w * pool.devices for pool in self.cluster.pools)

    @cached_property
    def _joules_of_request(self) -> float:
        """Energy of a request beside what a unit draws anyway."""
        busy_w = float(self.best.known["power_w"])
        return max(busy_w - self._idle_w, 0.0) / self.best.requests_per_s

    @cached_property
    def _power_shares(self) -> tuple[float, ...]:
        """The part of a unit's power that each pool draws, taken as that of their limits."""
        limits = [
            pool.devices * float(pool.replica.hardware.power.limit) for pool in self.cluster.pools
        ]
        return tuple(limit / sum(limits) for limit in limits)

    @cached_property
    def _usd_per_joule(self) -> float:
        """What a joule that the devices draw costs beside their price."""
        pairs = zip(self._power_shares, self.prices, strict=True)
        return sum(share * price.energy.usd_per_kwh for share, price in pairs) / 3.6e6

    def utilisation(self, requests: float) -> float:
        """Mean load of a month over what the units that are paid for could serve."""
        curve = self.curve
        return requests / (curve.capacity * curve.units(requests))

    def parts(self, requests: float) -> dict[str, float]:
        """Every dollar of a month by what it is paid for; they sum to what the curve gives."""
        units, busy = self.curve.units(requests), self.utilisation(requests)
        power_w = units * self._idle_w + requests * self._joules_of_request / SECONDS_PER_MONTH
        paid = [
            Paid(price, pool.devices * units, share * power_w, busy)
            for pool, price, share in zip(
                self.cluster.pools, self.prices, self._power_shares, strict=True
            )
        ]
        found: dict[str, float] = {}
        for line in breakdown(paid):
            usd = line.usd_per_s * SECONDS_PER_MONTH
            if usd:
                found[line.name] = found.get(line.name, 0.0) + usd
        return found

    def reasons(self, requests: float) -> dict[str, float]:
        """Every dollar of a month by why it is paid: work, peaks, headroom, whole units, spare."""
        curve, traffic = self.curve, self.traffic
        mean = requests / curve.capacity
        peak = mean * traffic.peak_to_mean
        free = peak / (1.0 - traffic.headroom)
        whole = curve.units(requests) - curve.spare
        return {
            "work": curve.unit_usd * mean + curve.each_usd * requests,
            "time between peaks": curve.unit_usd * (peak - mean),
            "headroom": curve.unit_usd * (free - peak),
            "rounding up to whole replicas": curve.unit_usd * (whole - free),
            "spare replicas": curve.unit_usd * curve.spare,
        }

    @cached_property
    def measured(self) -> Measured:
        """Mean requests as they were served, at the rate that the scenario asks for."""
        work: Work = self.best.known["work"]
        per_s = self.best.requests_per_s
        inputs = work.uncached + work.cached
        return Measured(
            inputs / per_s,
            work.output / per_s,
            work.cached / inputs if inputs else 0.0,
            self.offered_per_s,
        )

    @cached_property
    def rates(self) -> TokenRates:
        """Dollars for a million tokens of each kind, of units that always work at best."""
        known = figures_of(self.best.known)
        uncached = known["usd_per_million_input_tokens"] or 0.0
        cached = known["usd_per_million_cached_input_tokens"]
        return TokenRates(
            uncached,
            uncached if cached is None else cached,
            known["usd_per_million_output_tokens"] or 0.0,
        )

    @property
    def origin(self) -> str:
        """What its prices rest on."""
        return "; ".join(dict.fromkeys(price.origin for price in self.prices))


def unit_of(scenario: Scenario) -> Scenario:
    """One unit of a scenario, at prices of devices that are there, at work or not.

    Replicas that fail are not part of it: a unit is one that works. How busy devices are, a bill
    finds itself.
    """
    deployment, economics = scenario.deployment, scenario.economics
    scheduling = deployment.scheduling.model_copy(update={"failures": ()})
    update: dict[str, object] = {"scheduling": scheduling}
    if not deployment.pools and deployment.replicas > 1:
        update |= {"replicas": 1, "devices": None}
    utilisation = 1.0 if economics.basis == "owned" else None
    return scenario.model_copy(
        update={
            "deployment": deployment.model_copy(update=update),
            "economics": economics.model_copy(update={"utilisation": utilisation}),
        }
    )


def _prices(cluster: Cluster, economics: Economics) -> tuple[DevicePrice, ...]:
    prices = cluster.prices(economics)
    known = tuple(price for price in prices if price is not None)
    if len(known) < len(prices):
        hardware = cluster.unpriced(economics)[0]
        raise InputError(
            unpriced_words(hardware, economics, None),
            field="economics",
            remedy="name another basis or term, a price book (--prices), or "
            "economics.usd_per_device_hour",
        )
    return known


def _offered_per_s(scenario: Scenario) -> float:
    """Requests that come to the whole scenario a second, from the first of them to the last."""
    arrivals = simulate(scenario).records.arrival_s
    span = float(np.ptp(arrivals))
    if not span:
        raise InputError(
            "its requests all come at once, which is no rate",
            field="workload",
            remedy="say how much traffic there is: bill.traffic.requests_per_month",
        )
    return (arrivals.size - 1) / span
