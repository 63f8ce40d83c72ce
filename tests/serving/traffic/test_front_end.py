"""A front end takes one request after another, by events as by its closed form."""

import numpy as np
import simpy
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.traffic.alarm import Alarm
from simulator.serving.traffic.front_end import FrontEnd
from simulator.serving.traffic.front_end_time import FrontEndTime
from simulator.serving.traffic.request import Request, RequestTable

gaps = st.lists(st.floats(0, 2), min_size=1, max_size=30)
lengths = st.lists(st.integers(1, 5000), min_size=30, max_size=30)


def through(table: RequestTable, time: FrontEndTime) -> list[float]:
    """When each request is through, in events."""
    env = simpy.Environment()
    seen: list[float] = []
    front_end = FrontEnd(env, time, lambda request: seen.append(env.now))
    for row, (came_s, tokens) in enumerate(
        zip(table.arrival_s.tolist(), table.input_tokens.tolist(), strict=True)
    ):
        request = Request(row, came_s, tokens, 1, 0.0)
        Alarm(env, lambda _event, request=request: front_end.take(request)).set(came_s)
    env.run()
    assert len(front_end) == 0
    return seen


@given(gaps, lengths, st.floats(0, 0.5), st.floats(0, 1e-3))
def test_events_and_closed_form_agree(between, tokens, request_s, token_s):
    count = len(between)
    table = RequestTable(
        np.cumsum(between), np.array(tokens[:count]), np.ones(count, dtype=np.int64)
    )
    time = FrontEndTime(request_s, token_s)
    by_form = time.passed_s(table)
    np.testing.assert_allclose(through(table, time), by_form, rtol=1e-9, atol=1e-9)
    takes_s = request_s + token_s * table.input_tokens
    assert (by_form >= table.arrival_s + takes_s - 1e-9).all()
    assert (np.diff(by_form) >= takes_s[1:] - 1e-9).all()


def test_an_idle_front_end_adds_its_own_time_alone():
    table = RequestTable(np.array([0.0, 10.0]), np.array([100, 200]), np.array([1, 1]))
    np.testing.assert_allclose(FrontEndTime(0.5, 0.01).passed_s(table), [1.5, 12.5])
