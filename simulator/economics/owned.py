"""What an hour of work of an owned device costs: bought with its surroundings, run, paid off.

Each year brings back the money for device, server and network as an annuity,

    A = K · r / (1 − (1 + r)^−n) − R · K · r / ((1 + r)^n − 1),

with K dollars bought, interest r, n years, and a worth of R · K at the end. Space is rented for
the power that is provided for, people are paid, and hours without work are paid by the others.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from simulator.economics.offers import Quote
from simulator.economics.price import EnergyPrice, PriceLine, summed
from simulator.specs.ownership import Ownership
from simulator.specs.quantity import Quantity
from simulator.units import money, percent

HOURS_PER_YEAR = 8766.0
MONTHS_PER_YEAR = 12.0
HOURS_PER_MONTH = HOURS_PER_YEAR / MONTHS_PER_YEAR

Costs: TypeAlias = Mapping[str, float]
"""The numbers of an ``Ownership`` by name, and ``device_usd``."""


@dataclass(frozen=True, slots=True)
class OwnedHour:
    """Lines of an hour of work, their sum with its interval, and the price of energy."""

    lines: tuple[PriceLine, ...]
    usd_per_hour: float
    low: float
    high: float
    energy: EnergyPrice


def annuity(interest: float, years: float, residual: float) -> float:
    """What a dollar that is bought costs a year, of which a share is left at the end.

    >>> round(annuity(0.08, 5, 0.0), 6), annuity(0.0, 5, 0.0)
    (0.250456, 0.2)
    """
    growth = math.expm1(years * math.log1p(interest))
    if not growth:
        return (1.0 - residual) / years
    return interest + (1.0 - residual) * (interest / growth)


def owned_hour(bought: Quote, limit_w: float, known: Ownership) -> OwnedHour:
    """An hour of work of a device of ``limit_w`` that was ``bought``.

    The interval adds, as squares, what each input moves the sum by when it goes to either end
    of its own. Electricity of the device itself is paid by what it draws: see ``energy``.
    """
    included = {kind for offer in bought.offers for kind in offer.included}
    leaves: dict[str, Quantity] = {name: getattr(known, name) for name in Ownership.model_fields}
    if "host" in included:
        leaves["server_usd"] = Quantity(value=0.0, source="included in the price")
    if "network" in included:
        leaves["network_usd"] = Quantity(value=0.0, source="included in the price")
    middle = {name: leaf.value for name, leaf in leaves.items()}
    middle["device_usd"] = bought.usd
    sources = {name: leaf.source or "" for name, leaf in leaves.items()}
    sources["device_usd"] = ", ".join(dict.fromkeys(offer.source for offer in bought.offers))
    lines = _lines(middle, limit_w, sources)
    total = summed(lines)
    ends = {name: (_end(leaf.low, leaf), _end(leaf.high, leaf)) for name, leaf in leaves.items()}
    ends["device_usd"] = (bought.low, bought.high)
    down, up = _swings(middle, ends, limit_w, sources, total)
    usd_per_kwh, pue, supplies = (
        (leaf.value, _end(leaf.low, leaf), _end(leaf.high, leaf))
        for leaf in (leaves["usd_per_kwh"], leaves["pue"], leaves["psu_efficiency"])
    )
    energy = EnergyPrice(
        usd_per_kwh[0] * pue[0] / supplies[0],
        usd_per_kwh[1] * pue[1] / supplies[2],
        usd_per_kwh[2] * pue[2] / supplies[1],
        usd_per_kwh[0],
        pue[0],
        supplies[0],
        "; ".join(sources[name] for name in ("usd_per_kwh", "pue", "psu_efficiency")),
    )
    return OwnedHour(lines, total, max(total - down, 0.0), total + up, energy)


def _end(stated: float | None, leaf: Quantity) -> float:
    return leaf.value if stated is None else stated


def _swings(
    middle: Costs,
    ends: Mapping[str, tuple[float, float]],
    limit_w: float,
    sources: Mapping[str, str],
    total: float,
) -> tuple[float, float]:
    down = up = 0.0
    for name, pair in ends.items():
        moved = [summed(_lines({**middle, name: end}, limit_w, sources)) - total for end in pair]
        down += min(*moved, 0.0) ** 2
        up += max(*moved, 0.0) ** 2
    return math.sqrt(down), math.sqrt(up)


def _lines(costs: Costs, limit_w: float, sources: Mapping[str, str]) -> tuple[PriceLine, ...]:
    years, interest = costs["amortisation_years"], costs["cost_of_capital"]
    residual, pue, usd_per_kwh = costs["residual_value"], costs["pue"], costs["usd_per_kwh"]
    parts = (("device", "device_usd"), ("host", "server_usd"), ("network", "network_usd"))
    bought = sum(costs[key] for _, key in parts)
    spread = (1.0 - residual) / years
    kilowatts = (limit_w + costs["server_watts"]) / 1000.0
    host_kw = costs["host_watts"] / costs["psu_efficiency"] / 1000.0
    network_kw = costs["network_watts"] / 1000.0
    rack, staff = costs["rack_usd_per_kw_month"], costs["staff_usd_per_year"]
    capital = bought * (annuity(interest, years, residual) - spread)
    paid = [
        *(
            PriceLine(
                name,
                costs[key] * spread / HOURS_PER_YEAR,
                f"{money(costs[key])} × (1 − {percent(residual)}) / {years:g} years{_A_YEAR}",
                sources[key],
            )
            for name, key in parts
        ),
        PriceLine(
            "cost of capital",
            capital / HOURS_PER_YEAR,
            f"annuity of {money(bought)} at {interest:.1%} over {years:g} years, less what it "
            f"pays back{_A_YEAR}",
            sources["cost_of_capital"],
        ),
        PriceLine(
            "rack and space",
            kilowatts * rack * MONTHS_PER_YEAR / HOURS_PER_YEAR,
            f"{kilowatts:.3g} kW × {money(rack)} a month × 12{_A_YEAR}",
            sources["rack_usd_per_kw_month"],
        ),
        PriceLine(
            "staff",
            staff / HOURS_PER_YEAR,
            f"{money(staff)} a year{_A_YEAR}",
            sources["staff_usd_per_year"],
        ),
    ]
    together, used = summed(paid), costs["utilisation"]
    per_kwh = f"{money(usd_per_kwh)}/kWh"
    return (
        *paid,
        PriceLine(
            "hours without work",
            together * (1.0 / used - 1.0),
            f"{money(together)}/h of all above × (1 / {percent(used)} − 1)",
            sources["utilisation"],
            "idle",
        ),
        PriceLine(
            "power of the host",
            host_kw * usd_per_kwh,
            f"{host_kw:.3g} kW at the plug × {per_kwh}",
            sources["host_watts"],
            "energy",
        ),
        PriceLine(
            "power of the network",
            network_kw * usd_per_kwh,
            f"{network_kw:.3g} kW × {per_kwh}",
            sources["network_watts"],
            "energy",
        ),
        PriceLine(
            "cooling of host and network",
            (host_kw + network_kw) * usd_per_kwh * (pue - 1.0),
            f"{host_kw + network_kw:.3g} kW × {per_kwh} × (PUE {pue:g} − 1)",
            sources["pue"],
            "energy",
        ),
    )


_A_YEAR = f" / {HOURS_PER_YEAR:,.0f} h"
