"""How many sequences run at once, in a replica whose speed hangs on their number.

All sequences of a replica go on at the same pace, so it is a queue with processor sharing whose
speed depends on its state. The number of them is then distributed as in a birth-death process,
whatever the lengths of the answers (F. P. Kelly, Reversibility and Stochastic Networks, 1979,
chapter 3). Beyond the most that run at once the others wait, at the speed of the full replica.
"""

from dataclasses import dataclass

import numpy as np

from simulator.graph.step_shape import FloatArray

_STEADY = 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Sequences that run at once, at each of r rates.

    Args:
        empty: probability of none, shape (r, 1).
        shares: probabilities of the sequences at the knots and those around them, shape (r, n).
        mean: sequences on average, shape (r, 1).
        high: all but in the asked tail of the time there are fewer, shape (r, 1).
        full: probability that a newcomer finds no place among the most that run, shape (r, 1).
        waiting: requests that wait for such a place, shape (r, 1).
        load: arrivals over what the full replica completes, shape (r, 1); from 1 on the queue
            grows without end.
    """

    empty: FloatArray
    shares: FloatArray
    mean: FloatArray
    high: FloatArray
    full: FloatArray
    waiting: FloatArray
    load: FloatArray

    def average(self, values: FloatArray, when_empty: FloatArray) -> FloatArray:
        """The mean of ``values`` at the knots (r, n), and of those of an empty replica (r, 1)."""
        return np.asarray((self.shares * values).sum(1, keepdims=True) + self.empty * when_empty)


def occupancy(
    knots: FloatArray, rate: FloatArray, completed: FloatArray, tail: float = 0.01
) -> Occupancy:
    """The steady distribution.

    Args:
        knots: numbers of sequences, the first 1, the last as many as run at once, shape (n,).
        rate: arrivals a second, shape (r, 1).
        completed: sequences that end in a second at each knot, shape (r, n).
        tail: of ``high``.
    """
    step = np.log(rate / completed)
    # Sums of logarithms between knots by the trapezoidal rule, so that cost hangs on knots alone.
    grown = np.diff(knots) * (step[:, 1:] + step[:, :-1]) / 2 + np.diff(step, axis=1) / 2
    logs = np.concatenate([step[:, :1], step[:, :1] + np.cumsum(grown, axis=1)], axis=1)
    logs = np.concatenate([np.zeros_like(rate), logs], axis=1)
    numbers = np.append(0.0, knots)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    between = (np.diff(numbers) - 1.0) / 2
    mass = weights.copy()
    mass[:, :-1] += between * weights[:, :-1]
    mass[:, 1:] += between * weights[:, 1:]
    load = np.exp(step[:, -1:])
    further = np.minimum(load, _STEADY)
    beyond = weights[:, -1:] * further / (1.0 - further)
    total = mass.sum(axis=1, keepdims=True) + beyond
    beyond = beyond / total
    mass = mass / total
    mass[:, -1:] += beyond
    return Occupancy(
        empty=mass[:, :1],
        shares=mass[:, 1:],
        mean=(mass * numbers).sum(axis=1, keepdims=True),
        high=numbers[np.argmax(np.cumsum(mass, axis=1) >= 1.0 - tail, axis=1)][:, None],
        full=weights[:, -1:] / total + beyond,
        waiting=beyond / (1.0 - further),
        load=load,
    )
