"""Newcomers that an engine leaves outside while its batch decodes, and when it lets them in.

Some engines look at what has arrived only now and then, or wait until a prompt step is worth its
while. A rule says after how many decode steps that is; steps with prompts start the count anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.serving.traffic.request import Request


@dataclass(frozen=True, slots=True)
class Outside:
    """What a rule looks at.

    Args:
        since: decode steps since the last prompt when the first newcomer was seen.
        requests: newcomers.
        tokens: of the newcomers' prompts and of the batch.
        budget: tokens that a step takes.
    """

    since: int
    requests: int
    tokens: int
    budget: int


Rule = Callable[[Outside], int]
"""Decode steps since the last prompt after which the newcomers come in."""


@dataclass(frozen=True, slots=True)
class LookEvery:
    """Look at arrivals every ``steps`` decode steps: SGLang's ``--scheduler-recv-interval``."""

    steps: int

    def __call__(self, outside: Outside) -> int:
        return _multiple(outside.since, self.steps)


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait ``steps`` decode steps for prompts that fill ``share`` of the token budget.

    TensorRT-LLM's ``batch_wait_timeout_iters`` and ``batch_wait_max_tokens_ratio``.
    """

    steps: int
    share: float

    def __call__(self, outside: Outside) -> int:
        is_worth_it = outside.tokens >= self.share * outside.budget
        return outside.since + (0 if is_worth_it else self.steps)


@dataclass(frozen=True, slots=True)
class EveryRank:
    """Wait until every data-parallel rank has a newcomer, or for a look every ``steps``.

    TensorRT-LLM's ``attention_dp_config`` with ``enable_balance`` and ``timeout_iters``: no rank
    should decode beside another's prompt. A newcomer takes the place of one that has left, on
    whichever rank that was: all ranks have one after ``ranks`` times the ``ranks``-th harmonic
    number of newcomers, the mean of the coupon collector's problem.
    """

    steps: int
    ranks: int

    def __call__(self, outside: Outside) -> int:
        enough = self.ranks * sum(1 / n for n in range(1, self.ranks + 1))
        if outside.requests >= enough:
            return outside.since
        return _multiple(outside.since, self.steps)


def _multiple(steps: int, of: int) -> int:
    return -(-steps // of) * of


class Door:
    """Who stands outside, and for how many more decode steps."""

    __slots__ = ("_budget", "_done", "_rule", "_seen", "_tokens", "outside")

    def __init__(self, rule: Rule, token_budget: int) -> None:
        self._rule = rule
        self._budget = token_budget
        self.outside: list[Request] = []
        # Decode steps since the last step with prompts.
        self._done = 0
        self._seen = 0
        self._tokens = 0

    def knock(self, request: Request, steps: int, sequences: int) -> int:
        """``request`` comes in the ``steps``-th decode step of a run of ``sequences``.

        Returns the steps of the run after which it may come in.
        """
        if not self.outside:
            self._seen = self._done + steps
        self.outside.append(request)
        self._tokens += request.input_tokens
        return max(steps, self._opens(sequences) - self._done)

    def closed_for(self, sequences: int) -> int:
        """Decode steps of ``sequences`` for which those outside must still wait."""
        return max(0, self._opens(sequences) - self._done) if self.outside and sequences else 0

    def _opens(self, sequences: int) -> int:
        tokens = self._tokens + sequences
        return self._rule(Outside(self._seen, len(self.outside), tokens, self._budget))

    def passed(self, steps: int) -> None:
        """``steps`` decode steps are over; 0 stands for a step with prompts."""
        if steps:
            self._done += steps
        else:
            self._done = self._seen = 0

    def let_in(self) -> list[Request]:
        """Everybody outside, in the order of their coming."""
        inside, self.outside = self.outside, []
        self._tokens = 0
        return inside
