"""Loads of messages between devices."""

import numpy as np

from simulator.errors import InputError
from simulator.graph.operator import Collective
from simulator.graph.step_shape import StepShape
from simulator.roofline.collective.laws import all_to_all_s, send_receive_s
from simulator.roofline.collective.menu import all_gather_s, all_reduce_s, reduce_scatter_s
from simulator.roofline.costing.dispatch import cost, rows_of
from simulator.roofline.device import Device
from simulator.roofline.load import Load, load


@cost.register
def _collective(op: Collective, shape: StepShape, device: Device) -> list[Load]:
    link = device.scale_up
    if link is None:
        raise InputError(
            f"{device.name} has no link to other devices", field="tp", remedy="use one device"
        )
    if op.group > link.fabric.devices:
        raise InputError(
            f"{op.group} devices exceed the {link.fabric.devices} that {device.name} links together",
            field="tp",
            remedy=f"use at most {link.fabric.devices}",
        )
    rows = rows_of(op, shape)
    message = rows * op.bytes_per_row
    laws = {
        "all_reduce": all_reduce_s,
        "all_gather": all_gather_s,
        "reduce_scatter": reduce_scatter_s,
        "all_to_all": all_to_all_s,
    }
    if op.kind == "send":
        time_s = send_receive_s(message, link)
    else:
        time_s = laws[op.kind](message, op.group, link)
    one = load(
        law="link",
        time_s=np.where(rows > 0, time_s, 0.0),
        link_bytes=message,
        link_bytes_per_s=link.fabric.bandwidth_bytes_per_s,
    )
    return [one.times(op.count)]
