"""Steps of several passes are priced pass by pass, and runs add up whatever a step gives."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.parallel import Layout
from simulator.roofline.device.device import resolve
from simulator.roofline.step.decoding import LastToken, Pass
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable
from simulator.specs import catalogue


@dataclass(frozen=True)
class Twice:
    """The model runs twice, and ``tokens`` come out."""

    tokens: float = 2
    width: int = 2
    passes: tuple[Pass, ...] = (LastToken(), LastToken())


@pytest.fixture(scope="module")
def models() -> list[StepModel]:
    device = resolve(catalogue.hardware("h100-sxm"))
    engine = catalogue.engine_profile("vllm")
    model = catalogue.model("llama-3.1-8b")
    return [StepModel(build(model, layout), device, engine) for layout in (Layout(), Layout(dp=2))]


def tables(model: StepModel, tokens: float = 2) -> tuple[StepTable, StepTable]:
    return StepTable(model, 4096, 32768), StepTable(model, 4096, 32768, Twice(tokens))


def test_two_passes_take_the_time_and_energy_of_two(models) -> None:
    for model in nonempty(models):
        plain, twice = tables(model)
        one, two = plain.decode(7).run(900.0, 1), twice.decode(7).run(900.0, 1)
        assert two == pytest.approx((2 * one[0], 2 * one[1]), rel=1e-12)


def test_prompts_join_the_last_pass(models) -> None:
    for model in nonempty(models):
        plain, twice = tables(model)
        alone, joined = plain.decode(7).run(900.0, 1), plain.mixed(7, 900.0, 1, 512, 0.0, 1)
        both = twice.mixed(7, 900.0, 1, 512, 0.0, 1)
        assert both == pytest.approx((alone[0] + joined[0], alone[1] + joined[1]), rel=1e-12)
        assert twice.mixed(0, 0.0, 1, 512, 0.0, 1) == plain.mixed(0, 0.0, 1, 512, 0.0, 1)


@given(
    tokens=st.sampled_from([1, 2, 3, 1.37, 4.2]),
    context=st.floats(1, 9000),
    first=st.integers(1, 2000),
    second=st.integers(1, 2000),
)
@settings(deadline=None)
def test_runs_add_up(models, tokens, context, first, second) -> None:
    curve = tables(models[0], tokens)[1].decode(3)
    whole = curve.run(context, first + second)
    parts = curve.run(context, first), curve.run(context + first * tokens, second)
    assert whole[0] == pytest.approx(parts[0][0] + parts[1][0], rel=1e-9)
    assert whole[1] == pytest.approx(parts[0][1] + parts[1][1], rel=1e-9)
