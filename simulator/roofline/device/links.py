"""The links of a device, each with its own calibration laid over that of its technology."""

from collections.abc import Mapping

from simulator.errors import InputError, nearest
from simulator.roofline.laws.collective.constants import (
    LINK,
    Link,
    LinkCalibration,
    Links,
    Protocol,
)
from simulator.roofline.laws.collective.fabric import Fabric, FabricKind
from simulator.roofline.laws.collective.kernels import ANY, AllReduceMenu
from simulator.roofline.laws.law import Law, checked
from simulator.specs import hardware
from simulator.specs.catalogue import link_calibration

_NODE = 8
"""Devices that a scale-up link joins where its file does not say."""
_ANY_NUMBER = 1 << 20
"""A network between nodes grows with the installation."""

_SHARES = "shares"
"""Section of the constants of a link that are of no single protocol."""


def links_of(owner: str, links: hardware.Links, residual: float) -> Law[Links, AllReduceMenu]:
    """The law of messages over the links of ``owner``, which errs by ``residual``.

    Raises:
        InputError: a calibration that the law does not understand.
    """
    found = Links(
        scale_up=_link(owner, "scale_up", links.scale_up, _NODE),
        scale_out=_link(owner, "scale_out", links.scale_out, _ANY_NUMBER),
    )
    return Law(
        name=LINK.name,
        constants=found,
        family="",
        kernels=ANY,
        residual=residual,
        origin="class default",
        is_calibrated=False,
        bounds={},
    )


def _link(owner: str, place: str, link: hardware.Link | None, domain: int) -> Link | None:
    if link is None:
        return None
    devices = int(float(link.domain)) if link.domain is not None else domain
    dims = tuple(link.dimensions or ())
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
    )
    field = f"links.{place}.calibration.constants"
    constants = {
        part: {name: float(value) for name, value in found.items()}
        for part, found in link_calibration(link.technology).constants.items()
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
    return Link(fabric, _calibration(constants, owner, field), link.technology)


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
