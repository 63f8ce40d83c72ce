"""Drafted tokens through whole answers: speed, memory, energy, money, operators, serving."""

import numpy as np
import pytest

import simulator as rs
from simulator.errors import InputError
from simulator.simulate.cluster import resolve
from simulator.simulate.predict import operators_of, question

LLAMA = ("h200-sxm", "llama-3.1-8b")
STEP = {"batch": 4, "context": 2000}


def predicted(*setup, **fields):
    return rs.predict(*(setup or LLAMA), **fields)


def replica(*setup, **fields):
    return resolve(question(*(setup or LLAMA), fields)).answers


def test_certain_acceptance_gives_all_tokens_and_none_gives_one():
    sure, never = (predicted(**STEP, speculation="ngram:3", acceptance=rate) for rate in (1.0, 0.0))
    assert sure.step_time_s == never.step_time_s
    assert sure.tpot_s == pytest.approx(sure.step_time_s / 4, rel=1e-12)
    assert never.tpot_s == never.step_time_s
    assert sure.output_tokens_per_s == pytest.approx(4 * never.output_tokens_per_s, rel=1e-12)


def test_verifying_more_rows_costs_little_where_memory_binds_and_much_where_compute_does():
    def slower(batch):
        plain, drafted = (
            predicted(batch=batch, context=200, **fields).step_time_s
            for fields in ({}, {"speculation": "ngram:7", "acceptance": 0.5})
        )
        return drafted / plain

    assert slower(1) < 1.1
    assert slower(384) > 2.5


def test_energy_and_money_follow_the_tokens():
    plain, drafted = (
        predicted(**STEP, **fields)
        for fields in ({}, {"speculation": "eagle3:3", "acceptance": 0.7})
    )
    for answer in (plain, drafted):
        watts = answer.output_tokens_per_s * answer.joules_per_output_token
        assert watts == pytest.approx(answer.power_w, rel=1e-9)
    faster = drafted.output_tokens_per_s / plain.output_tokens_per_s
    cheaper = plain.usd_per_million_output_tokens / drafted.usd_per_million_output_tokens
    assert cheaper == pytest.approx(faster, rel=1e-9)
    assert faster > 1.5


def test_what_drafts_takes_memory_and_cache():
    plain = replica()
    drafted = replica(speculation="eagle3:3", acceptance=0.7)
    assert drafted.budget.weights - plain.budget.weights == pytest.approx(850e6, rel=0.01)
    # One layer more than 32, and what it takes of the memory.
    per_token = drafted.graph.kv_bytes_per_token / plain.graph.kv_bytes_per_token
    assert per_token == pytest.approx(33 / 32, rel=1e-9)
    assert drafted.kv_capacity_tokens < plain.kv_capacity_tokens * 32 / 33


@pytest.mark.parametrize(
    "fields",
    [
        {"speculation": "eagle3:3", "acceptance": 0.7},
        {"speculation": "draft:qwen3-0.6b:4", "acceptance": 0.6, "model": "qwen3-8b"},
        {"speculation": "medusa:3", "acceptance": 0.5},
        {"speculation": "eagle3:3", "acceptance": 0.5, "deployment.speculation.widths": [4, 2, 2]},
    ],
)
def test_operators_of_draft_and_verification_add_up_to_the_step(fields):
    fields = dict(fields)
    asked = question("h200-sxm", fields.pop("model", "llama-3.1-8b"), {**STEP, **fields})
    rows = operators_of(asked)
    from simulator.simulate.predict import answer

    assert sum(row.time_s for row in rows) == pytest.approx(answer(asked).step_time_s, rel=1e-9)
    assert {row.name.split(": ")[0] for row in rows} == {"draft", "verify"}


def test_prompts_pass_what_drafts_too():
    plain, drafted = (
        predicted(phase="prefill", batch=1, context=4000, **fields).step_time_s
        for fields in ({}, {"speculation": "eagle3:3", "acceptance": 0.7})
    )
    assert 1.02 < drafted / plain < 1.08


