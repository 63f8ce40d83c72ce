"""The simulation in the limits that queueing theory has closed forms for."""

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    serve,
    settings,
    table,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from simulator.serving.outcome.statistics import batch_means

PROMPTS_ONLY = ClosedFormClock(step_s=0, sequence_s=0, context_s=0, token_s=1e-3, past_s=0)
"""A prompt of n tokens takes n ms."""

STEPS_ONLY = ClosedFormClock(step_s=1e-3, sequence_s=0, context_s=0, token_s=0, past_s=0)
"""Every step takes 1 ms, whatever it holds."""

ONE_AT_A_TIME = {
    "max_sequences": 1,
    "max_batched_tokens": 100_000,
    "max_context": 200_000,
    "kv_blocks": 100_000,
}


def poisson_table(seed, rate, inputs, outputs, count):
    random = np.random.default_rng(seed)
    return table(np.cumsum(random.exponential(1 / rate, count)), inputs, outputs)


def waits(requests, clock, **options):
    records = serve(requests, clock, settings(**options)).records
    return batch_means(records.queue_s[len(requests) // 20 :])


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_exponential_service_waits_as_m_m_1(load):
    count = 40_000
    inputs = np.ceil(np.random.default_rng(7).exponential(1000, count)).astype(int)
    requests = poisson_table(1, load / inputs.mean() * 1000, inputs, 1, count)
    interval = waits(requests, PROMPTS_ONLY, **ONE_AT_A_TIME)
    service_s = inputs.mean() / 1000
    assert interval.mean == pytest.approx(load / (1 - load) * service_s, abs=interval.half_width)
    assert interval.half_width < 0.25 * interval.mean


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_constant_service_waits_as_m_d_1(load):
    requests = poisson_table(2, load, 1000, 1, 40_000)
    interval = waits(requests, PROMPTS_ONLY, **ONE_AT_A_TIME)
    assert interval.mean == pytest.approx(load / (2 * (1 - load)), abs=interval.half_width)
    assert interval.half_width < 0.15 * interval.mean


def m_d_c_wait(servers, load):
    """Mean wait in units of the service time (Crommelin 1932)."""
    k = np.arange(1, 400)
    mean = k * servers * load
    return float(
        np.sum(
            poisson.sf(k * servers - 1, mean) - poisson.sf(k * servers, mean) / load,
        )
    )


def test_the_formula_for_m_d_c_agrees_with_m_d_1():
    assert m_d_c_wait(1, 0.7) == pytest.approx(0.7 / (2 * 0.3), rel=1e-6)


@pytest.mark.parametrize("servers", [2, 8])
def test_places_in_a_batch_serve_as_m_d_c(servers):
    load = 0.8
    # A newcomer first waits for the step in progress: a thousandth of its service.
    requests = poisson_table(3, load * servers, 1, 1000, 30_000)
    interval = waits(requests, STEPS_ONLY, max_sequences=servers, kv_blocks=10_000)
    assert abs(interval.mean - m_d_c_wait(servers, load)) < interval.half_width + 1e-3


def test_littles_law_holds_to_the_step():
    requests = poisson_table(4, 5.0, 300, 100, 2000)
    outcome = serve(requests, ClosedFormClock(), settings())
    in_service = outcome.timeline.series()["running_s"].sum()
    records = outcome.records
    assert in_service == pytest.approx((records.finished_s - records.started_s).sum(), rel=1e-9)


def test_in_a_closed_loop_users_divide_the_throughput():
    """N users, no think time: throughput × response = N (the response-time law)."""
    requests = table(np.zeros(400), 100, 50)
    records = serve(requests, ClosedFormClock(), settings(users=8)).records
    span = records.finished_s.max()
    assert 400 / span * records.e2e_s.mean() == pytest.approx(8, rel=0.02)


@given(seed=st.integers(0, 1000), squeeze=st.floats(0.3, 1.0))
def test_more_load_never_shortens_the_queue(seed, squeeze):
    random = np.random.default_rng(seed)
    gaps = random.exponential(1.2, 50)
    inputs = random.integers(1, 2000, 50)
    calm = serve(table(np.cumsum(gaps), inputs, 1), PROMPTS_ONLY, settings(**ONE_AT_A_TIME))
    busy = serve(
        table(np.cumsum(gaps * squeeze), inputs, 1), PROMPTS_ONLY, settings(**ONE_AT_A_TIME)
    )
    assert (busy.records.queue_s >= calm.records.queue_s - 1e-9).all()
