"""What drafting gains at each batch, where it stops to pay, and what binds there.

``python -m simulator.planning.speed_up SCENARIO FILE.svg`` draws it for the deployment of a
scenario that drafts.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.report.charts.speed_up import speed_up as drawn
from simulator.report.style import svg
from simulator.simulate.cluster import resolve
from simulator.simulate.replica import Replica, capacity_batch
from simulator.specs.question import read_scenario
from simulator.specs.scenario import Scenario

FloatArray = np.ndarray

CONTEXT = 1000
"""Tokens that each sequence holds, where nothing else is asked."""


@dataclass(frozen=True, slots=True)
class SpeedUp:
    """Drafting against plain decoding of the same model, batch by batch.

    Args:
        title: what drafts where.
        batch: sequences of a replica, rising.
        gain: tokens a second with drafting over those without.
        tokens: tokens of a step.
        shares: parts of the drafted step by what binds them.
        crossing: the batch from which on drafting loses; None where it pays at every batch.
    """

    title: str
    batch: FloatArray
    gain: FloatArray
    tokens: float
    shares: Mapping[str, FloatArray]
    crossing: int | None

    @property
    def words(self) -> str:
        """The finding in a sentence."""
        first, last = self.gain[0], self.gain[-1]
        here = -1 if self.crossing is None else int(np.searchsorted(self.batch, self.crossing))
        most = max(self.shares, key=lambda kind: float(self.shares[kind][here]))
        bound = f"{self.shares[most][here]:.0%} of the step is bound by {most}"
        begins = f"{self.title}: {first:.2g} times as fast at batch {self.batch[0]:.0f}"
        if self.crossing is None:
            return f"{begins}, and {last:.2g} times at {self.batch[-1]:.0f}, where {bound}"
        return (
            f"{begins}; from batch {self.crossing} on it loses, as {bound}, which rows that are "
            "thrown away take like the others"
        )


def speed_up(
    scenario: Scenario, context: int = CONTEXT, batches: Sequence[int] | None = None
) -> SpeedUp:
    """The gain of a scenario's drafting, ``up_to`` aside, at every batch that the cache holds.

    Raises:
        InputError: the scenario does not draft.
    """
    replica = resolve(scenario).answers
    if replica.speculating is None:
        raise InputError(
            f"{scenario.name} does not draft",
            field="deployment.speculation",
            remedy="say how, as in eagle3:3",
        )
    batch = _batches(replica, context) if batches is None else np.asarray(batches, float)
    step = replica.step
    shape = StepShape.decode(batch, float(context))
    drafted, plain = step.drafted(shape), step.model.evaluate(shape)
    gain = step.mode.tokens * plain.time_s / drafted.time_s
    return SpeedUp(
        title=f"{replica.model.title} on {replica.deployment.devices_per_replica} × "
        f"{replica.hardware.title}",
        batch=batch,
        gain=gain,
        tokens=step.mode.tokens,
        shares={kind: spent / drafted.time_s for kind, spent in drafted.bound_s.items()},
        crossing=_crossing(batch, gain),
    )


def _batches(replica: Replica, context: int) -> FloatArray:
    most = min(
        float(capacity_batch(replica, np.asarray(float(context + 1)))),
        float(replica.limits.max_sequences),
    )
    return np.unique(np.round(np.geomspace(1.0, max(most, 2.0), 60)))


def _crossing(batch: FloatArray, gain: FloatArray) -> int | None:
    """The first batch from which on drafting never pays."""
    paying = np.nonzero(gain >= 1.0)[0]
    if not paying.size:
        return int(batch[0])
    after = int(paying[-1]) + 1
    return None if after == batch.size else int(batch[after])


def main(arguments: Sequence[str]) -> None:
    """Draw the speed-up of one scenario."""
    scenario, target = arguments
    found = speed_up(read_scenario(Path(scenario)))
    Path(target).write_text(svg(drawn(found), found.words), encoding="utf-8")
    print(found.words)


if __name__ == "__main__":
    main(sys.argv[1:])
