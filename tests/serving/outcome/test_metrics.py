"""Figures by their definitions, on records small enough to count by hand."""

from dataclasses import fields, replace

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    random_table,
    serve,
    settings,
    table,
)
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.cluster import Failure
from simulator.serving.outcome.metrics import Limits, is_overloaded, measure
from simulator.serving.outcome.records import FINISHED, REJECTED, Counters, Records
from simulator.serving.outcome.remarks import remarks
from simulator.serving.outcome.statistics import batch_means, percentiles
from simulator.serving.traffic.request import NO_ROW

CLOCK = ClosedFormClock()


def records(**columns):
    rows = len(columns["arrival_s"])
    base = {
        "input_tokens": np.full(rows, 10), "output_tokens": np.full(rows, 5),
        "cached_tokens": np.zeros(rows, int), "replica": np.zeros(rows, int),
        "preemptions": np.zeros(rows, int), "status": np.full(rows, FINISHED, np.int8),
        "session": np.full(rows, NO_ROW),
    }  # fmt: skip
    given = {key: np.asarray(value) for key, value in columns.items()}
    return Records(**(base | given))


THREE = records(
    arrival_s=[1.0, 2.0, 3.0],
    started_s=[1.5, 2.0, np.nan],
    first_token_s=[2.0, 3.0, np.nan],
    finished_s=[4.0, 11.0, 3.0],
    cached_tokens=[0, 5, 0],
    status=np.array([FINISHED, FINISHED, REJECTED], np.int8),
)
BUSY = Counters(busy_s=4.0, energy_j=2000.0, peak_blocks=50, prompt_s=1.0, steps=9)


def figures(**options):
    base = {"makespan_s": 11.0, "devices_per_replica": 2, "idle_w": 100.0, "kv_blocks": 100}
    return measure(THREE, (BUSY,), **(base | options))


def test_every_figure_follows_its_definition():
    m = figures(objectives=Limits(ttft_s=1.0, e2e_s=5.0))
    assert (m.requests, m.finished, m.rejected) == (3, 2, 1)
    assert m.makespan_s == 10
    assert m.ttft_s.mean == pytest.approx(1.0)
    assert m.ttft_from_admission_s.mean == pytest.approx(0.75)
    assert m.queue_s.mean == pytest.approx(0.25)
    assert m.e2e_s.mean == pytest.approx(6.0)
    assert m.tpot_s.mean == pytest.approx((2 / 4 + 8 / 4) / 2)
    assert m.output_tokens_per_s == pytest.approx(1.0)
    assert m.total_tokens_per_s == pytest.approx(3.0)
    assert m.output_tokens_per_s_per_user == pytest.approx(1 / m.tpot_s.mean)
    assert m.goodput_requests_per_s == pytest.approx(0.1)
    assert m.hit_rate == pytest.approx(0.25)
    assert m.energy_j == pytest.approx(2 * (2000 + 100 * 6))
    assert m.power_w == pytest.approx(m.energy_j / 10)
    assert m.peak_kv_fraction == pytest.approx(0.5)
    assert m.busy_fraction == pytest.approx(0.4)


def test_a_warm_up_counts_for_load_but_not_for_latency():
    assert figures(warm_up=1).ttft_s.mean == pytest.approx(1.0)
    assert figures(warm_up=1).e2e_s.mean == pytest.approx(9.0)
    assert figures(warm_up=1).output_tokens == figures().output_tokens
    assert np.isnan(figures(warm_up=3).e2e_s.mean)


def test_what_is_absent_has_a_reason():
    assert remarks(figures()) == ("1 requests were longer than the cache or context allows",)
    everybody = remarks(figures(warm_up=3))
    assert "came during the warm-up" in everybody[-1]
    short = serve(table([0.0, 1.0], 10, 1), CLOCK, settings())
    options = {"makespan_s": 2.0, "devices_per_replica": 1, "idle_w": 0.0, "kv_blocks": 100}
    assert "one token" in remarks(measure(short.records, short.counters, **options))[0]
    gone = serve(table([0.0], 100, 50), CLOCK, settings(failures=(Failure(0, 0.01),)))
    lost, unfinished = remarks(measure(gone.records, gone.counters, **options))
    assert "no replica left" in lost
    assert "no request was finished" in unfinished


