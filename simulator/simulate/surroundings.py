"""What hosts, network and cooling draw around simulated devices, as what figures follow from."""

from collections.abc import Sequence
from typing import NamedTuple

from simulator.economics.site import Checked, Draw, limits_checked
from simulator.simulate.figure import Known, Value
from simulator.specs.economics import Economics
from simulator.specs.hardware import Hardware
from simulator.specs.ownership import ownership


class Drawing(NamedTuple):
    """Equal devices and what they draw together, in watts (a number or an array)."""

    hardware: Hardware
    devices: int
    power_w: Value


def site_known(groups: Sequence[Drawing], economics: Economics) -> Known:
    """Watts around all ``groups``, with the ends of their intervals, and the grid's carbon."""
    found: dict[str, Value] = {"grid_g_per_kwh": economics.grid_g_per_kwh}
    for suffix, end in (("", "value"), ("_low", "low"), ("_high", "high")):
        for hardware, devices, power_w in groups:
            draw = Draw.of(ownership(hardware, economics), devices, end)
            plug_w, site_w = draw.plug_w(power_w), draw.site_w(power_w)
            watts = {
                "wall_power_w": plug_w,
                "host_power_w": plug_w - power_w,
                "network_power_w": draw.network_w,
                "cooling_power_w": draw.cooling_w(power_w),
                "site_power_w": site_w,
            }
            for key, each_w in watts.items():
                found[key + suffix] = found.get(key + suffix, 0.0) + each_w
    return found


def limits_told(groups: Sequence[Drawing], economics: Economics) -> tuple[str, ...]:
    """What is said of the limits of racks and of the site, for each kind of device."""
    checked: list[Checked] = []
    for hardware, devices, _ in groups:
        checked += limits_checked(hardware, economics, devices)
    return tuple(dict.fromkeys(each.words for each in checked))
