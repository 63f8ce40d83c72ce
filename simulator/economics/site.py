"""What draws power around devices: their hosts, the network between those, and cooling.

    plug    = (devices + hosts) / efficiency of the power supplies
    site    = PUE · (plug + network)

Devices draw what a simulation says; the rest is that of owned ones, whoever pays for it.
"""

from dataclasses import dataclass
from math import ceil

from simulator.specs.economics import Economics
from simulator.specs.hardware import Hardware
from simulator.specs.ownership import Ownership, ownership
from simulator.specs.quantity import Quantity
from simulator.units import humane


@dataclass(frozen=True, slots=True)
class Draw:
    """Watts of equal devices' surroundings, beside their own ``devices_w`` (numbers or arrays)."""

    host_w: float
    network_w: float
    efficiency: float
    pue: float

    @classmethod
    def of(cls, known: Ownership, devices: int, end: str = "value") -> "Draw":
        """Around so many devices; ``end`` may be the ``low`` or the ``high`` one of intervals."""
        best = {"low": "high", "high": "low"}.get(end, end)
        return cls(
            devices * _at(known.host_watts, end),
            devices * _at(known.network_watts, end),
            _at(known.psu_efficiency, best),
            _at(known.pue, end),
        )

    def plug_w(self, devices_w: float) -> float:
        """Power at the plugs of the servers."""
        return (devices_w + self.host_w) / self.efficiency

    def cooling_w(self, devices_w: float) -> float:
        """Power of cooling, and what is lost on the way to the plugs."""
        return (self.pue - 1.0) * (self.plug_w(devices_w) + self.network_w)

    def site_w(self, devices_w: float) -> float:
        """Power of everything."""
        return self.plug_w(devices_w) + self.network_w + self.cooling_w(devices_w)


def _at(leaf: Quantity, end: str) -> float:
    stated: float | None = getattr(leaf, end)
    return leaf.value if stated is None else stated


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a deployment keeps a limit of its rack or site, and what was compared."""

    fits: bool
    words: str


def limits_checked(hardware: Hardware, economics: Economics, devices: int) -> tuple[Checked, ...]:
    """Whether so many devices at their power limit keep those of rack and site that are given.

    A rack holds whole servers, provided for what they are rated for.
    """
    if economics.rack_watts is None and economics.site_watts is None:
        return ()
    known = ownership(hardware, economics)
    each_w = float(hardware.power.limit) + max(known.server_watts.value, known.host_watts.value)
    in_node = 1 if hardware.system is None else int(hardware.system.devices_per_node.value)
    found = []
    if economics.rack_watts is not None:
        server_w = min(devices, in_node) * each_w
        found.append(_in_rack(economics.rack_watts, server_w, ceil(devices / in_node)))
    if economics.site_watts is not None:
        needed_w = devices * known.pue.value * (each_w + known.network_watts.value)
        fits = needed_w <= economics.site_watts
        found.append(
            Checked(
                fits,
                f"{'within' if fits else 'over'} the limit of the site: at most "
                f"{humane(needed_w, 'W')} with network and cooling, of "
                f"{humane(economics.site_watts, 'W')}",
            )
        )
    return tuple(found)


def _in_rack(limit_w: float, server_w: float, servers: int) -> Checked:
    held = int(limit_w // server_w)
    sizes = f"a server may draw {humane(server_w, 'W')}, a rack {humane(limit_w, 'W')}"
    if not held:
        return Checked(False, f"over the limit of a rack: {sizes}")
    racks = ceil(servers / held)
    many = f"{racks} racks" if racks > 1 else "one rack"
    return Checked(True, f"within the limit of a rack: {sizes}, so {many}")
