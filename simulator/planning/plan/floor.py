"""What no system can do without: devices by bytes and by FLOPs alone, to catch absurd answers."""

from dataclasses import dataclass

import numpy as np

from simulator.graph.build import build
from simulator.graph.parameters import count_parameters
from simulator.planning.plan.demand import Demand
from simulator.simulate.replica import Replica


@dataclass(frozen=True, slots=True)
class Floor:
    """Devices that the data sheet alone asks for, each by what needs them.

    Args:
        memory: to hold the weights once.
        compute: to multiply all tokens with the active weights at the peak rate.
        bandwidth: to read the cache of every decoding sequence once a token.
    """

    memory: float
    compute: float
    bandwidth: float

    @property
    def devices(self) -> float:
        """The largest of them."""
        return max(self.memory, self.compute, self.bandwidth)


def floor_of(replica: Replica, demand: Demand) -> Floor:
    """The floor of the hardware and formats of ``replica`` under a demand.

    A token costs two FLOPs for each active parameter; a decode step reads each sequence's cache.
    Both at the rates of the data sheet, without any loss.
    """
    device, lengths = replica.device, demand.lengths
    whole = build(replica.model, None, replica.precision, replica.kv_precision)
    active = count_parameters(replica.model).active
    flops_per_s = 2.0 * active * demand.per_s * (lengths.prompt + lengths.answer)
    cache = float(whole.kv_bytes(np.asarray(lengths.decode_context)))
    read_per_s = demand.per_s * max(lengths.answer - 1.0, 0.0) * cache
    return Floor(
        memory=whole.weight_bytes / device.memory_bytes,
        compute=flops_per_s / max(device.peaks.values()),
        bandwidth=read_per_s / device.bandwidth_bytes_per_s,
    )