def test_replicas_of_several_kinds_have_powers_of_their_own():
    m = measure(
        THREE, (BUSY, BUSY), makespan_s=11.0,
        devices_per_replica=[1, 4], idle_w=[100.0, 50.0], kv_blocks=[100, 200],
    )  # fmt: skip
    assert m.energy_j == pytest.approx(2000 + 600 + 4 * (2000 + 300))


def test_gaps_between_tokens_are_within_a_per_cent():
    outcome = serve(table([0.0], 10, 200), CLOCK, settings())
    step_s = CLOCK.decode(1).run(10, 199)[0] / 199
    assert outcome.timeline.gap_mean() == pytest.approx(step_s, rel=0.01)
    assert outcome.timeline.gap_percentile(99) == pytest.approx(step_s, rel=0.02)
    one_token = serve(table([0.0], 10, 1), CLOCK, settings())
    assert np.isnan(one_token.timeline.gap_mean())


def test_an_overload_is_noticed_and_a_stable_load_is_not():
    assert is_overloaded(serve(random_table(0, 400, rate=150.0), CLOCK, settings()).records)
    assert not is_overloaded(serve(random_table(0, 400, rate=3.0), CLOCK, settings()).records)


def test_a_load_that_comes_nearly_at_once_is_an_overload():
    """Even the first then wait, so that the last do not wait far longer than those."""
    arrived = np.linspace(0.0, 1.0, 100)
    late = records(arrival_s=arrived, started_s=10.0 + arrived, first_token_s=11.0 + arrived,
                   finished_s=12.0 + arrived)  # fmt: skip
    assert is_overloaded(late)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 101, 5000])
def test_percentiles_are_those_of_numpy(size):
    values = np.random.default_rng(size).exponential(size=size).round(2)
    percents = (0, 1, 12.5, 50, 90, 99, 100)
    assert percentiles(values, percents) == np.percentile(values, percents).tolist()


def test_batch_means_cover_the_mean_of_correlated_series():
    hits = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        noise = random.normal(size=4000)
        series = np.empty(4000)
        level = 0.0
        for i, x in enumerate(noise):
            level = 0.8 * level + x
            series[i] = level
        interval = batch_means(series)
        hits += abs(interval.mean) <= interval.half_width
    assert 180 <= hits <= 199


def test_batch_means_of_too_little_have_no_interval():
    assert np.isnan(batch_means(np.array([1.0, 2.0])).half_width)
    assert np.isnan(batch_means(np.array([np.nan])).mean)


def queueing(waits, service_s=1.0):
    """Requests one second apart that wait and are served so long."""
    arrival_s = np.arange(len(waits), dtype=float)
    started_s = arrival_s + np.asarray(waits)
    return records(
        arrival_s=arrival_s, started_s=started_s, first_token_s=started_s + service_s / 2,
        finished_s=started_s + service_s,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("early", "late", "service", "rows", "expected"),
    [
        (1.0, 3.1, 1.0, 100, True),
        (1.0, 2.9, 1.0, 100, False),
        # Waiting for less than being served is no queue to speak of.
        (1.0, 3.1, 3.2, 100, False),
        (0.0, 1.1, 1.0, 50, True),
        (0.0, 1.1, 1.0, 49, False),
    ],
)
def test_an_overload_is_a_queue_three_times_as_long_at_the_end(
    early, late, service, rows, expected
):
    fifth = rows // 5
    waits = [early] * fifth + [2.0] * (rows - 2 * fifth) + [late] * fifth
    assert is_overloaded(queueing(waits, service)) is expected
    # The order of rows does not matter, only that of arrival.
    turned = queueing(waits, service)
    turned = Records(**{f.name: getattr(turned, f.name)[::-1] for f in fields(Records)})
    assert is_overloaded(turned) is expected


