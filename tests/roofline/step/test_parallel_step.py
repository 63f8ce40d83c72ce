"""Steps of replicas: ranks, stages, halves, and the tables that simulations look them up in."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.operator import LatentCore
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.step.ranks import ARRAYS, FLOATS, placed, rank_step, share_of_step
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable
from simulator.specs import catalogue

LLAMA, DEEPSEEK = catalogue.model("llama-3.1-70b"), catalogue.model("deepseek-v3")
DEVICE = resolve(catalogue.hardware("h200-sxm"))
ENGINE = catalogue.engine_profile("generic")


def steps(layout: Layout, model=LLAMA, precision: str = "fp8") -> StepModel:
    return StepModel(build(model, layout, precision), DEVICE, ENGINE)


def decode_s(model: StepModel, batch: float, context: float = 1000.0) -> float:
    return float(model.evaluate(StepShape.decode(batch, context)).time_s)


def prefill_s(model: StepModel, tokens: float, prompts: float = 1.0) -> float:
    return float(model.evaluate(StepShape.prefill(prompts, tokens)).time_s)


layouts = st.builds(
    Layout,
    dp=st.sampled_from([1, 2, 4, 8]),
    cp=st.sampled_from([1, 2]),
    pp=st.sampled_from([1, 2, 4]),
    two_batch_overlap=st.booleans(),
    balanced_prefill=st.booleans(),
)


@given(layouts, st.integers(0, 300), st.integers(0, 20), st.integers(1, 8000))
def test_ranks_and_rounds_together_do_at_least_the_whole_step(
    layout: Layout, decoding: int, prompts: int, tokens: int
) -> None:
    whole = StepShape.of(
        decode_sequences=decoding,
        decode_context=500,
        prefill_sequences=prompts,
        prefill_tokens=tokens,
    )
    step = rank_step(whole, layout)
    rounds = step.turns.passes * step.turns.halves
    fullest = step.shape.tokens * layout.batch_ways * rounds
    assert float(fullest) >= float(whole.tokens) * (1 - 1e-9)
    met = step.meeting.tokens * layout.batch_ways * rounds
    assert float(met) == pytest.approx(float(whole.tokens))
    assert 0 <= float(step.turns.fill) <= 1 + 1e-9


@given(layouts, st.tuples(*(st.integers(0, most) for most in (300, 20, 8000, 100_000, 20))))
def test_numbers_are_split_as_arrays_are(layout: Layout, step: tuple[int, ...]) -> None:
    alone = share_of_step(layout, *step, FLOATS)
    among = share_of_step(layout, *(np.array([float(x), 7.0]) for x in step), ARRAYS)
    assert alone == pytest.approx([float(np.broadcast_to(x, 2)[0]) for x in among])


@given(st.integers(1, 64), st.integers(1, 4000))
def test_context_parallel_ranks_attend_to_equal_shares(prompts: int, tokens: int) -> None:
    shape = StepShape.prefill(prompts, tokens, 300)
    mine = rank_step(shape, Layout(cp=4)).shape

    def pairs(s: StepShape) -> float:
        return float(
            s.prefill_sequences * s.prefill_tokens * (s.prefill_past + s.prefill_tokens / 2)
        )

    assert pairs(mine) * 4 == pytest.approx(pairs(shape))


def test_more_tensor_parallel_ranks_are_faster_but_never_perfectly() -> None:
    times = [decode_s(steps(Layout(tp=tp)), 16) for tp in (1, 2, 4, 8)]
    for slower, faster in nonempty(pairwise(times)):
        assert slower / 2 < faster < slower


def test_data_parallel_ranks_share_sequences() -> None:
    one = steps(Layout(), DEEPSEEK, "fp8")
    eight = steps(Layout(dp=8, ep=8), DEEPSEEK, "fp8")
    assert decode_s(eight, 64) < decode_s(one, 64)
    # Nine sequences on eight ranks are as slow as sixteen, but for the experts.
    assert decode_s(eight, 8) < decode_s(eight, 9) <= decode_s(eight, 16)


def test_a_lone_prompt_keeps_one_data_parallel_rank_busy_unless_shared() -> None:
    layout = Layout(dp=8, ep=8)
    alone = steps(layout, DEEPSEEK)
    balanced = steps(layout.model_copy(update={"balanced_prefill": True}), DEEPSEEK)
    assert prefill_s(balanced, 8192) < prefill_s(alone, 8192)
    assert prefill_s(alone, 1024, 8) == pytest.approx(prefill_s(balanced, 1024, 8))


def test_one_sequence_waits_for_all_stages() -> None:
    whole, staged = steps(Layout()), steps(Layout(pp=4))
    assert decode_s(staged, 1) > decode_s(whole, 1)


def test_micro_batches_fill_a_pipeline() -> None:
    whole, staged = steps(Layout()), steps(Layout(pp=4))
    # Compute-bound prompts of four micro-batches keep four stages busy: nearly four times.
    assert 2.8 < prefill_s(whole, 2048, 16) / prefill_s(staged, 2048, 16) < 4.0


def test_the_fullest_stage_sets_the_pace() -> None:
    even = steps(Layout(pp=4))
    uneven = steps(Layout(pp=4, stage_layers=(10, 30, 30, 10)))
    ratio = prefill_s(uneven, 2048, 16) / prefill_s(even, 2048, 16)
    assert 1.3 < ratio < 1.55
    # Alone, a sequence passes as many layers either way.
    assert decode_s(uneven, 1) == pytest.approx(decode_s(even, 1), rel=0.01)


@pytest.mark.parametrize("stage_layers", [None, (10, 30, 30, 10)])
@pytest.mark.parametrize("shape", [StepShape.prefill(16, 2048), StepShape.decode(64, 4000)])
def test_a_full_pipeline_spends_its_time_as_one_device_does(stage_layers, shape) -> None:
    """Work is cut into stages and batches; the shares that bind it and its error stay."""
    whole = steps(Layout()).evaluate(shape)
    staged = steps(Layout(pp=4, stage_layers=stage_layers)).evaluate(shape)
    shares = [
        {kind: float(s / cost.time_s) for kind, s in cost.bound_s.items()}
        for cost in (whole, staged)
    ]
    assert shares[1] == pytest.approx(shares[0], abs=0.04)
    assert staged.relative_sigma == pytest.approx(whole.relative_sigma, rel=0.04)
    assert sum(shares[1].values()) == pytest.approx(1.0, rel=1e-9)


def test_two_batches_hide_messages_behind_compute() -> None:
    layout = Layout(dp=8, ep=8)
    plain = steps(layout, DEEPSEEK)
    overlapping = steps(layout.model_copy(update={"two_batch_overlap": True}), DEEPSEEK)
    assert prefill_s(overlapping, 8192, 16) < prefill_s(plain, 8192, 16)
    # A decode step of few rows reads all weights twice for nothing.
    assert decode_s(overlapping, 32) > decode_s(plain, 32)


def test_an_engine_hides_the_stated_part_of_its_messages() -> None:
    layout = Layout(tp=8)
    overlap = ENGINE.model_copy(update={"communication_overlap": type(ENGINE.residual)(value=0.5)})
    plain = steps(layout)
    hiding = StepModel(plain.graph, DEVICE, overlap)
    loads = [p for _, found in plain.loads(StepShape.decode(16.0, 1000)) for p in found]
    link_s = sum(float(p.time_s) for p in loads if p.law == "link")
    assert decode_s(plain, 16) - decode_s(hiding, 16) == pytest.approx(link_s / 2)


def test_context_parallel_decode_reads_a_part_of_a_long_cache() -> None:
    long = 400_000.0
    assert decode_s(steps(Layout(tp=8, cp=2)), 1, long) < decode_s(steps(Layout(tp=8)), 1, long)
    shared = steps(Layout(tp=8, dcp=8), DEEPSEEK, "fp8")
    copied = steps(Layout(tp=8), DEEPSEEK, "fp8")
    assert decode_s(shared, 16, 100_000.0) < decode_s(copied, 16, 100_000.0)


def test_context_parallel_prefill_shares_the_tokens() -> None:
    one, four = steps(Layout(tp=2)), steps(Layout(tp=2, cp=4))
    assert 3.0 < prefill_s(one, 65536) / prefill_s(four, 65536) < 4.0


def test_energy_counts_the_mean_device() -> None:
    model = steps(Layout(dp=8, ep=8, balanced_prefill=False), DEEPSEEK)
    lone = model.evaluate(StepShape.prefill(1, 8192))
    full = model.evaluate(StepShape.prefill(8, 8192))
    assert float(lone.power_w) < 0.6 * float(full.power_w)


LAYOUTS = (
    Layout(tp=8),
    Layout(dp=8, ep=8),
    Layout(tp=2, dp=4, ep=8, balanced_prefill=True),
    Layout(tp=2, pp=4),
    Layout(tp=4, cp=2),
    Layout(dp=8, ep=8, two_batch_overlap=True),
)


@pytest.fixture(scope="module")
def tables() -> list[StepTable]:
    return [StepTable(steps(layout, DEEPSEEK), 65536, 32768) for layout in LAYOUTS]


@settings(max_examples=20)
@given(
    which=st.integers(0, len(LAYOUTS) - 1),
    decoding=st.integers(0, 200),
    prompts=st.integers(1, 12),
    tokens=st.integers(64, 4096),
)
def test_tables_agree_with_the_step_model(tables, which, decoding, prompts, tokens) -> None:
    table = tables[which]
    found_s, found_j = table.mixed(decoding, 1500.0, prompts, prompts * tokens, 0.0, prompts)
    shape = StepShape.of(
        decode_sequences=decoding,
        decode_context=1500.0,
        prefill_sequences=prompts,
        prefill_tokens=tokens,
    )
    exact = table.model.evaluate(shape)
    assert found_s == pytest.approx(float(exact.time_s), rel=0.06)
    assert found_j == pytest.approx(float(exact.energy_j), rel=0.08)


def test_decode_curves_agree_with_the_step_model(tables) -> None:
    for table in nonempty(tables):
        seconds, _ = table.decode(48).run(1234.0, 1)
        assert seconds == pytest.approx(decode_s(table.model, 48, 1234.0), rel=1e-3)


def test_arrays_and_numbers_agree() -> None:
    model = steps(Layout(dp=8, ep=8), DEEPSEEK)
    batches = np.array([1.0, 7.0, 64.0])
    together = model.evaluate(StepShape.decode(batches, 1000.0)).time_s
    apart = [decode_s(model, b) for b in batches]
    assert together == pytest.approx(apart)


@pytest.mark.parametrize(("cp", "dcp"), [(1, 1), (2, 1), (1, 8), (4, 1), (2, 4)])
@given(decoding=st.integers(1, 64), context=st.integers(64, 50_000), prompts=st.integers(0, 3))
def test_a_cache_spread_over_ranks_is_read_once_by_all_of_them(cp, dcp, decoding, context, prompts):
    """Each rank holds its part of every sequence, and brings the heads of all to it."""
    layout = Layout(tp=8, cp=cp, dcp=dcp)
    graph = build(DEEPSEEK, layout, "fp8")
    shape = StepShape.of(
        decode_sequences=decoding, decode_context=context, prefill_sequences=prompts,
        prefill_tokens=700,
    )  # fmt: skip
    step = rank_step(shape, layout)
    core = next(op for op in graph.operators if isinstance(op, LatentCore))
    parts = placed(core, step, layout)
    mine = [s for _, s in parts]
    read = sum(float(s.decode_sequences * s.decode_context) for s in mine)
    whole = float(step.attending.decode_sequences * context)
    assert read == pytest.approx(whole * cp / (cp * dcp))
    assert sum(float(s.prefill_sequences) for s in mine) == float(step.attending.prefill_sequences)
    # Prompts are computed where they are, with the rank's own heads.
    decoding_op, decode = parts[0]
    prefilling_op, prefill = parts[-1]
    assert decoding_op.query_heads == core.query_heads * dcp
    assert prefilling_op.query_heads == core.query_heads
    if cp * dcp == 1:
        assert len(parts) == 1
        return
    assert float(decode.prefill_sequences) == float(decode.prefill_logits) == 0.0
    assert float(prefill.decode_sequences) == 0.0
    # What looks at no cache is placed as the step is.
    other = next(op for op in graph.operators if op.driver != "context")
    assert placed(other, step, layout) == [(other, step.shape)]


@given(layouts, st.integers(0, 300), st.integers(0, 40), st.integers(0, 40), st.integers(1, 8000))
def test_a_step_is_dealt_out_by_hand(layout, decoding, prompts, sampling, tokens):
    """Whole sequences go from rank to rank and round to round; the fullest has the most of them."""
    sampling = min(sampling, prompts)
    share = share_of_step(layout, decoding, prompts, tokens, 900, sampling, FLOATS)
    sequences = max((decoding + prompts) / layout.dp, 1.0)
    assert share.passes == min(layout.pp, int(sequences))
    halves = 1
    if layout.two_batch_overlap:
        halves = max(1, min(2, int(sequences / share.passes)))
    assert share.halves == halves
    places = layout.dp * share.passes * halves

    def fullest(items: int, among: int) -> int:
        return len(range(0, items, int(among)))

    assert share.decoding == fullest(decoding, places * layout.cp)
    whole = fullest(prompts, places)
    assert share.prompts == (prompts / places if layout.balanced_prefill else whole)
    assert share.sampling == fullest(sampling, places)
    # Context-parallel ranks take equal parts of a chunk from both of its ends.
    assert share.chunk == tokens / layout.cp
    assert share.past == pytest.approx(900 + (tokens - tokens / layout.cp) / 2)
    assert share.parts == layout.batch_ways * share.passes * halves
