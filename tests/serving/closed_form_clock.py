"""A step clock of closed formulas, and short ways to serve with it."""

from dataclasses import dataclass, replace

import numpy as np

from simulator.roofline.step.decoding import PLAIN, DecodeMode
from simulator.serving import cluster
from simulator.serving.cluster import Cluster, ClusterSettings, Outcome, Pool
from simulator.serving.policies.ordering import COMPOSITIONS, ordering
from simulator.serving.policies.routing import router
from simulator.serving.replica.limits import EngineLimits
from simulator.serving.traffic.request import RequestTable
from simulator.specs.deployment import ReplicaSpec
from simulator.specs.scheduling import Scheduling


@dataclass(frozen=True)
class Line:
    """Steps of ``base + slope × context`` seconds at constant power."""

    base_s: float
    slope_s: float
    power_w: float
    tokens: float = 1

    def run(self, context: float, steps: int) -> tuple[float, float]:
        contexts = steps * context + self.tokens * steps * (steps - 1) / 2
        time_s = steps * self.base_s + self.slope_s * contexts
        return time_s, self.power_w * time_s


@dataclass(frozen=True)
class ClosedFormClock:
    """Time linear in sequences, tokens and context, as on a machine bound by its memory."""

    step_s: float = 5e-3
    sequence_s: float = 5e-5
    context_s: float = 2e-8
    token_s: float = 2e-5
    past_s: float = 1e-9
    power_w: float = 500.0
    idle_w: float = 100.0
    mode: DecodeMode = PLAIN

    def decode(self, sequences: int) -> Line:
        base_s = self.step_s + self.sequence_s * sequences
        return Line(base_s, self.context_s * sequences, self.power_w)

    def mixed(self, decoding, context, prompts, prompt_tokens, past, sampling):
        time_s = (
            self.step_s
            + self.sequence_s * (decoding + prompts)
            + self.context_s * decoding * context
            + prompt_tokens * (self.token_s + self.past_s * past)
        )
        return time_s, self.power_w * time_s


LIMITS = EngineLimits(
    ReplicaSpec(
        max_sequences=64,
        max_batched_tokens=512,
        kv_blocks=1000,
        kv_block_tokens=16,
        max_context=8192,
        chunked_prefill=True,
        prefix_caching=False,
    ),
    Scheduling(output_reserve=0.0),
)
_OWN = ("request_overhead_s", "swap_s_per_block", "admission", "lower_tiers")
_OPTIONS = tuple(name for name in Scheduling.model_fields if name not in ("router", "failures"))


def limited(limits=LIMITS, **bounds) -> EngineLimits:
    """The limits with some of their bounds changed, by the names that a deployment has for them."""
    own = {name: bounds[name] for name in _OWN if name in bounds}
    options = {name: bounds[name] for name in _OPTIONS if name in bounds}
    replica = {name: bounds[name] for name in bounds if name not in own and name not in options}
    return replace(
        limits,
        replica=limits.replica.model_copy(update=replica),
        scheduling=limits.scheduling.model_copy(update=options),
        **own,
    )


def settings(policy="fcfs", composition="mixed", routing="least-loaded", limits=LIMITS, **others):
    """Cluster settings by the names of the policies."""
    known = (*_OWN, *_OPTIONS, *ReplicaSpec.model_fields)
    bounds = {name: others.pop(name) for name in known if name in others}
    alike = Pool(
        ClosedFormClock(),
        limited(limits, **bounds),
        COMPOSITIONS[composition],
        others.pop("replicas", 1),
    )
    return ClusterSettings(
        pools=others.pop("pools", (alike,)),
        ordering=ordering(policy),
        router=router(routing),
        **others,
    )


def on(clock, options) -> ClusterSettings:
    """The settings with ``clock`` in pools that do everything."""
    pools = tuple(replace(p, clock=clock) if p.role == "both" else p for p in options.pools)
    return replace(options, pools=pools)


def serve(requests, clock, options, progress=None) -> Outcome:
    """Serve the requests by steps of ``clock``."""
    return cluster.serve(requests, on(clock, options), progress)


def table(arrival_s, inputs, outputs, **columns) -> RequestTable:
    """A table from anything that numpy understands."""
    arrival_s = np.asarray(arrival_s, dtype=float)
    like = np.zeros(arrival_s.size, dtype=np.int64)
    return RequestTable(arrival_s, like + np.asarray(inputs), like + np.asarray(outputs), **columns)


def random_table(seed, count=60, rate=20.0, inputs=(1, 600), outputs=(1, 120)) -> RequestTable:
    """Poisson arrivals and evenly drawn lengths; the first request is short enough for anybody."""
    random = np.random.default_rng(seed)
    arrival_s = np.cumsum(random.exponential(1 / rate, count))
    lengths = [random.integers(*bounds, count) for bounds in (inputs, outputs)]
    for drawn in lengths:
        drawn[0] = 1
    return table(arrival_s, *lengths)


def _chained(random, count, groups=4, depth=12):
    """Prompts as paths down a few shared stems with tails of their own."""
    prefixes, fresh = [], 1000
    for _ in range(count):
        stem = int(random.integers(groups))
        shared = int(random.integers(0, depth))
        own = int(random.integers(1, 5))
        prefixes.append((*range(stem * 100, stem * 100 + shared), *range(fresh, fresh + own)))
        fresh += own
    return tuple(prefixes)


def shared_table(seed, count=60, unit=32) -> RequestTable:
    """Prompts that begin like others, at random."""
    random = np.random.default_rng(seed)
    prefixes = _chained(random, count)
    inputs = [len(p) * unit - int(random.integers(0, unit)) for p in prefixes]
    return table(
        np.cumsum(random.exponential(0.05, count)),
        inputs,
        random.integers(1, 60, count),
        prefix_blocks=prefixes,
        prefix_block_tokens=unit,
    )


def serve_watched(requests, options, clock=None) -> Outcome:
    """Serve while checking at every event that no request and no block is lost."""
    simulated = Cluster(requests, on(clock or ClosedFormClock(), options))
    env = simulated.env
    while env.peek() < float("inf"):
        env.step()
        here = sum(engine.unfinished for engine in simulated.engines)
        assert simulated.arrived == simulated.ended + here + simulated.moving + len(
            simulated.homeless
        )
        for engine in simulated.engines:
            pool = engine.scheduler.pool
            assert 0 <= pool.free <= pool.total
            if pool.cache is not None:
                assert pool.cache.idle_blocks <= pool.free
    for engine in simulated.engines:
        assert engine.scheduler.pool.free == engine.limits.kv_blocks, "blocks were lost"
        assert engine.unfinished == 0
    return simulated.outcome()
