"""A step under power caps: the calibrated one where none binds, and never more than the cap."""

import numpy as np
import pytest

from simulator.graph.step_shape import StepShape
from simulator.roofline.step.capped import capped
from simulator.simulate.replica import replica_of
from simulator.specs.deployment import Deployment

DECODE = StepShape.decode(np.array(64.0), np.array(2048.0))
PROMPT = StepShape.prefill(np.array(4.0), np.array(2048.0))


@pytest.fixture(scope="module", params=["h100-sxm", "b200"])
def model(request):
    return replica_of(request.param, "llama-3.1-8b", Deployment()).step_model


@pytest.mark.parametrize("shape", [DECODE, PROMPT], ids=["decode", "prompt"])
def test_a_cap_at_the_limit_leaves_the_calibrated_step(model, shape):
    time_s, energy_j = model.times(shape)
    found = capped(model, shape, np.array([model.device.power.limit_w]))
    assert found.time_s[0] == pytest.approx(float(time_s), rel=1e-9)
    assert found.power_w[0] == pytest.approx(float(energy_j / time_s), rel=1e-6)


@pytest.mark.parametrize("shape", [DECODE, PROMPT], ids=["decode", "prompt"])
def test_lower_caps_are_kept_and_never_faster(model, shape):
    caps = np.linspace(1.0, 0.35, 12) * model.device.power.limit_w
    found = capped(model, shape, caps)
    assert found.is_kept.all()
    assert (found.power_w <= caps * (1 + 1e-6)).all()
    assert (np.diff(found.time_s) >= -1e-12).all()
    assert (np.diff(found.clock) <= 1e-12).all()


def test_prompts_slow_down_before_decoding_does(model):
    caps = np.array([1.0, 0.75]) * model.device.power.limit_w
    prompt, decode = (capped(model, shape, caps).time_s for shape in (PROMPT, DECODE))
    assert prompt[1] / prompt[0] > 1.05
    assert decode[1] / decode[0] < 1.02


def test_a_cap_that_no_clock_keeps_is_told(model):
    power = model.device.power
    found = capped(model, PROMPT, np.array([power.idle_w + 1e-3]))
    assert not found.is_kept[0]
    assert found.clock[0] == pytest.approx(power.lowest_clock)
