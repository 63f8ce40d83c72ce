"""Who is next, and until when."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.policies.ordering import ORDERINGS
from simulator.serving.replica.queue import WaitingQueue
from simulator.serving.traffic.request import Request


def asking(index: int, deadline_s: float = inf, tokens: int = 10) -> Request:
    return Request(index, float(index), tokens, 5, deadline_s=deadline_s)


def order(queue: WaitingQueue, now: float) -> list[int]:
    found = []
    while queue.entries:
        found.append(queue.first(now).index)
        queue.pop()
    return found


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 10))
def test_a_deadline_is_kept_until_it_has_passed(deadlines, now):
    """Those in time come first, the most urgent of them; the late keep their order."""
    queue = WaitingQueue(ORDERINGS["slo-aware"])
    requests = [asking(n, float(limit)) for n, limit in enumerate(deadlines)]
    for request in requests:
        queue.push(request)
    assert queue.first_is_late_at() == min(deadlines)
    by_rule = sorted(requests, key=lambda r: (r.deadline_s < now, r.deadline_s, r.index))
    assert order(queue, float(now)) == [r.index for r in by_rule]
    assert queue.first_is_late_at() == inf


@pytest.mark.parametrize("name", sorted(ORDERINGS))
def test_who_was_thrown_out_comes_back_first(name):
    queue = WaitingQueue(ORDERINGS[name])
    for index in (3, 1, 2):
        queue.push(asking(index, deadline_s=float(index)))
    queue.push_back(asking(7, deadline_s=0.0))
    assert len(queue) == 4
    # However late it is, it never waits for others.
    assert queue.first_is_late_at() == inf
    assert queue.first(100.0).index == 7
    assert [request.index for request in queue.clear()] == [7, 1, 2, 3]
    assert len(queue) == 0


def test_only_deadlines_make_anybody_late():
    queue = WaitingQueue(ORDERINGS["fcfs"])
    queue.push(asking(1, deadline_s=0.5))
    assert queue.first_is_late_at() == inf
    assert queue.first(10.0).index == 1