def test_percentiles_are_those_that_are_told():
    waits = np.random.default_rng(0).exponential(size=300)
    found = measure(
        queueing(waits), (BUSY,), makespan_s=400.0, devices_per_replica=1, idle_w=0.0,
        kv_blocks=100,
    ).queue_s  # fmt: skip
    assert found.mean == pytest.approx(waits.mean())
    expected = np.percentile(waits, [50, 90, 99])
    assert (found.p50, found.p90, found.p99) == pytest.approx(tuple(expected))


def test_a_run_in_which_nobody_came_lasts_as_long_as_it_did():
    never = records(
        arrival_s=[np.inf], started_s=[np.nan], first_token_s=[np.nan], finished_s=[np.nan],
        status=np.array([REJECTED], np.int8),
    )  # fmt: skip
    found = measure(
        never, (BUSY,), makespan_s=8.0, devices_per_replica=1, idle_w=10.0, kv_blocks=100
    )
    assert found.makespan_s == 8.0
    assert found.energy_j == pytest.approx(2000.0 + 10.0 * 4.0)


def test_objectives_are_met_up_to_their_limit():
    for limits, met in (
        (Limits(ttft_s=1.0), 2), (Limits(ttft_s=0.99), 0), (Limits(tpot_s=0.5), 1),
        (Limits(tpot_s=2.0), 2), (Limits(e2e_s=3.0), 1), (Limits(e2e_s=2.9), 0),
    ):  # fmt: skip
        assert figures(objectives=limits).goodput_requests_per_s == pytest.approx(met / 10)
    assert figures(objectives=Limits()).goodput_requests_per_s is None


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 6), min_size=1, max_size=4))
def test_what_tiers_gave_and_took_adds_up_over_replicas(amounts):
    """Hits of all tiers, the device's own among them, are the hit rate."""
    counters = tuple(
        replace(
            BUSY,
            hits_by_tier={"host": a, "storage": b},
            read_bytes_by_tier={"host": c, "storage": d},
            written_bytes_by_tier={"host": e, "storage": f},
        )
        for a, b, c, d, e, f in amounts
    )  # fmt: skip
    cached = np.array([20, 30, 0])
    found = measure(
        replace(THREE, cached_tokens=cached, input_tokens=np.array([100, 100, 100])), counters,
        makespan_s=11.0, devices_per_replica=1, idle_w=0.0, kv_blocks=100,
    )  # fmt: skip
    below = [sum(column) for column in zip(*amounts, strict=True)]
    assert found.hits_by_tier == pytest.approx(
        {
            "device": (50 - below[0] - below[1]) / 200,
            "host": below[0] / 200,
            "storage": below[1] / 200,
        }
    )
    assert sum(found.hits_by_tier.values()) == pytest.approx(found.hit_rate)
    assert found.read_bytes_by_tier == {"host": below[2], "storage": below[3]}
    assert found.written_bytes_by_tier == {"host": below[4], "storage": below[5]}
    assert found.bytes_by_tier == {"host": below[2] + below[4], "storage": below[3] + below[5]}


def test_nobody_found_anything_where_there_are_no_prompts():
    nobody = replace(THREE, status=np.full(3, REJECTED, np.int8))
    found = measure(
        nobody, (Counters(),), makespan_s=11.0, devices_per_replica=1, idle_w=0.0, kv_blocks=100
    )
    assert found.hits_by_tier == {"device": 0.0}
    assert found.hit_rate == found.prefill_share == found.output_tokens_per_s == 0.0


def test_a_replica_that_never_rests_draws_no_idle_power():
    for busy_s in (10.0, 10.5):
        always = replace(BUSY, busy_s=busy_s)
        found = measure(
            THREE, (always,), makespan_s=11.0, devices_per_replica=1, idle_w=100.0, kv_blocks=100
        )
        assert found.energy_j == pytest.approx(2000.0)


def test_shares_are_of_all_replicas():
    found = measure(
        THREE, (BUSY, BUSY), makespan_s=11.0, devices_per_replica=1, idle_w=0.0, kv_blocks=[100, 50]
    )
    assert found.busy_fraction == pytest.approx(8 / 20)
    assert found.prefill_share == pytest.approx(2 / 8)
    assert found.peak_kv_fraction == pytest.approx(1.0)
    assert found.steps == 18
