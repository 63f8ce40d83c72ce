"""What a simulation measures of its requests and replicas.

What each figure means, in what unit, is written once: in ``simulator.simulate.figures``. Latencies
leave out the warm-up; means carry 95 % confidence intervals by batch means.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.serving.outcome.records import LOST, REJECTED, Counters, Records
from simulator.serving.outcome.statistics import batch_means, percentiles
from simulator.serving.outcome.timeline import Timeline
from simulator.serving.traffic.request import FloatArray

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean and percentiles over requests; NaN where no request has the figure.

    ``half_width`` is that of the mean's 95 % confidence interval, NaN for too few values.
    """

    mean: float
    p50: float
    p90: float
    p99: float
    half_width: float = np.nan

    @property
    def is_absent(self) -> bool:
        """Whether no request has the figure."""
        return bool(np.isnan(self.mean))

    @classmethod
    def of(cls, values: FloatArray) -> "Distribution":
        """Summarise ``values`` in order of arrival; NaNs (what a request has not) are left out."""
        known = values[np.isfinite(values)]
        if known.size == 0:
            return cls(np.nan, np.nan, np.nan, np.nan)
        p50, p90, p99 = percentiles(known, PERCENTILES)
        half_width = batch_means(known).half_width
        return cls(float(np.mean(known)), p50, p90, p99, half_width)


@dataclass(frozen=True, slots=True)
class ServingMetrics:
    """What a simulation of serving amounts to; times in seconds, rates over the makespan.

    ``counted`` requests are those finished ones that latencies are of.
    """

    requests: int
    finished: int
    rejected: int
    lost: int
    counted: int
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
    ttft_from_admission_s: Distribution
    itl_s: Distribution
    output_tokens_per_s_per_user: float
    hit_rate: float
    mean_running: float
    mean_waiting: float
    hits_by_tier: dict[str, float] = field(default_factory=dict)
    read_bytes_by_tier: dict[str, float] = field(default_factory=dict)
    written_bytes_by_tier: dict[str, float] = field(default_factory=dict)

    @property
    def bytes_by_tier(self) -> dict[str, float]:
        """Bytes of cache that each tier off the device gave and took."""
        reads, writes = self.read_bytes_by_tier, self.written_bytes_by_tier
        return {tier: reads[tier] + writes[tier] for tier in reads}


