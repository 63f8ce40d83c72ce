"""What owning a device costs beside the device, with sources: in a data centre and on a desk."""

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

_GROWS_WITH_POWER = ("server_usd", "network_usd", "server_watts", "staff_usd_per_year")


class Ownership(Spec):
    """Costs of one device in its setting; see ``Economics`` for what each is."""

    server_usd: Usd
    network_usd: Usd
    rack_usd_per_kw_month: Usd
    server_watts: Watts
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

    The defaults of what surrounds a device in a data centre are those of one of ``REFERENCE_W``;
    others need more or less of it as they draw more or less.
    """
    setting = setting_of(hardware)
    defaults = _settings()[setting]
    if setting == "data-centre":
        defaults = _scaled(defaults, float(hardware.power.limit) / REFERENCE_W)
    own = {name: getattr(economics, name) for name in Ownership.model_fields}
    given = {
        name: Quantity(value=value, source="the scenario")
        for name, value in own.items()
        if value is not None
    }
    return defaults.model_copy(update=given)


def _scaled(known: Ownership, factor: float) -> Ownership:
    """The same for a device that draws so many times the power."""
    leaves: dict[str, Quantity] = {name: getattr(known, name) for name in _GROWS_WITH_POWER}
    return known.model_copy(
        update={
            name: leaf.model_copy(
                update={
                    end: None if value is None else value * factor
                    for end in ("value", "low", "high")
                    for value in (getattr(leaf, end),)
                }
            )
            for name, leaf in leaves.items()
        }
    )


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
