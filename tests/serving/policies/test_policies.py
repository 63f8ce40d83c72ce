"""What each scheduling policy promises, seen from outside."""

from dataclasses import dataclass

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    serve,
    serve_watched,
    settings,
    table,
)
from hypothesis import example, given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.serving.policies.ordering import COMPOSITIONS, ordering
from simulator.serving.policies.routing import ROUTERS
from simulator.serving.traffic.request import NO_ROW, Request

CLOCK = ClosedFormClock()


def started(order_of, **columns):
    """Rows in the order in which a replica that takes one at a time starts on them."""
    requests = table([0.0, 1e-4, 2e-4, 3e-4], [50, 400, 100, 20], [30, 5, 60, 5], **columns)
    records = serve_watched(requests, settings(order_of, max_sequences=1)).records
    return np.argsort(records.started_s).tolist()


def test_first_come_first_served():
    assert started("fcfs") == [0, 1, 2, 3]


def test_shortest_prompt_first():
    assert started("shortest-first") == [0, 3, 2, 1]


def test_shortest_job_first():
    assert started("shortest-job-first") == [0, 3, 2, 1]


def test_priority():
    assert started("priority", priority=np.array([0, 5, 1, 3])) == [0, 2, 3, 1]


def test_earliest_deadline_first():
    limits = np.array([9.0, 3.0, 2.0, 1.0])
    assert started("slo-aware", ttft_limit_s=limits) == [0, 3, 2, 1]


def test_late_requests_let_those_in_time_go_first():
    limits = np.array([9.0, 0.01, 5.0, 6.0])
    assert started("slo-aware", ttft_limit_s=limits) == [0, 2, 3, 1]


def test_deadlines_keep_more_promises_under_overload():
    random = np.random.default_rng(3)
    requests = table(np.cumsum(random.exponential(1 / 40, 400)), 300, 30)
    met = {}
    for policy in ("fcfs", "slo-aware"):
        options = settings(policy, max_sequences=6, ttft_limit_s=0.5)
        met[policy] = (serve(requests, CLOCK, options).records.ttft_s <= 0.5).sum()
    assert met["slo-aware"] > met["fcfs"]


def test_unknown_policies_get_a_suggestion():
    with pytest.raises(InputError, match="fcfs"):
        ordering("fcsf")


@given(st.integers(0, 300), st.integers(0, 3), st.integers(1, 300))
def test_what_a_step_is_made_of(decoding, half_done, budget):
    mixed, prompts_first, static = (
        COMPOSITIONS[name](decoding, half_done, budget)
        for name in ("mixed", "prefill-first", "static")
    )
    # Every sequence that decodes is a token of the budget, and prompts get the rest.
    assert mixed == (True, max(budget - decoding, 0), True)
    # A step of prompts alone, as long as there are any.
    assert prompts_first == (False, budget, True)
    # Prompts that have begun are computed whole before anybody decodes; then only decoding
    # goes on, until the batch is empty and takes new ones.
    decodes, tokens, admits = static
    assert decodes == (half_done == 0)
    assert tokens == (0 if decoding and not half_done else budget)
    assert admits == (decoding == 0)


def test_sessions_stay_and_spread_evenly():
    for replicas in (2, 3, 4, 7, 8, 16):
        idle = [Idle()] * replicas
        homes = [ROUTERS["session-sticky"](asking(n), idle, 5) for n in range(2000)]
        again = [ROUTERS["session-sticky"](asking(n), idle, 9) for n in range(2000)]
        assert homes == again
        counts = np.bincount(homes, minlength=replicas)
        assert len(counts) == replicas
        assert counts.min() > 0.85 * 2000 / replicas
        assert counts.max() < 1.15 * 2000 / replicas
        # Neighbours do not go together.
        assert len(set(homes[:4])) > 1


@dataclass
class Idle:
    """A replica with so many unfinished requests and cached tokens."""

    unfinished: int = 0
    cached: int = 0

    def cached_prefix_tokens(self, _request) -> int:
        return self.cached


def asking(session: int) -> Request:
    request = Request(0, 0.0, 10, 5, deadline_s=np.inf)
    request.session = session
    return request


