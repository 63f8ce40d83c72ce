"""Seconds of one collective operation by one algorithm, over any fabric.

``message_bytes`` is always the size of the whole, unsharded tensor:

- all-reduce: what each rank holds before and after;
- all-gather: what each rank holds after (each brings ``message_bytes / devices``);
- reduce-scatter: what each rank holds before (each keeps ``message_bytes / devices``);
- all-to-all: the send buffer of each rank, the share for itself included;
- send/receive: the message.

Arguments broadcast; results are float64 seconds. A group of one device takes 0 s. Step counts
and bytes on the wire are those of Thakur, Rabenseifner and Gropp, "Optimization of Collective
Communication Operations in MPICH" (2005), unless said otherwise.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.collective.constants import Link, Protocol
from simulator.roofline.laws.collective.fabric import FloatArray, Geometry, geometry

AllReduceLaw = Callable[[ArrayLike, ArrayLike, Link], FloatArray]

ALL_REDUCES: dict[str, AllReduceLaw] = {}
"""Every algorithm of an all-reduce, by what stands before ``_all_reduce_s`` in its name."""


def all_reduce_law(law: AllReduceLaw) -> AllReduceLaw:
    """Make an algorithm known to the menus of engines."""
    ALL_REDUCES[law.__name__.removesuffix("_all_reduce_s")] = law
    return law


@all_reduce_law
def ring_all_reduce_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Ring all-reduce: 2 (n-1) steps, 2 (n-1)/n of the tensor over the wire."""
    return _ring_s(message_bytes, devices, link, phases=2)


def ring_all_gather_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Ring all-gather: n-1 steps, (n-1)/n of the gathered tensor over the wire."""
    return _ring_s(message_bytes, devices, link, phases=1)


@all_reduce_law
def tree_all_reduce_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Double binary tree all-reduce: 2 log2(n) steps, the tensor up and down once.

    Two complementary trees carry half the tensor each (Sanders, Speck and Träff, "Two-tree
    algorithms for full bandwidth broadcast, reduction and scan", 2009).
    """
    message, n = _arguments(message_bytes, devices)
    shape = geometry(link.fabric, n)
    steps = 2 * np.ceil(np.log2(n))
    wire_s = 2 * message / shape.ring_bandwidth_bytes_per_s
    return _of_group(n, _short_or_long_s(link, steps, wire_s))


def recursive_halving_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Reduce-scatter by recursive halving, or all-gather by doubling: log2(n) steps."""
    message, n = _arguments(message_bytes, devices)
    shape = geometry(link.fabric, n)
    wire_s = message * (n - 1) / n / shape.ring_bandwidth_bytes_per_s
    own_s = _own_shard_s(message / n, link, link.calibration.ring_own_shard_fraction)
    return _of_group(n, _short_or_long_s(link, np.ceil(np.log2(n)), wire_s) + own_s)


@all_reduce_law
def one_shot_all_reduce_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Every rank reads the whole tensor of all n-1 peers and adds them up itself."""
    message, n = _arguments(message_bytes, devices)
    shape = geometry(link.fabric, n)
    wire_s = message * (n - 1) / shape.ring_bandwidth_bytes_per_s
    return _of_group(n, _direct_s(link.calibration.one_shot, link, n, shape, 1, wire_s))


@all_reduce_law
def two_shot_all_reduce_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Every rank reduces its shard of all peers' tensors, then reads the others' results."""
    message, n = _arguments(message_bytes, devices)
    shape = geometry(link.fabric, n)
    wire_s = message * 2 * (n - 1) / n / shape.ring_bandwidth_bytes_per_s
    return _of_group(n, _direct_s(link.calibration.two_shot, link, n, shape, 2, wire_s))


@all_reduce_law
def staged_all_reduce_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Two-shot all-reduce in a registered buffer that the tensor is copied into and out of."""
    n = np.asarray(devices, dtype=np.float64)
    return _staged_s(message_bytes, devices, link, 2 * (n - 1) / n)


@all_reduce_law
def staged_in_switch_all_reduce_s(
    message_bytes: ArrayLike, devices: ArrayLike, link: Link
) -> FloatArray:
    """The same where a switch that can adds the shards and multicasts the result.

    A rank then sends 1 + 1/n of the tensor instead of 2 (n-1)/n.
    """
    if not link.fabric.in_network_reduction:
        return staged_all_reduce_s(message_bytes, devices, link)
    return _staged_s(message_bytes, devices, link, 1 + 1 / np.asarray(devices, np.float64))


def _staged_s(
    message_bytes: ArrayLike, devices: ArrayLike, link: Link, share: FloatArray
) -> FloatArray:
    message, n = _arguments(message_bytes, devices)
    shape = geometry(link.fabric, n)
    wire_s = message * share / shape.ring_bandwidth_bytes_per_s
    copy_s = _own_shard_s(message, link, link.calibration.staging_fraction)
    direct_s = _direct_s(link.calibration.staged, link, n, shape, 2, wire_s)
    return _of_group(n, direct_s + copy_s)


