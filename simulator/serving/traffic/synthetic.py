"""Whole workloads drawn from distributions: single requests, shared prefixes, conversations.

Everything hangs on the seed alone; gaps, inputs, outputs and the rest have a random stream each,
so that changing one leaves the others as they were.
"""

import numpy as np
from numpy.random import Generator, default_rng

from simulator.errors import InputError
from simulator.serving.traffic.arrivals import draw_arrivals, draw_lengths
from simulator.serving.traffic.request import NO_ROW, IntArray, RequestTable
from simulator.specs.arrivals import ClosedLoop
from simulator.specs.workload import Conversations, SharedPrefix, Synthetic

UNIT_TOKENS = 32
"""Tokens that one hash of a drawn prompt stands for: two blocks of most engines."""

_OWN = 1 << 60
"""Hashes from here on belong to one conversation; those below to a shared prefix."""


_LONGEST_UNITS = 1 << 19
"""Hashes of one text, which are those of 16 million tokens; no model takes longer ones."""

MOST_UNITS = 50_000_000
"""Hashes of all prompts together; each takes tens of bytes."""


def draw_requests(workload: Synthetic) -> RequestTable:
    """All requests of a synthetic workload, in order of arrival.

    Raises:
        InputError: prompts that share text are too long to be told apart block by block.
    """
    gaps, inputs, outputs, others, phases = default_rng(workload.seed).spawn(5)
    count = workload.requests
    own = draw_lengths(workload.input_tokens, count, inputs)
    answers = _begun(draw_lengths(workload.output_tokens, count, outputs), workload, phases)
    if workload.conversations is not None:
        return _conversations(workload, workload.conversations, own, answers, gaps, others)
    arrival_s = draw_arrivals(workload.arrivals, count, gaps)
    if workload.shared_prefix is None:
        return RequestTable(arrival_s, own, answers)
    shared = workload.shared_prefix
    groups = _groups(shared, count, others)
    whole = own + shared.tokens
    _check_units(int(np.minimum(whole // UNIT_TOKENS, _LONGEST_UNITS).sum()))
    prefixes = tuple(
        _hashes(group, shared.tokens, row, length, 0)
        for row, (group, length) in enumerate(zip(groups.tolist(), whole.tolist(), strict=True))
    )
    return RequestTable(arrival_s, whole, answers, prefixes, UNIT_TOKENS, partial_blocks=False)


def _check_units(units: int) -> None:
    if units > MOST_UNITS:
        raise InputError(
            f"the prompts have more than {MOST_UNITS * UNIT_TOKENS:.3g} tokens together, too many "
            "to look for text that they share",
            field="workload",
            remedy="give fewer requests or shorter prompts",
        )


def _begun(answers: IntArray, workload: Synthetic, random: Generator) -> IntArray:
    """Lengths of answers, the first of each user cut at an even random point of it.

    In a conversation the number of turns differs from user to user anyway.
    """
    arrivals = workload.arrivals
    if not isinstance(arrivals, ClosedLoop) or workload.conversations or arrivals.start != "phased":
        return answers
    found = answers.copy()
    first = found[: arrivals.users]
    first[:] = np.ceil(first * random.uniform(size=len(first)))
    return np.maximum(found, 1)


def _groups(shared: SharedPrefix, count: int, random: Generator) -> IntArray:
    """Which prefix each of ``count`` prompts begins with."""
    weight = np.arange(1, shared.groups + 1) ** -shared.skew
    return random.choice(shared.groups, size=count, p=weight / weight.sum())


def _hashes(group: int, shared: int, owner: int, tokens: int, beyond: int) -> tuple[int, ...]:
    """Hashes of a text of ``tokens``, the first ``shared`` of them those of a group.

    ``beyond`` more tokens (an answer) are covered too when they fill whole units.
    """
    common = min(min(shared, tokens) // UNIT_TOKENS, _LONGEST_UNITS)
    whole = min((tokens + beyond) // UNIT_TOKENS, _LONGEST_UNITS)
    first = group * (shared // UNIT_TOKENS + 1)
    base = _OWN + (owner << 20)
    return (*range(first, first + common), *range(base + common, base + whole))


def _conversations(
    workload: Synthetic,
    spec: Conversations,
    own: IntArray,
    answers: IntArray,
    gaps: Generator,
    others: Generator,
) -> RequestTable:
    """Turn after turn until all requests are used up; rows stand in order of their sessions."""
    count = workload.requests
    turns = draw_lengths(spec.turns, count, others).tolist()
    delays = others.exponential(spec.think_time or 0.0, count)
    shared = workload.shared_prefix
    groups = _groups(shared, count, others).tolist() if shared is not None else [0] * count
    system = 0 if shared is None else shared.tokens
    inputs, sessions, follows = [], [], []
    said, left, session, units = 0, 0, -1, 0
    for row, (new, answer) in enumerate(zip(own.tolist(), answers.tolist(), strict=True)):
        too_long = spec.max_context is not None and said + new + answer > spec.max_context
        if left == 0 or too_long:
            session += 1
            left, said = turns[session], system
            follows.append(NO_ROW)
        else:
            follows.append(row - 1)
        left -= 1
        said += new
        inputs.append(said)
        units += min((said + answer) // UNIT_TOKENS, _LONGEST_UNITS)
        sessions.append(session)
        said += answer
    _check_units(units)
    texts = zip(sessions, inputs, answers.tolist(), strict=True)
    prefixes = tuple(_hashes(groups[s], system, s, text, answer) for s, text, answer in texts)
    heads = [row for row, before in enumerate(follows) if before == NO_ROW]
    arrival_s = np.zeros(count)
    arrival_s[heads] = draw_arrivals(workload.arrivals, len(heads), gaps)
    # A later turn's own arrival is not known yet; its session's start keeps the order sensible.
    arrival_s = np.maximum.accumulate(arrival_s)
    return RequestTable(
        arrival_s,
        np.asarray(inputs, dtype=np.int64),
        answers,
        prefixes,
        UNIT_TOKENS,
        partial_blocks=False,
        session=np.asarray(sessions, dtype=np.int64),
        follows=np.asarray(follows, dtype=np.int64),
        delay_s=delays,
    )
