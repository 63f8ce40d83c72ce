"""The same workload under more load or less: everything as it was, but for how often it comes."""

from simulator.simulate.serving_point import REQUESTS_PER_USER
from simulator.specs.arrivals import ClosedLoop
from simulator.specs.workload import ServingPoint, Synthetic, Trace, Workload

_RATES = ("rate", "to_rate", "off_rate")
"""Fields of arrivals that count requests a second."""


def at_load(workload: Workload, factor: float) -> Workload:
    """``workload`` with so many times the load: rates, paces of traces, users of closed loops.

    Users are whole people, and each of them asks often enough for the loop to settle. An engine
    step has no load, and stays as it is.
    """
    if isinstance(workload, Trace):
        if workload.rate is not None:
            return workload.model_copy(update={"rate": workload.rate * factor})
        return workload.model_copy(update={"time_scale": workload.time_scale / factor})
    if isinstance(workload, ServingPoint):
        if workload.rate is not None:
            return workload.model_copy(update={"rate": workload.rate * factor})
        assert workload.concurrency is not None
        users = _users(workload.concurrency, factor)
        return workload.model_copy(update={"concurrency": users})
    if not isinstance(workload, Synthetic):
        return workload
    arrivals = workload.arrivals
    if isinstance(arrivals, ClosedLoop):
        users = _users(arrivals.users, factor)
        return workload.model_copy(
            update={
                "arrivals": arrivals.model_copy(update={"users": users}),
                "requests": max(workload.requests, REQUESTS_PER_USER * users),
            }
        )
    rates = {
        name: getattr(arrivals, name) * factor
        for name in _RATES
        if name in type(arrivals).model_fields
    }
    return workload.model_copy(update={"arrivals": arrivals.model_copy(update=rates)})


def _users(users: int, factor: float) -> int:
    return max(1, round(users * factor))
