"""What prompts take, against their steps one after another."""

import pytest
from closed_form_clock import ClosedFormClock
from hypothesis import given
from hypothesis import strategies as st

from simulator.serving.replica.prompts import PromptTime, prompt_step
from simulator.serving.traffic.request import Request

CLOCK = ClosedFormClock(past_s=1e-7)


@given(st.integers(0, 5000), st.integers(1, 5000), st.sampled_from([1, 16, 100, 512]))
def test_a_prompt_takes_what_its_steps_take(start, tokens, budget):
    times, seconds = PromptTime(CLOCK, budget), 0.0
    for past in range(start, start + tokens, budget):
        count = min(budget, start + tokens - past)
        seconds += CLOCK.mixed(0, 0.0, 1, count, past, 1)[0]
    assert times.whole_s(start, start + tokens) == pytest.approx(seconds, rel=1e-9)
    first_s = CLOCK.mixed(0, 0.0, 1, min(budget, tokens), start, 1)[0]
    assert times.first_step_s(start, start + tokens) == pytest.approx(first_s, rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300), st.booleans()), min_size=1),
    st.integers(0, 50),
)
def test_a_step_is_asked_for_with_the_mean_of_its_chunks(parts, decoding):
    """Each token attends to what its own prompt holds already."""
    chunks = []
    for index, (past, tokens, ends) in enumerate(parts):
        request = Request(index, 0.0, past + tokens + (not ends), 5, deadline_s=0.0)
        request.computed = past
        chunks.append((request, tokens))
    step = prompt_step(CLOCK, chunks, decoding, 700.0)
    whole = sum(count for _, count, _ in parts)
    past = sum(before * count for before, count, _ in parts) / whole
    assert step.tokens == whole
    assert step.ends == sum(ends for *_, ends in parts)
    context = 700.0 if decoding else 0.0
    asked = CLOCK.mixed(decoding, context, len(parts), whole, past, step.ends)
    assert (step.time_s, step.energy_j) == asked
    # A row that ends a prompt is its last and the answer's first.
    rows = whole / (whole + step.ends)
    alone_s = CLOCK.mixed(0, 0.0, len(parts), whole, past, step.ends)[0]
    answers_s = CLOCK.decode(decoding).run(700.0, 1)[0] if decoding else 0.0
    assert step.prompt_s == pytest.approx(step.time_s * rows * alone_s / (alone_s + answers_s))
    assert step.added_s == pytest.approx(step.time_s - answers_s)
