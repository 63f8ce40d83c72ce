"""Measured constants of one kind of link: a few times in seconds, the rest fractions of peak."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

from simulator.roofline.laws.collective.fabric import Fabric
from simulator.roofline.laws.collective.kernels import AllReduces
from simulator.roofline.laws.law import LawKind


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way of moving a message: start-up, cost of each step, share of the link it reaches.

    Communication libraries keep several for the same algorithm: flags inside the data for short
    messages (low step, small fraction), separate flags and large chunks for long ones.
    """

    base_s: float
    step_s: float
    bandwidth_fraction: float


@dataclass(frozen=True, slots=True)
class LinkCalibration:
    """What measurements on a link say beyond its data sheet.

    ``ring_*`` serve all-reduce, all-gather, reduce-scatter and trees; ``exchange_*`` all-to-all
    and send/receive. A device also copies its own shard from input to output; that runs at
    ``*_own_shard_fraction`` of the link's bandwidth. ``one_shot`` and ``two_shot`` are kernels
    that read the peers' memory directly; ``staged`` reduces through a registered buffer, to and
    from which the tensor is copied at ``staging_fraction`` of the link. ``in_network`` is the
    library's reduction inside the switch.
    """

    ring_short: Protocol
    ring_long: Protocol
    ring_own_shard_fraction: float
    exchange_short: Protocol
    exchange_long: Protocol
    exchange_own_shard_fraction: float
    one_shot: Protocol
    two_shot: Protocol
    staged: Protocol
    staging_fraction: float
    in_network: Protocol


@dataclass(frozen=True, slots=True)
class Link:
    """A fabric with the calibration that holds on it; the argument of every law.

    Engines choose kernels by its ``link_class``.
    """

    fabric: Fabric
    calibration: LinkCalibration
    link_class: str = ""


_PERFECT = LinkCalibration(
    *2 * (Protocol(0.0, 0.0, 1.0),), inf,
    *2 * (Protocol(0.0, 0.0, 1.0),), inf,
    *3 * (Protocol(0.0, 0.0, 1.0),), inf,
    Protocol(0.0, 0.0, 1.0),
)  # fmt: skip


@lru_cache(maxsize=64)
def at_data_sheet(link: Link) -> Link:
    """``link`` as its data sheet has it: all of its bandwidth, no latency, free local copies.

    What a law gives on it is a roof of what the law gives on the link: the algorithm's bytes at
    the rate of the wires that they cross.
    """
    return replace(link, fabric=replace(link.fabric, hop_latency_s=0.0), calibration=_PERFECT)


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a device to others of its kind, where it has any."""

    scale_up: Link | None = None
    scale_out: Link | None = None

    @property
    def levels(self) -> tuple[Link, ...]:
        """The links, the nearest first."""
        return tuple(link for link in (self.scale_up, self.scale_out) if link is not None)


LINK: LawKind[Links, AllReduces] = LawKind("link", Links)
"""Messages between devices; its kernels are the all-reduces that the engine on top has."""
