"""Loads of tables in the device's own memory, of which tokens gather rows."""

import numpy as np

from simulator.graph.operator import Lookup
from simulator.graph.step_shape import StepShape
from simulator.graph.work import lookup_work
from simulator.roofline.device.device import Device
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import Load, load


@cost.register
def _lookup(op: Lookup, shape: StepShape, device: Device) -> list[Load]:
    # Here and not above: few models have tables, and memory tiers come with these laws.
    from simulator.roofline.off_device.host_path import device_gather
    from simulator.roofline.off_device.traffic import gather_time_s

    own = device.bandwidth_bytes_per_s
    rows = shape.tokens * op.rows_per_token
    time_s = gather_time_s(device_gather(device), rows, op.row_bytes, own, moves_per_byte=2.0)
    one = load(
        law="gather",
        time_s=np.where(rows > 0, time_s, 0.0),
        memory_bytes=lookup_work(op, shape).memory_bytes,
        bandwidth_bytes_per_s=own,
    )
    return [one.times(op.count)]
