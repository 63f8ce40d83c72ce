"""Several replicas: routing, failures and restarts, prefill and decode apart."""

import numpy as np
import pytest
from closed_form_clock import (
    LIMITS,
    ClosedFormClock,
    limited,
    random_table,
    serve,
    serve_watched,
    settings,
    table,
)
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.serving.cluster import Failure, Pool, Transfer
from simulator.serving.outcome.metrics import measure
from simulator.serving.outcome.records import FINISHED, LOST, REJECTED
from simulator.serving.outcome.remarks import remarks
from simulator.serving.policies.ordering import mixed
from simulator.serving.policies.routing import ROUTERS, router

CLOCK = ClosedFormClock()


@given(
    seed=st.integers(0, 10_000),
    failures=st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 4), st.none() | st.floats(0.01, 3)), max_size=4
    ),
    users=st.sampled_from([None, 5]),
    caching=st.booleans(),
)
@effort(max_examples=60)
def test_no_request_is_lost_when_replicas_fail(seed, failures, users, caching):
    planned = tuple(
        Failure(which, at_s, None if down_s is None else at_s + down_s)
        for which, at_s, down_s in failures
    )
    options = settings(
        replicas=3, failures=planned, users=users, kv_blocks=100, prefix_caching=caching
    )
    outcome = serve_watched(random_table(seed), options)
    records = outcome.records
    assert set(records.status.tolist()) <= {FINISHED, LOST}
    permanent = {which for which, _, down_s in failures if down_s is None}
    if len(permanent) < 3 and len({f[0] for f in failures}) < 3:
        assert records.finished.all()


def test_work_moves_to_the_replica_that_is_left():
    requests = table(np.zeros(10), 100, 50)
    outcome = serve_watched(requests, settings(replicas=2, failures=(Failure(1, 0.1),)))
    assert outcome.records.finished.all()
    assert (outcome.records.replica == 0).all()


def test_requests_wait_for_a_restart_when_nobody_is_up():
    outcome = serve_watched(table([0, 1], 100, 5), settings(failures=(Failure(0, 0.01, 5.0),)))
    assert outcome.records.finished.all()
    assert (outcome.records.started_s >= 5.0).all()


def test_requests_are_lost_when_nobody_comes_back():
    outcome = serve_watched(table([0, 1], 100, 50), settings(failures=(Failure(0, 0.01),)))
    assert outcome.records.status.tolist() == [LOST, LOST]


def apart(
    prefill=1, decode=1, seconds_per_token=1e-5, links=1, prefill_limits=LIMITS,
    decode_limits=LIMITS, **options,
):  # fmt: skip
    return settings(
        pools=(
            Pool(CLOCK, prefill_limits, mixed, prefill, "prefill"),
            Pool(CLOCK, decode_limits, mixed, decode, "decode"),
        ),
        transfer=Transfer(lambda tokens: 1e-3 + tokens * seconds_per_token, links),
        **options,
    )


@given(
    seed=st.integers(0, 10_000),
    prefill=st.integers(1, 3),
    decode=st.integers(1, 3),
    links=st.integers(1, 2),
)
@effort(max_examples=40)
def test_prompts_and_answers_on_different_replicas_add_up(seed, prefill, decode, links):
    requests = random_table(seed)
    outcome = serve_watched(requests, apart(prefill, decode, links=links))
    assert outcome.records.finished.all()
    assert sum(c.decode_tokens for c in outcome.counters[:prefill]) == 0
    assert (
        sum(c.prefill_tokens for c in outcome.counters[prefill:]) == sum(0 for _ in range(decode))
        or outcome.records.preemptions.any()
    )
    single = serve(requests, CLOCK, apart(prefill, decode, links=links, steps_per_event=1))
    np.testing.assert_allclose(outcome.records.finished_s, single.records.finished_s, rtol=1e-9)


def test_a_lone_request_pays_prompt_transfer_and_steps():
    outcome = serve(table([0.0], 100, 5), CLOCK, apart())
    prompt_s = CLOCK.mixed(0, 0, 1, 100, 0, 1)[0]
    moved_s = 1e-3 + 100 * 1e-5
    # The pool that answers sends the first token too.
    assert outcome.records.first_token_s[0] == pytest.approx(prompt_s + moved_s)
    whole_s = prompt_s + moved_s + CLOCK.decode(1).run(100, 4)[0]
    assert outcome.records.finished_s[0] == pytest.approx(whole_s)


def test_the_wait_for_a_place_among_those_that_answer_delays_the_first_token():
    requests = table(np.zeros(3), 100, 50)
    one = limited(LIMITS, max_sequences=1)
    records = serve_watched(requests, apart(decode_limits=one)).records
    ends = np.sort(records.finished_s)
    first = np.sort(records.first_token_s)
    assert (first[1:] >= ends[:-1]).all()


def test_a_slow_link_is_a_queue():
    requests = table(np.zeros(4), 100, 2)
    slow = serve_watched(requests, apart(seconds_per_token=0.01)).records
    ends = np.sort(slow.finished_s)
    np.testing.assert_allclose(np.diff(ends), 1.001, rtol=1e-2)


@given(
    seed=st.integers(0, 10_000),
    failures=st.lists(
        st.tuples(st.integers(0, 3), st.floats(0, 4), st.none() | st.floats(0.01, 3)), max_size=4
    ),
    seconds_per_token=st.sampled_from([1e-5, 1e-3]),
)
@effort(max_examples=60)
def test_nothing_is_lost_when_replicas_of_pools_fail(seed, failures, seconds_per_token):
    planned = tuple(
        Failure(which, at_s, None if down_s is None else at_s + down_s)
        for which, at_s, down_s in failures
    )
    options = apart(2, 2, seconds_per_token, links=2, failures=planned)
    outcome = serve_watched(random_table(seed), options)
    assert set(outcome.records.status.tolist()) <= {FINISHED, LOST}
    if all(down_s is not None for _, _, down_s in failures):
        assert outcome.records.finished.all()


