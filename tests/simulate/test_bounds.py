"""What one prediction or simulation takes on, and what it says where it is asked for more."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.errors import InputError
from simulator.graph.step_shape import StepShape
from simulator.simulate.cluster import resolve
from simulator.simulate.point import MOST_CHUNKS, Chunks, prefill_steps
from simulator.simulate.predict import predict, question
from simulator.simulate.run import simulate
from simulator.specs.question import ask, from_fields

WORKLOAD = {
    "arrivals": {"process": "poisson", "rate": 5},
    "input_tokens": 100,
    "output_tokens": 5,
    "requests": 20,
}
SCENARIO = {
    "name": "x", "hardware": "h100-sxm", "model": "llama-3.1-8b", "workload": WORKLOAD,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"deployment.replicas": 100_000}, "500"),
        ({"workload.arrivals.rate": 1e-6, "workload.requests": 5000}, "1e"),
        ({"workload.arrivals": {"process": "closed-loop", "users": 1, "think_time": 1e9}}, "1e"),
        (
            {"workload.shared_prefix": {"tokens": 10**9}, "workload.requests": 1000},
            "tokens together",
        ),
        (
            {
                "workload.conversations": {"turns": 10**9},
                "workload.input_tokens": 10**9,
                "workload.requests": 1000,
            },
            "tokens together",
        ),
        (
            {"max_batched_tokens": 1, "workload.input_tokens": 120_000, "workload.requests": 50},
            "100,000",
        ),
        (
            {"max_batched_tokens": 1, "workload.input_tokens": 1500, "workload.requests": 300},
            "300,000",
        ),
        ({"workload.requests": 10**12}, "10,000,000"),
    ],
)
def test_a_simulation_refuses_what_would_take_for_ever(changes, limit):
    with pytest.raises(InputError, match=limit):
        simulate(ask(SCENARIO, from_fields(changes)))


def test_many_groups_of_prompts_are_cheap():
    shared = {"tokens": 64, "groups": 10**7, "skew": 1}
    assert simulate(ask(SCENARIO, from_fields({"workload.shared_prefix": shared}))).metrics.finished


def test_a_prompt_of_too_many_chunks_is_refused_with_the_budget_that_would_do():
    with pytest.raises(InputError, match=f"at most {MOST_CHUNKS}") as refused:
        predict("h100-sxm", "llama-3.1-8b", phase="prefill", context=100_000, max_batched_tokens=1)
    budget = int(refused.value.remedy.rpartition(" ")[2])
    named = {"phase": "prefill", "context": 100_000}
    assert predict("h100-sxm", "llama-3.1-8b", max_batched_tokens=budget, **named).step_time_s > 0


@given(
    budget=st.integers(40, 700),
    sizes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 3000)), min_size=1, max_size=5),
)
@settings(max_examples=15, deadline=None)
def test_chunks_evaluated_together_cost_what_each_of_them_does(budget, sizes):
    fields = {"phase": "prefill", "max_batched_tokens": budget}
    replica = resolve(question("h100-sxm", "llama-3.1-8b", fields)).prompts
    batch, context = (np.array(column, dtype=float) for column in zip(*sizes, strict=True))
    found = prefill_steps(replica, batch, context)
    chunks = Chunks.of(replica, batch, context)
    for row, (prompts, tokens) in enumerate(nonempty(sizes)):
        chunk = min(tokens, budget)
        together = max(1, min(prompts, budget // chunk))
        seconds = joules = 0.0
        for past in range(0, tokens, chunk):
            here = min(chunk, tokens - past)
            step = replica.step_model.evaluate(
                StepShape.of(
                    prefill_sequences=together,
                    prefill_tokens=here,
                    prefill_past=past,
                    prefill_logits=together if past + here == tokens else 0,
                )
            )
            seconds += prompts / together * float(step.time_s)
            joules += prompts / together * float(step.energy_j)
        assert chunks.count[row] == -(-tokens // chunk)
        assert found["step_time_s"][row] == pytest.approx(seconds, rel=1e-9)
        assert found["power_w"][row] == pytest.approx(joules / seconds, rel=1e-9)
        assert found["bound"][row] == step.bound


def test_users_beyond_count_are_refused_unless_their_requests_are_stated():
    many = {"phase": "serve", "concurrency": 1_000_000, "isl": 10, "osl": 2}
    with pytest.raises(InputError, match=r"workload\.requests: 10,000,000 requests"):
        predict("h100-sxm", "llama-3.1-8b", **many)
    assert predict("h100-sxm", "llama-3.1-8b", requests=50, **many).tpot_s > 0
