"""What nobody has published for certain makes every figure that rests on it less certain."""

import math

import pytest

from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import class_only, resolve
from simulator.simulate.replica import replica_of
from simulator.specs import catalogue
from simulator.specs.deployment import Deployment
from simulator.specs.quantity import Z_80, Quantity

UNCERTAIN = Quantity(value=2e12, low=1e12, high=4e12)


def hardware(name="h100-sxm", **main):
    found = catalogue.hardware(name)
    memory = found.memory.model_copy(update={"main": found.memory.main.model_copy(update=main)})
    return found.model_copy(update={"memory": memory})


def step_sigma(device, shape):
    setup = replica_of("h100-sxm", "llama-3.1-8b", Deployment())
    model = type(setup.step_model)(setup.graph, device, setup.profile)
    return float(model.evaluate(shape).relative_sigma)


DECODE, PREFILL = StepShape.decode(4, 1000.0), StepShape.prefill(1, 4096)


def test_an_interval_is_read_as_a_standard_deviation():
    assert UNCERTAIN.relative_sigma == pytest.approx(math.log(4) / 2 / Z_80)
    assert resolve(hardware(bandwidth=UNCERTAIN)).sheet.memory == UNCERTAIN.relative_sigma
    assert resolve(hardware()).sheet.is_certain


def test_an_uncertain_bandwidth_widens_what_memory_binds():
    sure = hardware(bandwidth=Quantity(value=2e12))
    unsure = hardware(bandwidth=UNCERTAIN)
    bare_sure, bare_unsure = (class_only(h, resolve(h)) for h in (sure, unsure))
    before, after = step_sigma(bare_sure, DECODE), step_sigma(bare_unsure, DECODE)
    assert after > 1.2 * before
    # Nearly all of the step is bound by memory.
    assert after == pytest.approx(math.hypot(before, UNCERTAIN.relative_sigma), rel=0.15)
    assert step_sigma(bare_unsure, PREFILL) < 1.1 * step_sigma(bare_sure, PREFILL)


def test_constants_that_were_fitted_to_a_device_make_up_for_its_data_sheet():
    sure = resolve(hardware(bandwidth=Quantity(value=2e12)))
    unsure = resolve(hardware(bandwidth=UNCERTAIN))
    assert "matmul" in unsure.book.calibrated
    assert step_sigma(unsure, DECODE) == pytest.approx(step_sigma(sure, DECODE), rel=1e-12)


def test_an_assumed_power_limit_widens_the_power():
    found = catalogue.hardware("apple-m1-max")
    assert found.power.limit.relative_sigma > 0
    device = resolve(found)
    own = device.book.residual("power")
    assert device.power_sigma == pytest.approx(math.hypot(own, found.power.limit.relative_sigma))
