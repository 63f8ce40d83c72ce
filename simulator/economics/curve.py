"""What a month costs against the volume that is served, and where two such curves meet.

A curve is made of units (replicas, machines) that each serve so much, and of what every request
costs beside them:

    usd(v) = fixed + unit · (⌈v / of one unit⌉ + spare) + each · v.

An API is ``each`` alone; a flat price ``fixed`` alone; a fleet has all of it.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

MOST_UNITS = 20_000
"""Units up to which a meeting of two curves is looked for."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Dollars a month against requests a month.

    Args:
        fixed_usd: paid whatever the volume.
        unit_usd: what one unit costs a month.
        of_unit: requests a month for which one unit is needed: below its capacity by what peaks
            and headroom leave free; infinite without units.
        capacity: requests a month that one unit could serve, full all the time.
        spare: units beside those that are needed.
        each_usd: what each request costs beside.
    """

    fixed_usd: float = 0.0
    unit_usd: float = 0.0
    of_unit: float = math.inf
    capacity: float = math.inf
    spare: int = 0
    each_usd: float = 0.0

    @property
    def has_units(self) -> bool:
        """Whether it grows in steps."""
        return math.isfinite(self.of_unit)

    def units(self, volume: float) -> int:
        """Units that are paid for: at least one, and the spare ones."""
        if not self.has_units:
            return 0
        # A volume that is a whole number of units, but for rounding, needs no further one.
        return max(1, math.ceil(volume / self.of_unit - 1e-9)) + self.spare

    def usd(self, volume: float) -> float:
        """What a month of ``volume`` requests costs.

        >>> Curve(unit_usd=100.0, of_unit=10.0, spare=1, each_usd=0.5).usd(25.0)
        412.5
        """
        return self.fixed_usd + self.unit_usd * self.units(volume) + self.each_usd * volume

    def times(self, factor: float) -> "Curve":
        """The same at prices so many times as high."""
        return replace(
            self,
            fixed_usd=self.fixed_usd * factor,
            unit_usd=self.unit_usd * factor,
            each_usd=self.each_usd * factor,
        )


def break_even(one: Curve, other: Curve) -> float | None:
    """The least volume at which both cost exactly the same; None where they never do.

    Between the steps of either both are straight lines, so that a meeting is found exactly; one
    that lies beyond ``MOST_UNITS`` units of both is not looked for.
    """
    edges = _edges(one, other)
    below, above = edges[:-1], edges[1:]
    inside = np.where(np.isinf(above), 2 * below + 1.0, (below + above) / 2)
    intercept = _paid_anyway(one, inside) - _paid_anyway(other, inside)
    slope = other.each_usd - one.each_usd
    if slope == 0.0:
        equal = np.flatnonzero(intercept == 0.0)
        return float(inside[equal[0]]) if equal.size else None
    with np.errstate(over="ignore"):
        meeting = intercept / slope
    found = np.flatnonzero((meeting > below) & (meeting <= above) & np.isfinite(meeting))
    return float(meeting[found[0]]) if found.size else None


def break_even_utilisation(fleet: Curve, each_usd: float) -> float | None:
    """Share of the time that a fleet must compute to cost ``each_usd`` a request.

    Above 1 it never does; None where each of its requests alone costs more.
    """
    saved = each_usd - fleet.each_usd
    if not fleet.has_units or saved <= 0:
        return None
    return fleet.unit_usd / (fleet.capacity * saved)


def _edges(one: Curve, other: Curve) -> NDArray[np.float64]:
    """Volumes at which either takes a step, from none to as many as are looked at."""
    steps = [curve.of_unit for curve in (one, other) if curve.has_units]
    if not steps:
        return np.array([0.0, np.inf])
    # A volume that both reach in at most so many steps.
    most = MOST_UNITS * min(steps)
    of_each = [np.arange(1, math.ceil(most / step) + 1) * step for step in steps]
    return np.unique(np.concatenate([[0.0], *of_each]))


def _paid_anyway(curve: Curve, volumes: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a month costs beside its single requests, within steps."""
    if not curve.has_units:
        return np.full_like(volumes, curve.fixed_usd)
    units = np.maximum(1.0, np.ceil(volumes / curve.of_unit - 1e-9)) + curve.spare
    return curve.fixed_usd + curve.unit_usd * units
