"""What many samples of a model solve, and what a solved query costs."""

import math

from simulator.specs.bill import GivenSuccess, Independent, PowerLaw


def solved(success: GivenSuccess | Independent | PowerLaw, samples: int) -> float:
    """The share of queries of which at least one of ``samples`` answers is right.

    Independent samples of equal chance give 1 − (1 − p)^N; measured coverage of sets of queries
    follows exp(a·N^b) (Brown et al., arXiv:2407.21787, section 3.2).

    >>> solved(Independent(kind="independent", solved_by_one=0.5), 3)
    0.875
    """
    if isinstance(success, GivenSuccess):
        return success.solved
    if isinstance(success, Independent):
        missed = 1.0 - success.solved_by_one
        return -math.expm1(samples * math.log(missed)) if missed else 1.0
    return math.exp(success.a * samples**success.b)


def law_in_words(success: GivenSuccess | Independent | PowerLaw) -> str:
    """What a share of solved queries rests on."""
    if isinstance(success, GivenSuccess):
        return "given"
    if isinstance(success, Independent):
        return "1 − (1 − p)^N of independent samples, the most that is possible"
    return "exp(a·N^b), arXiv:2407.21787"


def usd_per_solved(usd_per_query: float, share: float) -> float:
    """What a solved query costs where the others are paid too."""
    return usd_per_query / share
