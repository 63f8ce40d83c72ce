"""The links of a device, calibrated over their classes, and an engine's all-reduces on them."""

from collections.abc import Mapping
from math import prod

from simulator.errors import InputError, nearest
from simulator.roofline.laws.collective.constants import (
    LINK,
    Link,
    LinkCalibration,
    Links,
    Protocol,
)
from simulator.roofline.laws.collective.fabric import Bridge, Fabric, FabricKind
from simulator.roofline.laws.collective.formula import ALL_REDUCES
from simulator.roofline.laws.collective.kernels import AllReduceMenu, AllReduces, MessageRule
from simulator.roofline.laws.law import Law, checked
from simulator.specs import engine_profile, hardware
from simulator.specs.link_class import link_class

_NODE = 8
"""Devices that a scale-up link joins where its file does not say."""
_ANY_NUMBER = 1 << 20
"""A network between nodes grows with the installation."""

_SHARES = "shares"
"""Section of the constants of a link that are of no single protocol."""


_RINGS = AllReduceMenu(("ring",))
"""What any library can do, where no engine is on top."""


def links_of(owner: str, links: hardware.Links, residual: float) -> Law[Links, AllReduces]:
    """The law of messages over the links of ``owner``.

    It errs as its nearest link was found to, or by its class's ``residual`` where nobody measured.

    Raises:
        InputError: a calibration that the law does not understand.
    """
    found = Links(
        scale_up=_link(owner, "scale_up", links.scale_up, _NODE),
        scale_out=_link(owner, "scale_out", links.scale_out, _ANY_NUMBER),
    )
    nearest_link = links.scale_up or links.scale_out
    own = None if nearest_link is None else nearest_link.calibration
    stated = None if own is None else own.residual.get(LINK.name)
    return Law(
        name=LINK.name,
        constants=found,
        family="",
        kernels=AllReduces(_RINGS, _RINGS),
        residual=residual if stated is None else float(stated),
        origin="class default" if own is None else own.measured_with,
        is_calibrated=own is not None,
    )


def _link(owner: str, place: str, link: hardware.Link | None, domain: int) -> Link | None:
    if link is None:
        return None
    dims = tuple(link.dimensions or ())
    devices = prod(dims) if dims else domain
    if link.domain is not None:
        devices = int(float(link.domain))
    if not dims and link.topology in ("torus", "ring", "wafer"):
        dims = (devices,)
    bandwidth = float(link.bandwidth)
    per_peer = float(link.per_peer) if link.per_peer is not None else bandwidth
    if link.topology == "mesh" and link.per_peer is None:
        per_peer = bandwidth / max(1, devices - 1)
    fabric = Fabric(
        kind=_FABRICS[link.topology],
        devices=devices,
        bandwidth_bytes_per_s=bandwidth,
        peer_bandwidth_bytes_per_s=per_peer,
        hop_latency_s=float(link.latency) if link.latency is not None else 0.0,
        dims=dims,
        in_network_reduction=link.in_network_reduction,
        bridges=tuple(Bridge(b.devices, float(b.bandwidth)) for b in link.bridges),
    )
    field = f"links.{place}.calibration.constants"
    constants = {
        part: {name: float(value) for name, value in found.items()}
        for part, found in link_class(link.link_class, link.between).constants.items()
    }
    if link.calibration is not None:
        for part, values in link.calibration.constants.items():
            if part not in constants:
                raise InputError(
                    "unknown part of a link",
                    file=owner,
                    field=f"{field}.{part}",
                    remedy=nearest(part, constants),
                )
            constants[part] |= {name: float(value) for name, value in values.items()}
    return Link(fabric, _calibration(constants, owner, field), link.link_class)


_FABRICS = {
    "switched": FabricKind.SWITCHED,
    "mesh": FabricKind.PEER_MESH,
    "torus": FabricKind.TORUS,
    "ring": FabricKind.TORUS,
    "wafer": FabricKind.GRID,
}


def _calibration(
    constants: Mapping[str, Mapping[str, float]], owner: str, field: str
) -> LinkCalibration:
    protocols = {
        name: checked(Protocol, values, owner, f"{field}.{name}")
        for name, values in constants.items()
        if name != _SHARES
    }
    return checked(LinkCalibration, {**constants[_SHARES], **protocols}, owner, field)


def menus_of(profile: engine_profile.EngineProfile, link_class: str) -> AllReduces:
    """All-reduces of an engine on devices whose nearest link is of ``link_class``.

    Raises:
        InputError: the profile names an algorithm that is not known.
    """
    stated = profile.all_reduce
    return AllReduces(
        scale_up=_menu(stated.on(link_class), profile.name),
        scale_out=_menu(stated.scale_out, profile.name),
    )


def _menu(stated: engine_profile.AllReduce, engine: str) -> AllReduceMenu:
    for name in (*stated.library, *(rule.kernel for rule in stated.own)):
        if name not in ALL_REDUCES:
            raise InputError(
                f"unknown all-reduce {name!r}",
                file=engine,
                field="all_reduce",
                remedy=nearest(name, ALL_REDUCES),
            )
    rules = (
        MessageRule(
            kernel=rule.kernel,
            limits={group: float(size) for group, size in (rule.below or rule.up_to).items()},
            is_inclusive=bool(rule.up_to),
        )
        for rule in stated.own
    )
    return AllReduceMenu(tuple(stated.library), tuple(rules))