def test_a_cache_on_its_way_to_a_replica_that_fails_is_computed_again():
    requests = table([0.0], 100, 5)
    options = apart(decode=2, seconds_per_token=0.01, failures=(Failure(1, 0.5),))
    records = serve_watched(requests, options).records
    assert records.replica.tolist() == [2]
    # The second way over the link begins when the first, in vain, is over.
    assert records.first_token_s[0] > 1.0
    assert records.finished_s[0] > 2.0


@given(
    seed=st.integers(0, 10_000),
    blocks=st.tuples(st.sampled_from([100, 300]), st.sampled_from([100, 300])),
    chunked=st.tuples(st.booleans(), st.booleans()),
    links=st.integers(1, 2),
)
@effort(max_examples=40, deadline=None)
def test_long_prompts_are_served_by_pools_or_rejected_and_every_gap_has_a_reason(
    seed, blocks, chunked, links
):
    """Prompts up to the cache of one pool and beyond that of the other, or beyond a step."""
    requests = random_table(seed, inputs=(1, 4000), outputs=(1, 60))
    first, second = (
        limited(kv_blocks=b, chunked_prefill=c) for b, c in zip(blocks, chunked, strict=True)
    )
    options = apart(2, 1, links=links, prefill_limits=first, decode_limits=second)
    outcome = serve_watched(requests, options)
    records = outcome.records
    inputs, whole = requests.input_tokens, requests.input_tokens + requests.output_tokens
    fits = (inputs <= first.longest_request) & (whole <= second.longest_request)
    fits &= (inputs <= first.longest_prompt) & (inputs <= second.longest_prompt)
    assert (records.status == np.where(fits, FINISHED, REJECTED)).all()
    answered = sum(c.decode_tokens + c.prompt_ends for c in outcome.counters)
    assert answered == records.output_tokens[fits].sum()
    metrics = measure(
        records, outcome.counters, makespan_s=outcome.makespan_s, devices_per_replica=1,
        idle_w=100.0, kv_blocks=[blocks[0], blocks[0], blocks[1]], timeline=outcome.timeline,
    )  # fmt: skip
    assert np.isfinite(metrics.ttft_s.mean) or remarks(metrics)
    assert np.isfinite(metrics.tpot_s.mean) or remarks(metrics)
    assert metrics.rejected == (~fits).sum()


@pytest.mark.parametrize("pool", ["prefill", "decode"])
@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (limited(kv_blocks=100), "than the 1600 that a {} replica can hold"),
        (limited(chunked_prefill=False), "than the 512 that a step of a {} replica takes"),
    ],
)
def test_a_pool_that_can_serve_nothing_is_named(pool, limits, problem):
    with pytest.raises(InputError, match=problem.format(pool)):
        serve(table([0.0, 1.0], 3000, 10), CLOCK, apart(**{f"{pool}_limits": limits}))


def test_half_a_division_is_refused():
    with pytest.raises(InputError, match="need each other"):
        serve(table([0], 1, 1), CLOCK, settings(pools=(Pool(CLOCK, LIMITS, mixed, 1, "prefill"),)))


def test_replicas_of_different_speed_share_by_queue_length():
    pools = (
        Pool(CLOCK, LIMITS, mixed),
        Pool(ClosedFormClock(step_s=20e-3, token_s=1e-4), LIMITS, mixed),
    )
    records = serve(random_table(2, count=400), CLOCK, settings(pools=pools)).records
    assert (records.replica == 0).sum() > (records.replica == 1).sum()


def test_round_robin_takes_turns():
    requests = table(np.arange(9.0), 10, 2)
    records = serve(requests, CLOCK, settings(routing="round-robin", replicas=3)).records
    assert records.replica.tolist() == [0, 1, 2] * 3


def test_a_session_stays_with_its_replica():
    sessions = np.repeat(np.arange(20), 5)
    requests = table(np.linspace(0, 10, 100), 50, 20, session=sessions)
    records = serve(requests, CLOCK, settings(routing="session-sticky", replicas=4)).records
    for session in range(20):
        assert len(set(records.replica[sessions == session].tolist())) == 1
    assert len(set(records.replica.tolist())) == 4


def test_a_prefix_aware_router_hits_more_than_turns():
    random = np.random.default_rng(0)
    groups = random.integers(0, 8, 300)
    prefixes = tuple((*range(g * 100, g * 100 + 8), 10_000 + i) for i, g in enumerate(groups))
    requests = table(
        np.cumsum(random.exponential(0.1, 300)), 9 * 32, 20,
        prefix_blocks=prefixes, prefix_block_tokens=32,
    )  # fmt: skip
    hits = {}
    for name in ("round-robin", "prefix-aware"):
        options = settings(routing=name, replicas=4, prefix_caching=True, kv_blocks=120)
        hits[name] = serve_watched(requests, options).records.cached_tokens.sum()
    assert hits["prefix-aware"] > 1.2 * hits["round-robin"]


def test_unknown_routers_get_a_suggestion():
    with pytest.raises(InputError, match="round-robin"):
        router("roundrobin")
    assert sorted(ROUTERS) == ["least-loaded", "prefix-aware", "round-robin", "session-sticky"]
