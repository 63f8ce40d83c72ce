"""A cluster whose steps take longer, and a part of its requests: what an error of a step does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulator.serving.cluster import ClusterSettings
from simulator.serving.replica.step_clock import DecodeCurve, StepClock
from simulator.serving.traffic.request import RequestTable


@dataclass(frozen=True, slots=True)
class _SlowedCurve:
    curve: DecodeCurve
    factor: float

    def run(self, context: float, steps: int) -> tuple[float, float]:
        """See ``DecodeCurve``."""
        time_s, energy_j = self.curve.run(context, steps)
        return self.factor * time_s, self.factor * energy_j


class SlowedClock:
    """Steps that take so many times as long and as many joules, so that their power stays.

    ``decode`` is the factor of steps without prompts, ``prompts`` of those with.
    """

    def __init__(self, clock: StepClock, decode: float, prompts: float) -> None:
        self.idle_w, self.mode = clock.idle_w, clock.mode
        self._clock = clock
        self._decode, self._prompts = decode, prompts
        self._curves: dict[int, DecodeCurve] = {}

    def decode(self, sequences: int) -> DecodeCurve:
        """See ``StepClock``."""
        curve = self._curves.get(sequences)
        if curve is None:
            curve = _SlowedCurve(self._clock.decode(sequences), self._decode)
            self._curves[sequences] = curve
        return curve

    def mixed(
        self,
        decoding: int,
        context: float,
        prompts: int,
        prompt_tokens: int,
        past: float,
        sampling: int,
    ) -> tuple[float, float]:
        """See ``StepClock``."""
        time_s, energy_j = self._clock.mixed(
            decoding, context, prompts, prompt_tokens, past, sampling
        )
        return self._prompts * time_s, self._prompts * energy_j


def slowed(settings: ClusterSettings, factors: Sequence[tuple[float, float]]) -> ClusterSettings:
    """The settings of a cluster that is slower by the ``factors`` of its pools.

    A pool's two factors are those of steps without and with prompts.
    """
    pools = tuple(
        replace(pool, clock=SlowedClock(pool.clock, *own))
        for pool, own in zip(settings.pools, factors, strict=True)
    )
    return replace(settings, pools=pools)


FEWEST_REQUESTS = 500
LEAST_SHARE = 0.05
ROUNDS = 2


def first_requests(table: RequestTable, settings: ClusterSettings, warm_up: int) -> RequestTable:
    """Enough of the first requests to show what slower steps do; all of them where they are few.

    A twentieth of a long run, 500 requests and two rounds of a closed loop at least.
    """
    least = max(FEWEST_REQUESTS, round(LEAST_SHARE * len(table)), ROUNDS * (settings.users or 0))
    least += warm_up
    if len(table) <= 2 * least:
        return table
    return table.first(least)