def test_a_request_without_session_goes_where_least_waits():
    loads = [Idle(3), Idle(1), Idle(1)]
    assert ROUTERS["session-sticky"](asking(NO_ROW), loads, 0) == 1


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), min_size=1, max_size=6))
@example([(24, 1), (16, 0)])
@example([(25, 1), (16, 0)])
@example([(29, 1), (20, 0)])
@example([(8, 1), (0, 0)])
@example([(9, 1), (0, 0)])
@example([(12, 1), (9, 0)])
def test_a_prefix_aware_router_follows_the_cache_unless_queues_are_far_apart(states):
    replicas = [Idle(load, 100 * cached) for load, cached in states]
    loads = [load for load, _ in states]
    request = asking(0)
    assert ROUTERS["prefix-aware"](request, replicas, 0) == loads.index(min(loads))
    request.prefix = (1, 2)
    chosen = ROUTERS["prefix-aware"](request, replicas, 0)
    if max(loads) > 1.5 * min(loads) and max(loads) - min(loads) > 8:
        assert chosen == loads.index(min(loads))
        return
    # Most of the prompt, then the shortest queue, then the first.
    best = min(range(len(states)), key=lambda i: (-states[i][1], loads[i], i))
    assert chosen == best


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(0, 50))
def test_plain_routers(loads, routed):
    replicas = [Idle(load) for load in loads]
    assert ROUTERS["round-robin"](asking(0), replicas, routed) == routed % len(loads)
    assert ROUTERS["least-loaded"](asking(0), replicas, routed) == loads.index(min(loads))


def gaps_and_ttft(composition, **options):
    random = np.random.default_rng(1)
    requests = table(np.cumsum(random.exponential(0.12, 150)), 1500, 60)
    outcome = serve(requests, CLOCK, settings(composition=composition, **options))
    return outcome.timeline.gap_percentile(99), outcome.records.ttft_s.mean()


def test_prompts_first_answer_sooner_and_stall_those_who_decode():
    mixed_gap, mixed_ttft = gaps_and_ttft("mixed", max_batched_tokens=256)
    first_gap, first_ttft = gaps_and_ttft("prefill-first", max_batched_tokens=2048)
    assert first_ttft < mixed_ttft
    assert first_gap > 2 * mixed_gap


def test_a_static_batch_takes_nobody_in_until_it_is_empty():
    requests = table([0, 0.01, 0.02, 0.15], 10, [20, 40, 20, 20])
    records = serve_watched(requests, settings(composition="static")).records
    first_batch_over, second_batch_over = records.finished_s[0], records.finished_s[1]
    assert records.started_s[1:3] == pytest.approx([first_batch_over] * 2)
    assert records.started_s[3] == pytest.approx(second_batch_over)


def short_of_memory(**options):
    requests = table(np.zeros(8), 64, 200)
    return serve_watched(requests, settings(kv_blocks=60, **options)).records


def test_room_for_whole_answers_means_nobody_is_thrown_out():
    assert short_of_memory().preemptions.sum() > 0
    assert short_of_memory(output_reserve=1.0).preemptions.sum() == 0


def test_swapping_is_cheaper_than_computing_again_when_the_link_is_fast():
    swapped = short_of_memory(swap_s_per_block=1e-7)
    again = short_of_memory()
    assert swapped.preemptions.sum() > 0
    assert swapped.finished_s.max() < again.finished_s.max()


def test_the_least_important_sequence_leaves_first():
    requests = table(np.zeros(3), 64, 200, priority=np.array([9, 1, 1]))
    records = serve_watched(requests, settings("priority", kv_blocks=40)).records
    assert records.preemptions[0] > 0
    assert records.preemptions[1] == 0


def test_a_newcomer_sits_out_the_step_that_is_put_together_already():
    requests = table([0.0, 0.5], [10, 10], [400, 4])
    plain = serve(requests, CLOCK, settings()).records
    ahead = serve(requests, CLOCK, settings(asynchronous=True)).records
    step_s = CLOCK.decode(1).run(100, 1)[0]
    assert ahead.started_s[1] - plain.started_s[1] == pytest.approx(step_s, rel=1e-3)


def test_prompts_that_may_not_be_split_wait_for_a_whole_step():
    requests = table([0, 0], [300, 300], 4)
    records = serve_watched(requests, settings(chunked_prefill=False)).records
    assert records.started_s[1] == pytest.approx(records.first_token_s[0])
    too_long = serve_watched(table([0, 0], [600, 300], 4), settings(chunked_prefill=False)).records
    assert too_long.finished.tolist() == [False, True]
