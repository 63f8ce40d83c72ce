"""What each scheduling policy promises, seen from outside."""

import numpy as np
import pytest
from closed_form_clock import (
    ClosedFormClock,
    serve,
    serve_watched,
    settings,
    table,
)

from simulator.errors import InputError
from simulator.serving.policies.ordering import ordering

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
