"""How much a step errs, law by law."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.build import build
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import class_only, resolve
from simulator.roofline.device.sheet_errors import SheetErrors
from simulator.roofline.laws.kinds import PROMPTS
from simulator.roofline.step.step import StepModel
from simulator.specs import catalogue

GRAPH = build(catalogue.model("qwen3-30b-a3b"))
PROFILE = catalogue.engine_profile("generic")
SHAPES = st.one_of(
    st.builds(StepShape.decode, st.integers(1, 500), st.integers(1, 9000)),
    st.builds(StepShape.prefill, st.integers(1, 4), st.integers(1, 9000)),
)
SHEETS = st.builds(
    SheetErrors,
    memory=st.sampled_from([0.0, 0.3]),
    link=st.sampled_from([0.0, 0.2]),
    compute=st.sampled_from([{}, {"bf16": 0.4}]),
)


@pytest.mark.parametrize("name", ["h100-sxm", "apple-m4-pro", "a100-sxm-80gb"])
@pytest.mark.parametrize("is_measured", [True, False])
@given(shape=SHAPES, sheet=SHEETS)
def test_laws_err_together_within_and_apart_from_each_other(name, is_measured, shape, sheet):
    spec = catalogue.hardware(name)
    device = resolve(spec) if is_measured else class_only(spec, resolve(spec))
    model = StepModel(GRAPH, replace(device, sheet=sheet), PROFILE)
    parts = [part for _, found in model.loads(shape) for part in found]
    step_s = float(model.evaluate(shape).time_s)
    laws = {part.law for part in parts}
    shares = {law: sum(float(p.time_s) for p in parts if p.law == law) / step_s for law in laws}
    squares = [(share * device.book.residual(law)) ** 2 for law, share in shares.items()]
    # The rest of the step is the engine's.
    squares.append((max(1 - sum(shares.values()), 0.0) * float(PROFILE.residual)) ** 2)
    squares.append(float(PROFILE.unlike) ** 2)

    def bound_by(kind, among) -> float:
        return sum(float(p.time_s) for p in among if str(p.bound) == kind) / step_s

    squares.append((bound_by("compute", parts) * device.book.prompts_residual) ** 2)
    # The data sheet counts where nobody measured what it leads to.
    unmeasured = [p for p in parts if not device.book.is_calibrated(p.law)]
    squares.append((bound_by("memory", unmeasured) * sheet.memory) ** 2)
    squares.append((bound_by("link", unmeasured) * sheet.link) ** 2)
    narrow = [p for p in unmeasured if set(p.flops) & set(sheet.compute)]
    squares.append((bound_by("compute", narrow) * 0.4) ** 2)
    found = float(model.evaluate(shape).relative_sigma)
    assert found == pytest.approx(math.sqrt(sum(squares)), rel=1e-9)


def test_some_device_errs_with_its_prompts():
    devices = [resolve(catalogue.hardware(name)) for name in ("h100-sxm", "apple-m4-pro")]
    assert PROMPTS
    assert any(device.book.prompts_residual > 0 for device in devices)
