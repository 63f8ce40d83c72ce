"""Steps of several passes are priced pass by pass, and runs add up whatever a step gives."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.step.decoding import Pass, Plain
from simulator.roofline.step.drafted_table import DraftedTable
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable
from simulator.specs import catalogue


@dataclass(frozen=True)
class Gaining(Plain):
    """``tokens`` a step."""

    tokens: float = 2


@pytest.fixture(scope="module")
def models() -> list[StepModel]:
    device = resolve(catalogue.hardware("h100-sxm"))
    engine = catalogue.engine_profile("vllm")
    model = catalogue.model("llama-3.1-8b")
    return [StepModel(build(model, layout), device, engine) for layout in (Layout(), Layout(dp=2))]


def tables(model: StepModel, tokens: float = 2) -> tuple[StepTable, DraftedTable]:
    mode = Gaining(tokens)
    plain = StepTable(model, 4096, 32768)
    own = StepTable(model, 4096, 32768, mode=mode)
    return plain, DraftedTable(plain, own, ((plain, 1), (silent(model), 2)), mode)


def silent(model: StepModel) -> StepTable:
    return StepTable(model, 4096, 32768, Pass(reads_prompts=False))


def test_passes_take_the_time_and_energy_of_all(models) -> None:
    for model in nonempty(models):
        plain, drafted = tables(model)
        one, all_four = plain.decode(7).run(900.0, 1), drafted.decode(7).run(900.0, 1)
        assert all_four == pytest.approx((4 * one[0], 4 * one[1]), rel=1e-12)


def test_prompts_join_the_passes_that_read_them(models) -> None:
    for model in nonempty(models):
        plain, drafted = tables(model)
        alone, joined = plain.decode(7).run(900.0, 1), plain.mixed(7, 900.0, 1, 512, 0.0, 1)
        both = drafted.mixed(7, 900.0, 1, 512, 0.0, 1)
        expected = [2 * a + 2 * j for a, j in zip(alone, joined, strict=True)]
        assert both == pytest.approx(expected, rel=1e-12)
        prompts = plain.mixed(0, 0.0, 1, 512, 0.0, 1)
        assert drafted.mixed(0, 0.0, 1, 512, 0.0, 1) == (2 * prompts[0], 2 * prompts[1])


def test_more_sequences_than_draft_decode_plainly_while_what_drafts_reads_prompts(models) -> None:
    plain, _ = tables(models[0])
    few = DraftedTable(plain, plain, ((plain, 1), (silent(models[0]), 2)), Gaining(2, up_to=6))
    assert few.decode(7) is plain.decode(7)
    alone, beside = plain.mixed(0, 0.0, 1, 512, 0.0, 1), plain.mixed(7, 900.0, 1, 512, 0.0, 1)
    found = few.mixed(7, 900.0, 1, 512, 0.0, 1)
    assert found == pytest.approx((alone[0] + beside[0], alone[1] + beside[1]), rel=1e-12)


@pytest.mark.parametrize(
    "name", ["llama-3.1-8b", "deepseek-v3", "gpt-oss-120b", "qwen3-next-80b-a3b"]
)
def test_rows_of_one_sequence_read_its_cache_once(name) -> None:
    """Five rows of a sequence cost more than one, and less than five sequences of one row."""
    graph = build(catalogue.model(name), Layout(tp=8))
    model = StepModel(
        graph, resolve(catalogue.hardware("h200-sxm")), catalogue.engine_profile("vllm")
    )
    shapes = StepShape.decode(16.0, 20_000.0), StepShape.decode(80.0, 20_000.0)
    one_s, five_s = (float(model.times(shape)[0]) for shape in shapes)
    verified = Pass(width=5, sampled=5).of(shapes[0])
    assert one_s < float(model.times(verified)[0]) < five_s
    assert float(verified.tokens) == float(verified.logit_rows) == 80.0


@given(
    tokens=st.sampled_from([1, 2, 3, 1.37, 4.2]),
    context=st.floats(1, 9000),
    first=st.integers(1, 2000),
    second=st.integers(1, 2000),
)
@settings(deadline=None)
def test_runs_add_up(models, tokens, context, first, second) -> None:
    curve = tables(models[0], tokens)[1].decode(3)
    assert curve.tokens == tokens
    whole = curve.run(context, first + second)
    parts = curve.run(context, first), curve.run(context + first * tokens, second)
    assert whole[0] == pytest.approx(parts[0][0] + parts[1][0], rel=1e-9)
    assert whole[1] == pytest.approx(parts[0][1] + parts[1][1], rel=1e-9)