@all_reduce_law
def in_network_all_reduce_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """All-reduce inside the switch (NVLS, SHARP); infinite where the fabric cannot.

    The switch pulls every rank's tensor once and multicasts each rank's reduced shard: 1 + 1/n
    of the tensor leaves each rank (Klenk et al., "An In-Network Architecture for Accelerating
    Shared-Memory Multiprocessor Collectives", ISCA 2020).
    """
    message, n = _arguments(message_bytes, devices)
    if not link.fabric.in_network_reduction:
        return _of_group(n, np.full(np.broadcast(message, n).shape, np.inf))
    shape = geometry(link.fabric, n)
    wire_s = message * (1 + 1 / n) / shape.ring_bandwidth_bytes_per_s
    return _of_group(n, _direct_s(link.calibration.in_network, link, n, shape, 2, wire_s))


def all_to_all_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link) -> FloatArray:
    """Every rank sends 1/n of its buffer to each peer; bound by injection or by bisection."""
    message, n = _arguments(message_bytes, devices)
    shape = geometry(link.fabric, n)
    wire_s = message * shape.exchange_s_per_byte
    own_s = _own_shard_s(message / n, link, link.calibration.exchange_own_shard_fraction)
    return _of_group(n, _exchange_s(link, shape.exchange_steps, shape.diameter, wire_s) + own_s)


def send_receive_s(message_bytes: ArrayLike, link: Link, hops: ArrayLike = 1) -> FloatArray:
    """One message to one peer ``hops`` links away (a pipeline stage, a KV cache transfer)."""
    message = np.asarray(message_bytes, dtype=np.float64)
    distance = np.asarray(hops, dtype=np.float64)
    wire_s = message / link.fabric.peer_bandwidth_bytes_per_s
    return _exchange_s(link, np.ones_like(distance), distance, wire_s)


def _arguments(message_bytes: ArrayLike, devices: ArrayLike) -> tuple[FloatArray, FloatArray]:
    message = np.asarray(message_bytes, dtype=np.float64)
    n = np.asarray(devices, dtype=np.float64)
    if np.any(message < 0):
        raise ValueError("message_bytes: a message cannot be negative")
    return message, n


def _of_group(devices: FloatArray, seconds: FloatArray) -> FloatArray:
    """A group of one has nothing to exchange."""
    return np.where(devices > 1, seconds, 0.0)


def _ring_s(message_bytes: ArrayLike, devices: ArrayLike, link: Link, phases: int) -> FloatArray:
    message, n = _arguments(message_bytes, devices)
    shape = geometry(link.fabric, n)
    wire_s = message * phases * (n - 1) / n / shape.ring_bandwidth_bytes_per_s
    own_s = _own_shard_s(message / n, link, link.calibration.ring_own_shard_fraction)
    return _of_group(n, _short_or_long_s(link, phases * shape.ring_steps, wire_s) + own_s)


def _short_or_long_s(link: Link, steps: FloatArray, wire_s: FloatArray) -> FloatArray:
    return np.minimum(
        _neighbour_s(link.calibration.ring_short, link, steps, wire_s),
        _neighbour_s(link.calibration.ring_long, link, steps, wire_s),
    )


def _neighbour_s(
    protocol: Protocol, link: Link, steps: FloatArray, wire_s: FloatArray
) -> FloatArray:
    latency_s = protocol.base_s + steps * (protocol.step_s + link.fabric.hop_latency_s)
    return latency_s + wire_s / protocol.bandwidth_fraction


def _direct_s(
    protocol: Protocol,
    link: Link,
    n: FloatArray,
    shape: Geometry,
    phases: int,
    wire_s: FloatArray,
) -> FloatArray:
    """All peers at once: a flag a peer, and each phase crosses the fabric's diameter."""
    hops_s = phases * shape.diameter * link.fabric.hop_latency_s
    latency_s = protocol.base_s + (n - 1) * protocol.step_s + hops_s
    return latency_s + wire_s / protocol.bandwidth_fraction


def _exchange_s(
    link: Link, steps: FloatArray, diameter: FloatArray, wire_s: FloatArray
) -> FloatArray:
    hops_s = diameter * link.fabric.hop_latency_s
    short, long = link.calibration.exchange_short, link.calibration.exchange_long
    return hops_s + np.minimum(
        short.base_s + steps * short.step_s + wire_s / short.bandwidth_fraction,
        long.base_s + steps * long.step_s + wire_s / long.bandwidth_fraction,
    )


def _own_shard_s(shard_bytes: FloatArray, link: Link, fraction: float) -> FloatArray:
    return shard_bytes / (fraction * link.fabric.bandwidth_bytes_per_s)