def test_more_sequences_than_draft_decode_as_if_there_were_no_draft():
    few = {"speculation": "eagle3:3", "acceptance": 0.7, "deployment.speculation.up_to": 8}
    below, above, plain = (
        predicted(batch=batch, context=500, **fields)
        for batch, fields in ((8, few), (9, few), (9, {}))
    )
    assert above.step_time_s == plain.step_time_s
    assert above.tpot_s == plain.tpot_s
    assert below.tpot_s < 0.6 * below.step_time_s
    assert any("up_to" in note for note in above.notes)


SERVED = {"phase": "serve", "isl": 500, "osl": 200, "concurrency": 8, "requests": 64}


def test_serving_gains_what_its_steps_gain():
    drafted = predicted(**SERVED, speculation="eagle3:3", acceptance=0.7)
    plain = predicted(**SERVED)
    assert 1.5 < plain.tpot_s / drafted.tpot_s < 2.6
    assert 1.4 < drafted.output_tokens_per_s / plain.output_tokens_per_s < 2.6


def test_draws_spread_the_time_a_token_and_leave_its_mean():
    mean, drawn = (
        predicted(**SERVED, speculation="eagle3:3", acceptance=0.7, **fields)
        for fields in ({}, {"deployment.speculation.seed": 1})
    )
    assert drawn.tpot_s == pytest.approx(mean.tpot_s, rel=0.04)
    spread, narrow = (answer.tpot_p99_s / answer.tpot_p50_s for answer in (drawn, mean))
    assert spread > narrow


def test_the_time_between_messages_is_that_of_a_step_and_the_time_a_token_is_less():
    """Engines stream the tokens of a step together: ITL counts messages, TPOT tokens."""
    found = rs.simulate(
        question(*LLAMA, {**SERVED, "speculation": "eagle3:3", "acceptance": 0.7})
    ).metrics
    assert found.itl_s.mean == pytest.approx(2.533 * found.tpot_s.mean, rel=0.1)


def test_acceptance_of_a_published_task_is_told():
    setup = ("h200-sxm", "qwen3-8b")
    answer = predicted(*setup, **STEP, speculation="eagle3:3", acceptance="mt-bench")
    assert any("published for mt-bench" in note for note in answer.notes)


REFUSED = [
    (
        ("h200-sxm", "deepseek-r1"),
        {"tp": 8, "speculation": "mtp:3", "acceptance": 0.8},
        "mtp:3:repeat",
        {"speculation": "mtp:3:repeat"},
    ),
    (LLAMA, {"speculation": "mtp:1", "acceptance": 0.8}, "eagle3:3", {"speculation": "eagle3:3"}),
    (
        LLAMA,
        {"speculation": "draft:qwen3-0.6b:3", "acceptance": 0.6},
        "translate=true",
        {"deployment.speculation.translate": True},
    ),
    (
        LLAMA,
        {"speculation": "draft:llama-3.1-70b:3", "acceptance": 0.6},
        "smaller",
        {"speculation": "draft:llama-3.2-1b:3"},
    ),
    (
        ("h200-sxm", "deepseek-r1"),
        {"tp": 8, "speculation": "mtp", "acceptance": "0.8, 0.6"},
        "one rate",
        {"acceptance": 0.8},
    ),
    (
        LLAMA,
        {"speculation": "eagle3:3", "acceptance": "poetry"},
        "0.7",
        {"acceptance": 0.7},
    ),
    (
        ("cerebras-wse-3", "llama-3.1-8b"),
        {"speculation": "ngram:3", "acceptance": 0.5, "engine": "cerebras"},
        "leave it out",
        {"speculation": None, "acceptance": None},
    ),
]


@pytest.mark.parametrize(("setup", "fields", "remedy", "mended"), REFUSED)
def test_what_cannot_draft_is_refused_with_a_remedy_that_works(setup, fields, remedy, mended):
    with pytest.raises(InputError) as refused:
        predicted(*setup, **STEP, **fields)
    assert remedy in (refused.value.remedy or "")
    kept = {name: value for name, value in {**fields, **mended}.items() if value is not None}
    assert predicted(*setup, **STEP, **kept).tpot_s > 0


def test_arrays_of_batches_are_single_answers():
    fields = {"context": 500, "speculation": "eagle3:2", "acceptance": 0.7}
    together = predicted(batch=[1, 16, 64], **fields).tpot_s
    alone = [predicted(batch=batch, **fields).tpot_s for batch in (1, 16, 64)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
