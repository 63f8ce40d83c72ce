"""Newcomers that wait outside: when the door opens, by hand."""

import pytest
from closed_form_clock import ClosedFormClock, serve_watched, settings, table

from simulator.serving.cluster import Failure
from simulator.serving.replica.door import EveryRank, Gather, LookEvery

CLOCK = ClosedFormClock()
PROMPT = 100


def second_starts(rule, arrival_s, prompt=PROMPT, **limits):
    """When the second request's prompt begins, beside one that decodes from the start."""
    requests = table([0.0, arrival_s], [PROMPT, prompt], [200, 5])
    return serve_watched(requests, settings(admission=rule, **limits)).records.started_s[1]


def after(steps):
    """End of the first request's prompt and ``steps`` decode steps of its own."""
    return CLOCK.mixed(0, 0, 1, PROMPT, 0, 1)[0] + CLOCK.decode(1).run(PROMPT, steps)[0]


@pytest.mark.parametrize(("during_step", "opens_after"), [(1, 10), (10, 10), (11, 20)])
def test_an_engine_that_looks_every_tenth_step(during_step, opens_after):
    arrival_s = (after(during_step - 1) + after(during_step)) / 2
    assert second_starts(LookEvery(10), arrival_s) == pytest.approx(after(opens_after))


def test_few_prompts_are_gathered_for_so_many_steps():
    arrival_s = (after(2) + after(3)) / 2
    assert second_starts(Gather(7, 0.5), arrival_s) == pytest.approx(after(3 + 7))


def test_prompts_that_fill_a_step_are_not_kept_waiting():
    arrival_s = (after(2) + after(3)) / 2
    assert second_starts(Gather(7, 0.5), arrival_s, prompt=300) == pytest.approx(after(3))


@pytest.mark.parametrize(("ranks", "opens_after"), [(1, 3), (2, 10)])
def test_a_lone_prompt_waits_for_prompts_on_the_other_ranks(ranks, opens_after):
    arrival_s = (after(2) + after(3)) / 2
    assert second_starts(EveryRank(10, ranks), arrival_s) == pytest.approx(after(opens_after))


def test_ranks_all_have_a_prompt_after_as_many_as_a_coupon_collector_needs():
    begun = (after(2) + after(3)) / 2
    requests = table([0.0, *[begun] * 3], [PROMPT] * 4, [200, 5, 5, 5])
    started = serve_watched(requests, settings(admission=EveryRank(10, 2))).records.started_s
    assert started[1:] == pytest.approx(after(3))


@pytest.mark.parametrize("rule", [LookEvery(10), Gather(7, 0.5), EveryRank(10, 4)])
def test_who_comes_while_nobody_decodes_is_served_at_once(rule):
    assert second_starts(rule, 100.0) == 100.0


def test_during_a_prompt_nobody_waits_for_a_look():
    arrival_s = CLOCK.mixed(0, 0, 1, PROMPT, 0, 1)[0] / 2
    assert second_starts(LookEvery(10), arrival_s) == pytest.approx(after(0))


def test_a_failing_replica_hands_back_who_stands_outside():
    requests = table([0.0, 0.05], [PROMPT, PROMPT], [50, 5])
    rule = settings(admission=LookEvery(1000), failures=(Failure(0, 0.1, 0.2),))
    records = serve_watched(requests, rule).records
    assert (records.finished_s > 0.2).all()
