"""What a table remembers of a step changes nothing about what the step costs."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable
from simulator.specs import catalogue


@cache
def model(name: str, layout: Layout) -> StepModel:
    device = resolve(catalogue.hardware("h100-sxm"))
    return StepModel(build(catalogue.model(name), layout), device, catalogue.engine_profile("vllm"))


@given(
    layout=st.sampled_from([Layout(), Layout(tp=2)]),
    decoding=st.integers(1, 300),
    contexts=st.lists(st.floats(514, 575), min_size=6, max_size=8),
    tokens=st.integers(1, 700),
    past=st.sampled_from([0.0, 800.5]),
    sampling=st.integers(0, 1),
)
@settings(max_examples=30, deadline=None)
def test_a_step_asked_for_often_costs_what_it_cost_at_first(
    layout, decoding, contexts, tokens, past, sampling
) -> None:
    often = StepTable(model("llama-3.1-8b", layout), 2048, 4096)
    for context in nonempty(contexts):
        step = decoding, context, 1, tokens, past, sampling
        first = StepTable(often.model, 2048, 4096).mixed(*step)
        assert often.mixed(*step) == pytest.approx(first, rel=1e-11)


@given(decoding=st.integers(1, 40), context=st.integers(1, 4000), tokens=st.integers(1, 1024))
@settings(max_examples=15, deadline=None)
def test_a_model_without_a_cache_costs_the_same_by_table_as_by_step(decoding, context, tokens):
    stepping = model("mamba2-2.7b", Layout())
    table = StepTable(stepping, 2048, 4096)
    alone = stepping.evaluate(StepShape.decode(decoding, context))
    assert table.decode(decoding).run(context, 3)[0] == pytest.approx(3 * alone.time_s, rel=1e-9)
    shape = StepShape.of(
        decode_sequences=decoding, decode_context=context,
        prefill_sequences=1, prefill_tokens=tokens, prefill_past=0, prefill_logits=1,
    )  # fmt: skip
    together = stepping.evaluate(shape)
    mixed_s, mixed_j = table.mixed(decoding, context, 1, tokens, 0.0, 1)
    # Prompts are tabulated at some lengths, and lie on lines between them.
    assert mixed_s == pytest.approx(float(together.time_s), rel=0.05)
    assert mixed_j == pytest.approx(float(together.energy_j), rel=0.05)