@dataclass(frozen=True, slots=True)
class Limits:
    """Service-level objectives in seconds; None where there is none."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return any(limit is not None for limit in asdict(self).values())


def measure(
    records: Records,
    counters: tuple[Counters, ...],
    *,
    makespan_s: float,
    devices_per_replica: int | Sequence[int],
    idle_w: float | Sequence[float],
    kv_blocks: int | Sequence[int],
    timeline: Timeline | None = None,
    objectives: Limits | None = None,
    warm_up: int = 0,
) -> ServingMetrics:
    """Every figure of a finished simulation.

    Requests before the ``warm_up``-th count for energy and load but not for latencies.
    ``idle_w`` and the counters' energies are of one device; a replica has
    ``devices_per_replica`` that all do the same. Replicas of several kinds give one number each.
    """
    finished = records.finished
    # Turns of a conversation stand together; time decides who belongs to the warm-up.
    by_arrival = np.argsort(records.arrival_s, kind="stable")
    counted = by_arrival[warm_up:]
    counted = counted[finished[counted]]
    first_arrival = float(records.arrival_s.min(initial=np.inf))
    first_arrival = first_arrival if np.isfinite(first_arrival) else 0.0
    span = max(makespan_s - first_arrival, 1e-12)
    outputs = int(records.output_tokens[finished].sum())
    inputs = int(records.input_tokens[finished].sum())
    busy = sum(c.busy_s for c in counters)
    idle_s = np.array([max(span - c.busy_s, 0.0) for c in counters])
    drawn_j = np.array([c.energy_j for c in counters])
    energy = float(np.sum(devices_per_replica * (drawn_j + idle_w * idle_s)))
    tpot = Distribution.of(records.tpot_s[counted])
    cached = int(records.cached_tokens[finished].sum())
    peaks = np.array([c.peak_blocks for c in counters]) / np.maximum(kv_blocks, 1)
    series = {} if timeline is None else timeline.series()
    return ServingMetrics(
        requests=len(records.arrival_s),
        finished=int(finished.sum()),
        rejected=int((records.status == REJECTED).sum()),
        lost=int((records.status == LOST).sum()),
        counted=counted.size,
        makespan_s=span,
        input_tokens=inputs,
        output_tokens=outputs,
        cached_tokens=cached,
        requests_per_s=float(finished.sum()) / span,
        output_tokens_per_s=outputs / span,
        total_tokens_per_s=(inputs + outputs) / span,
        ttft_s=Distribution.of(records.ttft_s[counted]),
        tpot_s=tpot,
        e2e_s=Distribution.of(records.e2e_s[counted]),
        queue_s=Distribution.of(records.queue_s[counted]),
        goodput_requests_per_s=_goodput(records, objectives, span),
        preemptions=sum(c.preemptions for c in counters),
        steps=sum(c.steps for c in counters),
        busy_fraction=busy / (len(counters) * span),
        prefill_share=sum(c.prompt_s for c in counters) / busy if busy else 0.0,
        energy_j=energy,
        power_w=energy / span,
        peak_kv_fraction=float(peaks.max()),
        overloaded=is_overloaded(records),
        ttft_from_admission_s=Distribution.of(records.ttft_from_admission_s[counted]),
        itl_s=_gaps(timeline),
        output_tokens_per_s_per_user=1 / tpot.mean if tpot.mean > 0 else np.nan,
        hit_rate=cached / inputs if inputs else 0.0,
        mean_running=float(series["running_s"].sum()) / span if series else np.nan,
        mean_waiting=float(series["waiting_s"].sum()) / span if series else np.nan,
        hits_by_tier=_hits(counters, cached, inputs),
        read_bytes_by_tier=_added([c.read_bytes_by_tier for c in counters]),
        written_bytes_by_tier=_added([c.written_bytes_by_tier for c in counters]),
    )


def _hits(counters: tuple[Counters, ...], cached: int, inputs: int) -> dict[str, float]:
    """Share of the prompts' tokens found in each tier; all of them together are the hit rate."""
    below = _added([c.hits_by_tier for c in counters])
    tokens = {"device": cached - sum(below.values())} | below
    return {tier: found / inputs if inputs else 0.0 for tier, found in tokens.items()}


def _added(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Sums by name, in the order in which names come."""
    total: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0.0) + amount
    return total


def _gaps(timeline: Timeline | None) -> Distribution:
    """Inter-token latencies over the whole run, each within 1 %."""
    if timeline is None:
        return Distribution(np.nan, np.nan, np.nan, np.nan)
    p50, p90, p99 = (timeline.gap_percentile(p) for p in PERCENTILES)
    return Distribution(timeline.gap_mean(), p50, p90, p99)


def _goodput(records: Records, objectives: Limits | None, span: float) -> float | None:
    if objectives is None or not objectives.any:
        return None
    return float(within(records, objectives).sum()) / span


def within(records: Records, objectives: Limits) -> NDArray[np.bool_]:
    """Which requests were answered within all ``objectives``."""
    met = records.finished.copy()
    for limit, values in (
        (objectives.ttft_s, records.ttft_s),
        (objectives.tpot_s, records.tpot_s),
        (objectives.e2e_s, records.e2e_s),
    ):
        if limit is not None:
            # A one-token answer has no TPOT and cannot miss its objective.
            met &= np.isnan(values) | (values <= limit)
    return met


def is_overloaded(records: Records) -> bool:
    """Whether the queue grew throughout, as one does that never settles.

    Requests of the last fifth then wait far longer than those of the first, since waiting grows
    linearly with arrival; or a quarter of all requests still wait when the last one comes, where
    so many came at once that even the first waited long.
    """
    order = np.argsort(records.arrival_s, kind="stable")
    order = order[records.finished[order]]
    queue = records.queue_s[order]
    if queue.size < 50:
        return False
    arrived_s, started_s = records.arrival_s[order], records.started_s[order]
    if np.mean(started_s > arrived_s[-1]) > _LEFT_WAITING:
        return True
    fifth = queue.size // 5
    early, late = float(np.median(queue[:fifth])), float(np.median(queue[-fifth:]))
    service = float(np.median((records.e2e_s - records.queue_s)[order]))
    return late > 3 * early and late > service


_LEFT_WAITING = 0.25
"""Share of requests that still wait when the last one comes, of which a settled queue has none."""
