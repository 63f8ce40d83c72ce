"""Nothing gets lost, whatever the workload and the policies: requests, tokens, blocks, joules."""

from itertools import pairwise

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    random_table,
    serve,
    serve_watched,
    settings,
    table,
)
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from joblib import Parallel, delayed
from nonempty import nonempty

from simulator.errors import InputError
from simulator.serving.cluster import Failure
from simulator.serving.outcome.records import FINISHED, LOST, REJECTED
from simulator.serving.policies.ordering import COMPOSITIONS, ORDERINGS
from simulator.serving.replica.door import EveryRank, Gather, LookEvery


def failure(replica, at_s, down_s):
    """A replica that is down for ``down_s``, or from then on."""
    return Failure(replica, at_s, None if down_s is None else at_s + down_s)


ENGINES = st.fixed_dictionaries(
    {
        "composition": st.sampled_from(sorted(COMPOSITIONS)),
        "policy": st.sampled_from(sorted(ORDERINGS)),
        "max_sequences": st.sampled_from([1, 3, 16, 64]),
        "max_batched_tokens": st.sampled_from([64, 300, 2048]),
        "kv_blocks": st.sampled_from([48, 70, 200, 1000]),
        "kv_block_tokens": st.sampled_from([1, 16, 50]),
        "output_reserve": st.sampled_from([0.0, 0.4, 1.0]),
        "watermark": st.sampled_from([0.0, 0.05]),
        "whole_prompt_fits": st.booleans(),
        "asynchronous": st.booleans(),
        "admission": st.sampled_from(
            [None, None, LookEvery(4), LookEvery(30), Gather(9, 0.5), EveryRank(20, 4)]
        ),
        "swap_s_per_block": st.sampled_from([None, 1e-4]),
        "request_overhead_s": st.sampled_from([0.0, 3e-3]),
        "chunked_prefill": st.booleans(),
        "prefix_caching": st.booleans(),
        "replicas": st.sampled_from([1, 3]),
        "users": st.sampled_from([None, None, 7]),
        "ttft_limit_s": st.sampled_from([0.05, 1.0]),
        "failures": st.lists(
            st.builds(failure, st.just(0), st.floats(0, 6), st.none() | st.floats(0.01, 3)),
            max_size=3,
        ).map(tuple),
    }
)


def same(left, right):
    """Equal to 1e-9 relative (times near zero: 1e-9 s)."""
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10_000), options=ENGINES)
@effort(max_examples=60, deadline=None)
def test_every_request_token_block_and_joule_is_accounted_for(seed, options):
    requests = random_table(seed)
    outcome = serve_watched(requests, settings(**options))
    records, counters = outcome.records, outcome.counters
    failed = bool(options["failures"])
    assert set(records.status.tolist()) <= {FINISHED, REJECTED} | ({LOST} if failed else set())
    done = records.finished
    decoded = sum(c.decode_tokens for c in counters)
    sampled = sum(c.prompt_ends for c in counters)
    # What a failing replica computed is computed again elsewhere.
    assert decoded + sampled >= records.output_tokens[done].sum()
    prefilled = sum(c.prefill_tokens for c in counters)
    assert prefilled >= records.input_tokens[done].sum()
    assert sum(c.preemptions for c in counters) == records.preemptions.sum()
    if not failed:
        assert decoded + sampled == records.output_tokens[done].sum()
    if records.preemptions.sum() == 0 and not failed:
        assert prefilled == records.input_tokens[done].sum()
    series = outcome.timeline.series()
    same(series["energy_j"].sum(), sum(c.energy_j for c in counters))
    same(series["busy_s"].sum(), sum(c.busy_s for c in counters))
    same(series["output_tokens"].sum(), decoded + sampled)
    for c in counters:
        for part_s in (c.prompt_s, c.prompt_added_s):
            assert 0 <= part_s + c.load_s <= c.busy_s * (1 + 1e-9)
        assert c.busy_s <= outcome.makespan_s * (1 + 1e-9)
    order = [records.arrival_s, records.started_s, records.first_token_s, records.finished_s]
    for before, after in pairwise(order):
        assert (before[done] <= after[done] + 1e-9).all()
    assert np.isnan(records.first_token_s[~done]).all()


