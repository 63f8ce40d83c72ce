"""Loads of messages between devices."""

from collections.abc import Sequence

import numpy as np

from simulator.errors import InputError
from simulator.graph.operator import Collective, ExpertExchange
from simulator.graph.routing import busiest_rank_imbalance, selection
from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.book import LawBook
from simulator.roofline.laws.collective.constants import LINK, Link, Links, at_data_sheet
from simulator.roofline.laws.collective.experts import ExchangeMode, expert_exchange_s
from simulator.roofline.laws.collective.formula import send_receive_s
from simulator.roofline.laws.collective.hierarchy import (
    hierarchical_all_gather_s,
    hierarchical_all_reduce_s,
    hierarchical_all_to_all_s,
    hierarchical_reduce_scatter_s,
)
from simulator.roofline.laws.collective.kernels import AllReduces
from simulator.roofline.laws.collective.menu import FASTEST
from simulator.roofline.laws.collective.span import crossings, spanned
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import FloatArray, Load, load
from simulator.roofline.laws.rates import Rates


@cost.register
def _collective(op: Collective, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    rows = op.rows_in(shape)
    message = rows * op.bytes_per_row
    law, owner = book.law(LINK), rates.name
    levels = levels_for(owner, law.constants, op.group, op.stride)
    if op.kind == "send":
        return [_send(op, rows, message, law.constants.levels[0], levels[-1])]
    wire = message * (op.group - 1) / op.group
    if op.kind == "all_reduce":
        wire = 2 * wire

    def seconds(levels: Sequence[Link], menus: AllReduces) -> FloatArray:
        if op.kind == "all_reduce":
            return hierarchical_all_reduce_s(message, op.group, levels, menus)
        return _LAWS[op.kind](message, op.group, levels)

    time_s, roof_s = seconds(levels, law.kernels), seconds(_roof(levels), FASTEST)
    return [_load(rows, time_s, wire, roof_s).times(op.count)]


_LAWS = {
    "all_gather": hierarchical_all_gather_s,
    "reduce_scatter": hierarchical_reduce_scatter_s,
    "all_to_all": hierarchical_all_to_all_s,
}


_GATHERED_BYTES = 2.0
"""Rows are gathered as they are and quantised behind, once for all experts."""


def levels_for(owner: str, links: Links, group: int, stride: int = 1) -> Sequence[Link]:
    """The links that a group of devices of ``owner`` communicates over, the nearest first.

    Raises:
        InputError: the device has no links, or its links join fewer devices.
    """
    levels = links.levels
    if not levels:
        raise InputError(
            f"{owner} has no link to other devices", field="tp", remedy="use one device"
        )
    joined = int(np.prod([float(link.fabric.devices) for link in levels]))
    if group * stride > joined:
        raise InputError(
            f"{group * stride} devices exceed the {joined} that {owner} links together",
            field="tp",
            remedy=f"use at most {joined}",
        )
    return spanned(levels, stride)


def _send(op: Collective, rows: FloatArray, message: FloatArray, near: Link, far: Link) -> Load:
    """All ``count`` hand-overs between the stages of a pipeline, near ones and far ones."""
    across = crossings(op.count, op.stride, near.fabric.devices)

    def seconds(near: Link, far: Link) -> FloatArray:
        inside_s = (op.count - across) * send_receive_s(message, near)
        return inside_s + across * send_receive_s(message, far)

    roof_s = seconds(*_roof((near, far)))
    return _load(rows, seconds(near, far), message * op.count, roof_s)


@cost.register
def _exchange(op: ExpertExchange, shape: StepShape, rates: Rates, book: LawBook) -> list[Load]:
    """Dispatch or combine: whichever way the mode allows, or the fastest of all.

    Gathering brings every row to every rank, so it needs no routing and no balance; sending
    brings a row only where it is computed, and the busiest rank sets the time.
    """
    levels = levels_for(rates.name, book.law(LINK).constants, op.devices)
    rows = shape.tokens / op.token_shards
    whole = rows * op.hidden * _GATHERED_BYTES * op.devices
    imbalance = _imbalance(op, shape)
    ways: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    if op.mode in ("auto", "all_gather"):
        law = hierarchical_reduce_scatter_s if op.combines else hierarchical_all_gather_s
        time_s, roof_s = (law(whole, op.devices, via) for via in (levels, _roof(levels)))
        ways.append((time_s, whole * (op.devices - 1) / op.devices, roof_s))
    for mode in ExchangeMode:
        if op.mode in ("auto", mode.value):
            time_s, roof_s = (
                expert_exchange_s(
                    rows,
                    op.hidden,
                    op.top_k,
                    op.devices,
                    via,
                    op.bytes_per_value,
                    mode,
                    imbalance,
                    ranks_per_expert=op.devices // op.expert_parallel,
                )
                for via in (levels, _roof(levels))
            )
            wire = rows * op.hidden * op.bytes_per_value * op.top_k * imbalance
            ways.append((time_s, wire, roof_s))
    columns = [np.stack(np.broadcast_arrays(*column)) for column in zip(*ways, strict=True)]
    best = np.argmin(columns[0], axis=0)[None]
    time_s, wire = (np.take_along_axis(column, best, 0)[0] for column in columns[:2])
    return [_load(rows, time_s, wire, np.min(columns[2], axis=0)).times(op.count)]


def _imbalance(op: ExpertExchange, shape: StepShape) -> FloatArray:
    placed = selection(op.experts, op.top_k, op.skew, op.redundant)
    return busiest_rank_imbalance(shape.tokens * op.data_parallel, placed, op.expert_parallel)


def _roof(levels: Sequence[Link]) -> list[Link]:
    return [at_data_sheet(link) for link in levels]


def _load(rows: FloatArray, time_s: FloatArray, wire: FloatArray, roof_s: FloatArray) -> Load:
    """The load of a message; its roof is the quickest way at the data sheet of its links."""
    return load(
        law=LINK.name,
        time_s=np.where(rows > 0, time_s, 0.0),
        link_bytes=wire,
        link_roof_s=roof_s,
    )
