"""Queues in closed form against what the textbooks say of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.planning.bound.occupancy import occupancy
from simulator.planning.bound.queueing import even_service_wait, waiting_time


@given(busy=st.floats(0.01, 0.95), service_s=st.floats(1e-3, 10))
def test_one_server_waits_as_pollaczek_and_khinchine_say(busy: float, service_s: float) -> None:
    even = waiting_time(busy, 1.0, service_s, 1.0, 0.0)
    assert even == pytest.approx(busy * service_s / (2 * (1 - busy)))
    assert even == pytest.approx(even_service_wait(busy / service_s, service_s))


@given(busy=st.floats(0.05, 0.9), servers=st.integers(1, 50))
def test_more_servers_wait_less_and_busier_ones_more(busy: float, servers: int) -> None:
    assert waiting_time(busy, servers + 1, 1.0, 1.0, 1.0) < waiting_time(
        busy, servers, 1.0, 1.0, 1.0
    )
    assert waiting_time(busy + 0.05, servers, 1.0, 1.0, 1.0) > waiting_time(
        busy, servers, 1.0, 1.0, 1.0
    )


def erlang_c(servers: int, offered: float) -> float:
    """The share of arrivals that wait in M/M/c, by its textbook sum."""
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) / (1 - offered / servers)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("servers", "offered"), [(1, 0.5), (4, 3.0), (16, 8.0), (40, 36.0)])
def test_places_that_work_at_their_own_pace_are_erlangs_queue(servers: int, offered: float) -> None:
    knots = np.arange(1.0, servers + 1)
    run = occupancy(knots, np.array([[offered]]), knots[None, :])
    assert run.full.item() == pytest.approx(erlang_c(servers, offered), rel=1e-9)
    waiting = erlang_c(servers, offered) * offered / (servers - offered)
    assert run.waiting.item() == pytest.approx(waiting, rel=1e-9)
    assert run.mean.item() == pytest.approx(offered, rel=1e-9)
    assert run.load.item() == pytest.approx(offered / servers)


@given(rate=st.floats(0.01, 50), most=st.integers(1, 3000))
def test_shares_sum_to_one_and_the_mean_lies_among_them(rate: float, most: int) -> None:
    knots = np.unique(
        np.append(np.arange(1.0, min(most, 6) + 1), np.geomspace(1, most, 12).round())
    )
    run = occupancy(knots, np.array([[rate]]), knots[None, :] / (1 + 0.1 * knots[None, :]))
    assert (run.shares.sum() + run.empty.sum()) == pytest.approx(1.0)
    assert 0 <= run.mean.item() <= most
    assert 0 <= run.high.item() <= most


def test_gaps_between_knots_hardly_change_the_answer() -> None:
    every = np.arange(1.0, 201.0)
    some = np.unique(np.append(np.arange(1.0, 7.0), np.geomspace(1, 200, 22).round()))
    rate = np.array([[20.0], [60.0], [90.0]])
    fine, coarse = (
        occupancy(k, rate, k / (1 + 0.005 * k)) for k in (every[None, :], some[None, :])
    )
    assert coarse.mean == pytest.approx(fine.mean, rel=0.03)