@given(seed=st.integers(0, 10_000), options=ENGINES)
@effort(max_examples=60, deadline=None)
def test_runs_of_steps_equal_single_steps(seed, options):
    requests = random_table(seed)
    swift = serve(requests, ClosedFormClock(), settings(**options))
    exact = serve(requests, ClosedFormClock(), settings(**options, steps_per_event=1))
    assert (swift.records.status == exact.records.status).all()
    assert (swift.records.preemptions == exact.records.preemptions).all()
    for column in ("started_s", "first_token_s", "finished_s"):
        same(getattr(swift.records, column), getattr(exact.records, column))
    for a, b in zip(swift.counters, exact.counters, strict=True):
        assert (a.decode_tokens, a.prefill_tokens, a.steps) == (
            b.decode_tokens, b.prefill_tokens, b.steps,
        )  # fmt: skip
        assert a.peak_blocks == b.peak_blocks
        same([a.busy_s, a.energy_j], [b.busy_s, b.energy_j])
        same([a.prompt_s, a.prompt_added_s], [b.prompt_s, b.prompt_added_s])
        same([a.load_s, a.held_block_s], [b.load_s, b.held_block_s])
    assert sum(c.events for c in swift.counters) <= sum(c.events for c in exact.counters)


@pytest.mark.parametrize(
    ("bounds", "rejected"),
    [
        ({"kv_blocks": 40, "kv_block_tokens": 16}, False),
        ({"kv_blocks": 20, "kv_block_tokens": 16, "dp": 2}, True),
        ({"max_batched_tokens": 600, "chunked_prefill": False}, False),
        ({"max_batched_tokens": 300, "chunked_prefill": False, "dp": 2}, True),
    ],
)
def test_a_request_stays_on_one_rank(bounds, rejected):
    long_and_short = table([0.0, 0.0], [500, 100], [5, 5])
    found = serve_watched(long_and_short, settings(**bounds)).records
    assert found.status.tolist() == [REJECTED if rejected else FINISHED, FINISHED]


def test_a_request_that_can_never_fit_is_rejected_and_the_others_served():
    requests = table([0, 0, 0], [100, 20_000, 100], 10)
    records = serve_watched(requests, settings()).records
    assert records.status.tolist() == [FINISHED, REJECTED, FINISHED]
    assert records.finished_s[1] == 0


def test_the_same_seed_gives_the_same_bytes():
    first, second = (
        serve(random_table(5, count=300), ClosedFormClock(), settings(replicas=2)).records
        for _ in range(2)
    )
    for column in nonempty(first.__dataclass_fields__):
        assert getattr(first, column).tobytes() == getattr(second, column).tobytes()


def test_progress_hears_of_every_hundredth():
    heard = []
    serve(random_table(1, count=200), ClosedFormClock(), settings(), heard.append)
    assert heard[-1] == 200
    assert len(heard) == 100


@pytest.mark.parametrize("policy", sorted(ORDERINGS))
def test_a_single_request_takes_the_time_of_its_steps(policy):
    clock = ClosedFormClock()
    records = serve(table([1.0], 100, 5), clock, settings(policy)).records
    first = 1.0 + clock.mixed(0, 0, 1, 100, 0, 1)[0]
    assert records.first_token_s[0] == pytest.approx(first, rel=1e-12)
    assert records.finished_s[0] == pytest.approx(first + clock.decode(1).run(100, 4)[0], rel=1e-12)


def bytes_of(seed):
    records = serve(random_table(seed), ClosedFormClock(), settings(replicas=2)).records
    return b"".join(getattr(records, name).tobytes() for name in records.__dataclass_fields__)


def test_the_number_of_workers_changes_nothing():
    seeds = range(4)
    alone = [bytes_of(seed) for seed in seeds]
    assert Parallel(n_jobs=2)(delayed(bytes_of)(seed) for seed in seeds) == alone


def test_more_of_the_same_costs_events_in_proportion():
    few, many = (
        serve(random_table(1, count=n, rate=5.0), ClosedFormClock(), settings()).counters[0].events
        for n in (500, 5000)
    )
    assert many == pytest.approx(10 * few, rel=0.1)


def test_nothing_can_be_served_without_requests_or_memory():
    for requests, options in (
        (table([], [], []), {}),
        (table([0], 10, 0), {}),
        (table([np.nan], 10, 1), {}),
        (table([0], 10, 1), {"kv_blocks": 0}),
    ):
        with pytest.raises(InputError):
            serve(requests, ClosedFormClock(), settings(**options))
