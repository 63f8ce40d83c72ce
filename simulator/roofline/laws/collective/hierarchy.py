"""Collectives over nested domains: a scale-up fabric inside, slower links between.

Levels are given innermost first; groups fill the innermost domain before they use the next.
A supernode is two switched levels, a GPU cluster NVLink inside InfiniBand, a multi-slice TPU job
a torus inside a data-centre network. Cost does not depend on the number of devices.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from simulator.roofline.laws.collective import formula as laws
from simulator.roofline.laws.collective import menu
from simulator.roofline.laws.collective.constants import Link
from simulator.roofline.laws.collective.fabric import FloatArray
from simulator.roofline.laws.collective.kernels import AllReduces


def hierarchical_all_reduce_s(
    message_bytes: ArrayLike, devices: ArrayLike, levels: Sequence[Link], menus: AllReduces
) -> FloatArray:
    """Reduce-scatter inside, all-reduce of the shards between, all-gather inside.

    Groups within one innermost domain take the flat all-reduce of its menu. Raises ValueError
    when the levels together hold fewer devices than a group.
    """
    message, inner, outer = _split(message_bytes, devices, levels)
    flat_s = menu.all_reduce_s(message, inner, levels[0], menus.scale_up)
    if np.all(outer == 1):
        return flat_s
    between = AllReduces(menus.scale_out, menus.scale_out)
    between_s = hierarchical_all_reduce_s(message / inner, outer, levels[1:], between)
    inside_s = menu.reduce_scatter_s(message, inner, levels[0])
    inside_s = inside_s + menu.all_gather_s(message, inner, levels[0])
    return np.where(outer > 1, inside_s + between_s, flat_s)


def hierarchical_all_gather_s(
    message_bytes: ArrayLike, devices: ArrayLike, levels: Sequence[Link]
) -> FloatArray:
    """Gather 1/inner of the tensor between domains, then the rest inside each."""
    message, inner, outer = _split(message_bytes, devices, levels)
    inside_s = menu.all_gather_s(message, inner, levels[0])
    if np.all(outer == 1):
        return inside_s
    return inside_s + _between_gather_s(message / inner, outer, levels[1:])


def hierarchical_reduce_scatter_s(
    message_bytes: ArrayLike, devices: ArrayLike, levels: Sequence[Link]
) -> FloatArray:
    """The hierarchical all-gather backwards: same steps, same bytes."""
    return hierarchical_all_gather_s(message_bytes, devices, levels)


def hierarchical_all_to_all_s(
    message_bytes: ArrayLike, devices: ArrayLike, levels: Sequence[Link]
) -> FloatArray:
    """Every rank sends 1/n of its buffer to each other rank, near and far at the same time.

    Bytes for other domains cross the outer link once and are spread inside afterwards, a
    pipeline: the slower of the two bounds it, and both latencies are paid.
    """
    message, inner, outer = _split(message_bytes, devices, levels)
    inside_s = laws.all_to_all_s(message, inner, levels[0])
    if np.all(outer == 1):
        return inside_s
    between_s = hierarchical_all_to_all_s(message, outer, levels[1:])
    latency_s = np.minimum(
        laws.all_to_all_s(0.0, inner, levels[0]),
        hierarchical_all_to_all_s(0.0, outer, levels[1:]),
    )
    return np.where(outer > 1, np.maximum(inside_s, between_s) + latency_s, inside_s)


def group_sizes(devices: ArrayLike, levels: Sequence[Link]) -> tuple[FloatArray, FloatArray]:
    """Devices of a group inside one innermost domain, and the number of domains it spans."""
    n = np.asarray(devices, dtype=np.float64)
    inner = np.minimum(n, levels[0].fabric.devices)
    return inner, np.ceil(n / inner)


def _split(
    message_bytes: ArrayLike, devices: ArrayLike, levels: Sequence[Link]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    if not levels:
        raise ValueError("levels: at least one link is needed")
    inner, outer = group_sizes(devices, levels)
    if len(levels) == 1 and np.any(outer > 1):
        raise ValueError(
            f"devices: a group does not fit into the {levels[0].fabric.devices} of the last level; "
            "add an outer link"
        )
    return np.asarray(message_bytes, dtype=np.float64), inner, outer


def _between_gather_s(message: FloatArray, outer: FloatArray, levels: Sequence[Link]) -> FloatArray:
    """Gather between domains: one rank a domain, so log-step schedules compete."""
    inner, further = group_sizes(outer, levels)
    here_s = menu.all_gather_s(message, inner, levels[0], recursive=True)
    if np.all(further == 1):
        return here_s
    if len(levels) == 1:
        raise ValueError("devices: the group does not fit into the levels; add an outer link")
    return here_s + _between_gather_s(message / inner, further, levels[1:])
