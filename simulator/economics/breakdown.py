"""Every dollar of a second of devices, line by line: the lines sum to all that is paid.

A line of what is kept (device, host, network, space, staff, capital, rent) counts for the time in
which devices compute; for the rest of the time it is idle, and so are the hours without any work.
Electricity is paid by what is drawn, at whatever time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from simulator.economics.price import DevicePrice
from simulator.units import humane, money, percent


@dataclass(frozen=True, slots=True)
class CostLine:
    """One part of what devices cost: dollars a second, how it comes about, and where from."""

    name: str
    usd_per_s: float
    formula: str
    source: str


@dataclass(frozen=True, slots=True)
class Paid:
    """Equal devices that are paid for: their price, how many, their mean draw, and their work.

    ``busy`` is the share of the time in which they compute; ``name`` tells them from others.
    """

    price: DevicePrice
    devices: int
    power_w: float
    busy: float = 1.0
    name: str = ""


def breakdown(groups: Sequence[Paid]) -> tuple[CostLine, ...]:
    """The lines of all ``groups``, which sum to what they cost a second.

    Groups that stand apart have lines of their own.
    """
    return tuple(line for group in groups for line in _lines(group))


def _lines(group: Paid) -> Iterable[CostLine]:
    price, busy, count = group.price, group.busy, group.devices
    before = f"{group.name}: " if group.name else ""
    many = f" × {count:,} devices" if count > 1 else ""
    per_s = count / 3600.0
    kept = sum(line.usd_per_hour for line in price.lines if line.kind == "kept")
    for line in price.lines:
        is_kept = line.kind == "kept"
        yield CostLine(
            before + line.name,
            line.usd_per_hour * per_s * (busy if is_kept else 1.0),
            line.formula + many + (f" × {percent(busy)} computing" if is_kept else ""),
            line.source,
        )
    yield CostLine(
        f"{before}time without computing",
        kept * per_s * (1.0 - busy),
        f"{money(kept)}/h of what is kept{many} × (1 − {percent(busy)} computing)",
        "the simulation",
    )
    yield from _electricity(group, before)


def _electricity(group: Paid, before: str) -> Iterable[CostLine]:
    """What devices themselves draw, where it is paid beside their price."""
    energy = group.price.energy
    if not energy.usd_per_kwh:
        return
    plug_w = group.power_w / energy.efficiency
    usd_per_s = plug_w * energy.grid / 3.6e6
    drawn = (
        f"{humane(group.power_w, 'W')} / {percent(energy.efficiency)} × {money(energy.grid)}/kWh"
    )
    yield CostLine(f"{before}power of the devices", usd_per_s, drawn, energy.source)
    yield CostLine(
        f"{before}cooling of the devices",
        usd_per_s * (energy.pue - 1.0),
        f"{drawn} × (PUE {energy.pue:g} − 1)",
        energy.source,
    )


def times(lines: Iterable[CostLine], factor: float) -> tuple[CostLine, ...]:
    """The same lines of so many times as many devices."""
    return tuple(replace(line, usd_per_s=line.usd_per_s * factor) for line in lines)
