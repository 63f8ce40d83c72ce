"""What owning a device costs beside the device, with sources: in a data centre and on a desk."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Literal

from simulator.specs.economics import Economics
from simulator.specs.folders import SPECS
from simulator.specs.hardware import DeviceClass, Hardware
from simulator.specs.quantity import Count, Fraction, Quantity, Sourced, Spec, Usd, Watts
from simulator.specs.reading import read_mapping, validate

Setting = Literal["data-centre", "desk"]

_ON_DESKS: tuple[DeviceClass, ...] = ("consumer-gpu", "unified-memory-soc", "cpu")
"""Classes of devices that stand on a desk, unless several of them share a server."""


REFERENCE_W = 700.0
"""Power of the device that the defaults of a data centre are taken from, an H100."""

REFERENCE_LINK = 50e9
"""Bytes a second that it has to other servers, one way: one port of 400 Gb/s."""


def _factors(hardware: Hardware) -> dict[str, float]:
    """By how much what surrounds a device differs from what surrounds the reference."""
    power = float(hardware.power.limit) / REFERENCE_W
    link = hardware.links.scale_out
    linked = 0.0 if link is None else float(link.bandwidth) / REFERENCE_LINK
    return {
        "server_watts": power,
        "host_watts": power,
        "server_usd": min(power, 1.0),
        "staff_usd_per_year": min(power, 1.0),
        "network_usd": linked,
        "network_watts": linked,
    }


class Ownership(Spec):
    """Costs of one device in its setting; see ``Economics`` for what each is."""

    server_usd: Usd
    network_usd: Usd
    rack_usd_per_kw_month: Usd
    server_watts: Watts
    host_watts: Watts
    network_watts: Watts
    psu_efficiency: Fraction
    staff_usd_per_year: Usd
    amortisation_years: Count
    cost_of_capital: Fraction
    residual_value: Fraction
    utilisation: Fraction
    pue: Count
    usd_per_kwh: Annotated[Quantity, Sourced("usd/kwh", allow_zero=True)]


def setting_of(hardware: Hardware) -> Setting:
    """Where a device is assumed to stand."""
    in_node = 1.0 if hardware.system is None else hardware.system.devices_per_node.value
    return "desk" if hardware.device_class in _ON_DESKS and in_node < 2 else "data-centre"


def ownership(hardware: Hardware, economics: Economics) -> Ownership:
    """What owning ``hardware`` costs: what ``economics`` says, and defaults for the rest.

    The defaults of a data centre are those of an H100: ``REFERENCE_W`` of power and a link of
    ``REFERENCE_LINK`` to other servers. The power around a device grows with its own, its share of
    the network with its link; a smaller device takes less of a server and of people's time.
    """
    setting = setting_of(hardware)
    defaults = _settings()[setting]
    if setting == "data-centre":
        defaults = _scaled(defaults, _factors(hardware))
    own = {name: getattr(economics, name) for name in Ownership.model_fields}
    given = {
        name: Quantity(value=value, source="the scenario")
        for name, value in own.items()
        if value is not None
    }
    return defaults.model_copy(update=given)


def _scaled(known: Ownership, factors: Mapping[str, float]) -> Ownership:
    """The same for a device that needs so many times as much."""
    leaves: dict[str, Quantity] = {name: getattr(known, name) for name in factors}
    return known.model_copy(
        update={name: _times(leaf, factors[name]) for name, leaf in leaves.items()}
    )


def _times(leaf: Quantity, factor: float) -> Quantity:
    ends = {end: getattr(leaf, end) for end in ("value", "low", "high")}
    scaled = {end: None if value is None else value * factor for end, value in ends.items()}
    return leaf.model_copy(update=scaled)


class _File(Spec):
    """The table of defaults; leaves name their sources by key."""

    sources: dict[str, str]
    data_centre: Ownership
    desk: Ownership


@lru_cache(maxsize=1)
def _settings() -> dict[Setting, Ownership]:
    path = SPECS / "ownership.yaml"
    content = read_mapping(path)
    content["data_centre"] = content.pop("data-centre")
    found = validate(_File, content, path)
    return {
        "data-centre": _cited(found.data_centre, found.sources),
        "desk": _cited(found.desk, found.sources),
    }


def _cited(known: Ownership, sources: dict[str, str]) -> Ownership:
    """The same with sources spelled out."""
    leaves: dict[str, Quantity] = {name: getattr(known, name) for name in Ownership.model_fields}
    return known.model_copy(
        update={
            name: leaf.model_copy(update={"source": sources[leaf.source or ""]})
            for name, leaf in leaves.items()
        }
    )
