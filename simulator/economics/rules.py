"""Rules that divide the cost of devices among uncached input, cached input and output tokens.

What devices cost is paid for all tokens together; a price for a kind of token rests on a rule.
Every rule is a pure function of the ``Work`` that was done, and gives shares that sum to one.

- ``time``: by device time. A step's time is divided in the proportion that its prompts and its
  answers would take alone; the row that gives an answer's first token counts as the answer's.
- ``marginal``: prompts pay what they make steps longer, answers all the rest.
- ``blended``: by tokens alone, an output token counting as ``output_weight`` uncached input
  tokens, a cached one as ``cached_weight``; with both weights 1 every token costs the same.

By the first two, cached tokens pay what they cost: the part of device memory that held their
prefixes until they came, h, and of the time, what steps waited for prefixes from lower tiers, l:

    cached = h + (1 − h) · l,   uncached = (1 − h) · p,   output = (1 − h) · (1 − l − p)

where p is the share of prompts in the computing time. Memory and links of lower tiers are part of
the host, and are not charged apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import InputError, nearest
from simulator.extensions import extension, extension_names
from simulator.specs.economics import Economics


@dataclass(frozen=True, slots=True)
class Work:
    """What devices did for tokens of each kind; numbers, or arrays of one shape.

    Args:
        prompts: share of the computing time that is the prompts', divided as ``time`` does.
        added: share by which prompts made steps longer.
        loads: share that steps waited for cached prefixes on their way.
        held: share of device memory, over all the time, that held prefixes until they were
            used again.
        uncached, cached, output: tokens, or tokens a second, of each kind.
    """

    prompts: Any
    added: Any
    loads: Any = 0.0
    held: Any = 0.0
    uncached: Any = 0.0
    cached: Any = 0.0
    output: Any = 0.0


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the cost of each kind of token; they sum to one."""

    uncached: Any
    cached: Any
    output: Any


Rule = Callable[[Work, Economics], Shares]


def by_time(work: Work, _economics: Economics) -> Shares:
    """Device time: each step's, divided as its prompts and answers would take alone."""
    return _timed(work, work.prompts)


def by_addition(work: Work, _economics: Economics) -> Shares:
    """Device time: prompts pay what they make steps longer, answers the rest."""
    return _timed(work, work.added)


def by_weight(work: Work, economics: Economics) -> Shares:
    """Tokens, each kind counting as so many uncached input tokens."""
    cached = work.cached * _weight(economics.cached_weight)
    output = work.output * _weight(economics.output_weight)
    counted = work.uncached + cached + output
    if isinstance(counted, int | float) and not counted:
        return Shares(0.0, 0.0, 1.0)
    return Shares(work.uncached / counted, cached / counted, output / counted)


def _weight(given: float | None) -> float:
    return 1.0 if given is None else given


def _timed(work: Work, prompts: float | NDArray[np.float64]) -> Shares:
    at_work = 1.0 - work.held
    uncached = at_work * prompts
    cached = work.held + at_work * work.loads
    return Shares(uncached, cached, at_work * (1.0 - work.loads - prompts))


RULES: Mapping[str, Rule] = {"time": by_time, "marginal": by_addition, "blended": by_weight}


def rule_words(economics: Economics) -> str:
    """The rule in words, as it stands beside prices."""
    if economics.rule == "blended":
        return (
            f"blended: an output token counts as {_weight(economics.output_weight):g} uncached "
            f"input tokens, a cached one as {_weight(economics.cached_weight):g}"
        )
    own = {
        "time": "by device time, each step's divided as its prompts and answers would take alone",
        "marginal": "marginal: prompts pay what they make steps longer, answers the rest",
    }
    return own.get(economics.rule, economics.rule)


def rule_of(economics: Economics) -> Rule:
    """The rule that ``economics`` names, here or in an installed package.

    Raises:
        InputError: unknown; suggests the nearest.
    """
    name = economics.rule
    found = RULES.get(name) or extension("roofsim.policies", name, FunctionType)
    if found is None:
        known = (*RULES, *extension_names("roofsim.policies"))
        raise InputError(
            f"unknown rule {name!r}", field="economics.rule", remedy=nearest(name, known)
        )
    return found
