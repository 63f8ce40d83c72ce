"""One written definition of every figure that a simulation reports.

- TTFT: from a request's arrival until its first token is out.
- TPOT: (e2e − TTFT)/(output tokens − 1), a mean within each request; one-token answers have none.
- e2e: from arrival until the last token is out.
- queue: from arrival until the engine starts on the prompt.
- throughput: tokens of finished requests over the makespan (first arrival to last token).
- goodput: the same for requests that met every objective.
- power: energy of all devices over the makespan, idle time included.
"""

from dataclasses import asdict, dataclass

import numpy as np

from simulator.serving.request import REJECTED, Counters, FloatArray, Records

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean and percentiles over requests; NaN where no request has the figure."""

    mean: float
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, values: FloatArray) -> "Distribution":
        """Summarise ``values``; NaNs (figures a request does not have) are left out."""
        known = values[np.isfinite(values)]
        if known.size == 0:
            return cls(np.nan, np.nan, np.nan, np.nan)
        p50, p90, p99 = np.percentile(known, PERCENTILES)
        return cls(float(np.mean(known)), float(p50), float(p90), float(p99))


@dataclass(frozen=True, slots=True)
class ServingMetrics:
    """What a simulation of serving amounts to; times in seconds, rates over the makespan."""

    requests: int
    finished: int
    rejected: int
    makespan_s: float
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    requests_per_s: float
    output_tokens_per_s: float
    total_tokens_per_s: float
    ttft_s: Distribution
    tpot_s: Distribution
    e2e_s: Distribution
    queue_s: Distribution
    goodput_requests_per_s: float | None
    preemptions: int
    steps: int
    busy_fraction: float
    prefill_share: float
    energy_j: float
    power_w: float
    peak_kv_fraction: float
    overloaded: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Service-level objectives in seconds; None where there is none."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None


def measure(
    records: Records,
    counters: tuple[Counters, ...],
    *,
    makespan_s: float,
    devices_per_replica: int,
    idle_w: float,
    kv_blocks: int,
    objectives: Limits | None = None,
    warm_up: int = 0,
) -> ServingMetrics:
    """Every figure of a finished simulation.

    Requests before the ``warm_up``-th count for energy and load but not for latencies.
    ``idle_w`` and the counters' energies are of one device; a replica has
    ``devices_per_replica`` that all do the same.
    """
    finished = records.finished
    counted = finished.copy()
    counted[:warm_up] = False
    first_arrival = float(records.arrival_s[0]) if len(records.arrival_s) else 0.0
    span = max(makespan_s - first_arrival, 1e-12)
    outputs = int(records.output_tokens[finished].sum())
    inputs = int(records.input_tokens[finished].sum())
    busy = sum(c.busy_s for c in counters)
    idle = len(counters) * span - busy
    energy = devices_per_replica * (sum(c.energy_j for c in counters) + idle_w * max(idle, 0.0))
    return ServingMetrics(
        requests=len(records.arrival_s),
        finished=int(finished.sum()),
        rejected=int((records.status == REJECTED).sum()),
        makespan_s=span,
        input_tokens=inputs,
        output_tokens=outputs,
        cached_tokens=int(records.cached_tokens[finished].sum()),
        requests_per_s=float(finished.sum()) / span,
        output_tokens_per_s=outputs / span,
        total_tokens_per_s=(inputs + outputs) / span,
        ttft_s=Distribution.of(records.ttft_s[counted]),
        tpot_s=Distribution.of(records.tpot_s[counted]),
        e2e_s=Distribution.of(records.e2e_s[counted]),
        queue_s=Distribution.of(records.queue_s[counted]),
        goodput_requests_per_s=_goodput(records, objectives, span),
        preemptions=sum(c.preemptions for c in counters),
        steps=sum(c.steps for c in counters),
        busy_fraction=busy / (len(counters) * span),
        prefill_share=sum(c.prefill_s for c in counters) / busy if busy else 0.0,
        energy_j=energy,
        power_w=energy / span,
        peak_kv_fraction=max(c.peak_blocks for c in counters) / kv_blocks if kv_blocks else 0.0,
        overloaded=is_overloaded(records),
    )


def _goodput(records: Records, objectives: Limits | None, span: float) -> float | None:
    if objectives is None or not any(v is not None for v in asdict(objectives).values()):
        return None
    met = records.finished.copy()
    for limit, values in (
        (objectives.ttft_s, records.ttft_s),
        (objectives.tpot_s, records.tpot_s),
        (objectives.e2e_s, records.e2e_s),
    ):
        if limit is not None:
            # A one-token answer has no TPOT and cannot miss its objective.
            met &= np.isnan(values) | (values <= limit)
    return float(met.sum()) / span


def is_overloaded(records: Records) -> bool:
    """Whether the queue grew throughout: requests of the last fifth wait far longer than the first.

    A stable queue has no trend; in an overloaded one waiting grows linearly with arrival.
    """
    queue = records.queue_s[records.finished]
    if queue.size < 50:
        return False
    fifth = queue.size // 5
    early, late = float(np.median(queue[:fifth])), float(np.median(queue[-fifth:]))
    service = float(np.median((records.e2e_s - records.queue_s)[records.finished]))
    return late > 3 * early and late > service
