"""A fleet of equal units of one system: how many a month needs, and what every part of it costs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulator.economics.curve import Curve
from simulator.economics.price import DevicePrice
from simulator.economics.tokens import TokenRates
from simulator.errors import InputError
from simulator.planning.bill.mix import SECONDS_PER_MONTH, Measured
from simulator.simulate.accounts import facts
from simulator.simulate.at_best import AtBest, at_best
from simulator.simulate.figures import figures_of
from simulator.simulate.pricing import unpriced_words
from simulator.simulate.run import simulate
from simulator.specs.bill import Traffic
from simulator.specs.economics import Economics
from simulator.specs.scenario import Scenario

HOURS_PER_MONTH = SECONDS_PER_MONTH / 3600.0


@dataclass(frozen=True)
class Fleet:
    """Units of one system under a forecast.

    Args:
        best: what one unit serves at best.
        prices: of an hour of a device of each pool, at work or not.
        traffic: how much of the capacity peaks and headroom leave free, and the spare units.
        offered_per_s: what the scenario itself asks for, a second; None where the forecast says
            how much is asked for.
    """

    best: AtBest
    prices: tuple[DevicePrice, ...]
    traffic: Traffic
    offered_per_s: float | None

    @classmethod
    def of(cls, scenario: Scenario, traffic: Traffic) -> "Fleet":
        """The fleet of a scenario's system, whose unit is simulated at best.

        Raises:
            InputError: a system without a price on the basis, or anything the simulation refuses.
        """
        best = at_best(scenario, traffic.within_objectives)
        economics = existing(scenario.economics)
        prices = best.cluster.prices(economics)
        known = tuple(price for price in prices if price is not None)
        if len(known) < len(prices):
            hardware = best.cluster.unpriced(economics)[0]
            raise InputError(
                unpriced_words(hardware, economics, None),
                field="economics",
                remedy="name another basis or term, a price book (--prices), or "
                "economics.usd_per_device_hour",
            )
        is_told = traffic.tokens_per_month or traffic.requests_per_month
        return cls(best, known, traffic, None if is_told else _offered_per_s(scenario))

    @property
    def title(self) -> str:
        """The system in words: one unit of it."""
        systems = (
            title if count == 1 else f"{count} × {title}"
            for title, count in self.best.cluster.devices_by_title.items()
        )
        return f"{self.best.cluster.answers.model.title} on {' + '.join(systems)}"

    @property
    def devices_of_unit(self) -> int:
        """Devices of one unit."""
        return self.best.cluster.devices

    @property
    def curve(self) -> Curve:
        """Dollars against requests a month."""
        hours = HOURS_PER_MONTH
        kept, idle, working = 0.0, 0.0, 0.0
        for pool, price, idle_w, busy_w in zip(
            self.best.cluster.pools, self.prices, self.best.idle_w, self._busy_w, strict=True
        ):
            per_watt = price.energy.usd_per_kwh / 1000.0
            kept += pool.devices * price.usd_per_hour * hours
            idle += idle_w * per_watt * hours
            working += max(busy_w - idle_w, 0.0) * per_watt / 3600.0
        capacity = self.best.requests_per_s * SECONDS_PER_MONTH
        free = (1.0 - self.traffic.headroom) / self.traffic.peak_to_mean
        return Curve(
            unit_usd=kept + idle,
            of_unit=capacity * free,
            capacity=capacity,
            spare=self.traffic.spare,
            each_usd=working / self.best.requests_per_s,
        )

    @property
    def _busy_w(self) -> tuple[float, ...]:
        """What the devices of each pool draw together at best."""
        span, found, first = self.best.metrics.makespan_s, [], 0
        for pool, idle_w in zip(self.best.cluster.pools, self.best.idle_w, strict=True):
            own = self.best.outcome.counters[first : first + pool.replicas]
            first += pool.replicas
            of_each = pool.replica.deployment.devices_per_replica
            drawn = sum(counter.energy_j for counter in own) * of_each
            idle_s = sum(max(span - counter.busy_s, 0.0) for counter in own) / len(own)
            found.append(drawn / span + idle_w * idle_s / span)
        return tuple(found)

    def utilisation(self, requests: float) -> float:
        """Mean load of a month over what the units that are paid for could serve."""
        curve = self.curve
        return requests / (curve.capacity * curve.units(requests))

    def parts(self, requests: float) -> dict[str, float]:
        """Every dollar of a month by what it is paid for; they sum to what the curve gives."""
        curve = self.curve
        units = curve.units(requests)
        found: dict[str, float] = {}
        for pool, price in zip(self.best.cluster.pools, self.prices, strict=True):
            for line in price.lines:
                usd = line.usd_per_hour * pool.devices * HOURS_PER_MONTH * units
                found[line.name] = found.get(line.name, 0.0) + usd
        energy = curve.usd(requests) - sum(found.values())
        if any(price.energy.usd_per_kwh for price in self.prices):
            found["power of the devices"] = energy
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

    @property
    def measured(self) -> Measured:
        """Mean requests as they were served, at the rate that the scenario asks for."""
        metrics = self.best.metrics
        count = max(metrics.finished, 1)
        return Measured(
            metrics.input_tokens / count,
            metrics.output_tokens / count,
            metrics.hit_rate,
            self.offered_per_s,
        )

    @property
    def rates(self) -> TokenRates:
        """Dollars for a million tokens of each kind, of units that always work at best."""
        best = self.best
        asked = best.scenario.model_copy(update={"economics": existing(best.scenario.economics)})
        known = figures_of(facts(asked, best.cluster, best.outcome, best.metrics), best.metrics)
        return _rates(known)

    @property
    def origin(self) -> str:
        """What its prices rest on."""
        return "; ".join(dict.fromkeys(price.origin for price in self.prices))


def existing(economics: Economics) -> Economics:
    """The price of devices that are there, at work or not: a bill counts their idle time itself."""
    utilisation = 1.0 if economics.basis == "owned" else None
    return economics.model_copy(update={"utilisation": utilisation})


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


def _rates(known: Mapping[str, float | None]) -> TokenRates:
    def usd(kind: str) -> float | None:
        return known.get(f"usd_per_million_{kind}tokens")

    uncached = usd("input_") or 0.0
    cached = usd("cached_input_")
    found = TokenRates(uncached, uncached if cached is None else cached, usd("output_") or 0.0)
    assert all(math.isfinite(rate) for rate in (found.uncached, found.cached, found.output))
    return found
