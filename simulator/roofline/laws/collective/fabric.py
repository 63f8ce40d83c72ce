"""What connects a group of identical devices, and the geometry that the laws need from it.

Every fabric is described by one device's view of it: how much it can send in one direction in
all, how much to one peer, and how the peers are arranged. Cost is therefore independent of the
number of devices: a torus of 9,216 chips is three extents.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


class FabricKind(StrEnum):
    """How the devices of one domain are wired."""

    SWITCHED = "switched"
    """Non-blocking switch: NVLink switch, Ethernet scale-up, one level of an HCCS supernode."""
    PEER_MESH = "peer_mesh"
    """A private link between every two devices: Infinity Fabric of MI300X."""
    TORUS = "torus"
    """One to three axes that wrap around (TPU ICI, Trainium); one axis is a ring."""
    GRID = "grid"
    """Axes without wrap-around: a wafer's mesh, or a board's line of devices."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """A narrow place: each device of a group of more than ``devices`` sends through it so fast."""

    devices: float
    bandwidth_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Fabric:
    """One domain of identical devices and the links between them.

    ``bandwidth_bytes_per_s`` is what one device sends in one direction over all its links,
    ``peer_bandwidth_bytes_per_s`` what it can send to a single peer (equal behind a switch, one
    link's share in a peer mesh). ``hop_latency_s`` is wire and switch time a traversal that the
    calibration's step does not hold already. ``dims`` are the extents of a torus or grid.
    ``bridges`` are narrow places that larger groups cross.
    """

    kind: FabricKind
    devices: int
    bandwidth_bytes_per_s: float
    peer_bandwidth_bytes_per_s: float
    hop_latency_s: float = 0.0
    dims: tuple[int, ...] = ()
    in_network_reduction: bool = False
    bridges: tuple[Bridge, ...] = ()

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise ValueError(f"devices: a fabric has at least one device, not {self.devices}")
        if not self.bandwidth_bytes_per_s > 0 or not self.peer_bandwidth_bytes_per_s > 0:
            raise ValueError("bandwidth_bytes_per_s, peer_bandwidth_bytes_per_s: must be positive")
        if self.hop_latency_s < 0:
            raise ValueError("hop_latency_s: cannot be negative")
        has_axes = self.kind in (FabricKind.TORUS, FabricKind.GRID)
        if has_axes and (not self.dims or int(np.prod(self.dims)) != self.devices):
            raise ValueError(f"dims: the product of {self.dims} must be {self.devices} devices")


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a group of ``n`` devices sees of a fabric; all arrays have the shape of ``n``.

    ``ring_bandwidth_bytes_per_s``: one direction, all links that a ring schedule can use.
    ``ring_steps``: sequential steps of one ring phase (reduce-scatter or all-gather).
    ``exchange_s_per_byte``: seconds for each byte of a device's buffer in an all-to-all.
    ``exchange_steps``: messages a device issues one after another in an all-to-all.
    ``diameter``: link traversals between the two most distant devices.
    """

    ring_bandwidth_bytes_per_s: FloatArray
    ring_steps: FloatArray
    exchange_s_per_byte: FloatArray
    exchange_steps: FloatArray
    diameter: FloatArray


def geometry(fabric: Fabric, devices: ArrayLike) -> Geometry:
    """Geometry of groups of ``devices`` (any shape) packed densely into ``fabric``.

    Raises ValueError when a group does not fit into the domain: larger groups need a further
    level (``simulator.roofline.laws.collective.hierarchy``).
    """
    n = np.asarray(devices, dtype=np.float64)
    if np.any(n < 1) or np.any(n > fabric.devices):
        raise ValueError(f"devices: a group must have 1 to {fabric.devices} devices, not {n}")
    if fabric.kind in (FabricKind.TORUS, FabricKind.GRID):
        return _axes_geometry(fabric, n)
    peers = np.maximum(n - 1, 1)
    bandwidth = np.minimum(fabric.bandwidth_bytes_per_s, peers * fabric.peer_bandwidth_bytes_per_s)
    for bridge in fabric.bridges:
        crossed = np.minimum(bandwidth, bridge.bandwidth_bytes_per_s)
        bandwidth = np.where(n > bridge.devices, crossed, bandwidth)
    return Geometry(
        ring_bandwidth_bytes_per_s=bandwidth,
        ring_steps=n - 1,
        exchange_s_per_byte=(n - 1) / n / bandwidth,
        exchange_steps=n - 1,
        diameter=np.minimum(n - 1, 1),
    )


def extents(fabric: Fabric, devices: ArrayLike) -> list[FloatArray]:
    """Extent of a group along each axis, shortest axis first; their product is the group.

    Groups are laid out as compactly as powers of two allow, since that gives them most links.
    """
    left = np.asarray(devices, dtype=np.float64)
    result = []
    for index, dim in enumerate(sorted(fabric.dims)):
        axes_left = len(fabric.dims) - index
        even = 2 ** np.ceil(np.log2(left) / axes_left - 1e-9)
        extent = left if axes_left == 1 else np.minimum(np.minimum(even, dim), left)
        result.append(extent)
        left = left / extent
    return result


def _axes_geometry(fabric: Fabric, n: FloatArray) -> Geometry:
    """Torus and grid: every used axis carries its share of a ring phase at the same time.

    A wrapped axis sends both ways round; on a line all shards must pass the end's single link,
    which halves it. An all-to-all is bound by the worst bisection: half of the group sends half
    of its buffer across 2 (wrapped) or 1 (line) links a row, i.e. extent/4 or extent/2 axis
    shares a byte (Dally & Towles, Principles and Practices of Interconnection Networks, ch. 3).
    """
    axis_bandwidth = fabric.bandwidth_bytes_per_s / len(fabric.dims)
    bandwidth = np.zeros_like(n)
    steps = np.zeros_like(n)
    load = np.zeros_like(n)
    for extent, dim in zip(extents(fabric, n), sorted(fabric.dims), strict=True):
        used = extent > 1
        wraps = (extent >= dim) & (dim > 2) & (fabric.kind is FabricKind.TORUS)
        bandwidth += used * np.where(wraps, 1.0, 0.5) * axis_bandwidth
        steps += np.where(wraps, np.floor(extent / 2), extent - 1)
        load = np.maximum(load, used * np.where(wraps, extent / 4, extent / 2))
    return Geometry(
        ring_bandwidth_bytes_per_s=np.maximum(bandwidth, 0.5 * axis_bandwidth),
        ring_steps=steps,
        exchange_s_per_byte=load / axis_bandwidth,
        exchange_steps=steps,
        diameter=steps,
    )
