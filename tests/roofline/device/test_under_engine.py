"""What an engine reaches of a device, constant by constant; and idle watts that are known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.roofline.device.device import resolve
from simulator.roofline.device.power import power_calibration
from simulator.roofline.device.sheet_errors import SheetErrors
from simulator.roofline.device.under_engine import under_engine
from simulator.roofline.laws.power.constants import PowerShares
from simulator.specs import catalogue
from simulator.specs.quantity import Quantity

GENERIC = catalogue.engine_profile("generic").model_copy(update={"kernels": {}, "start_share": {}})
SHARED = ("matmul", "experts", "attention")
COMPUTE = ("peak_fraction", "burst_fraction", "matrix_fraction")
MEMORY = ("bandwidth_fraction", "row_fraction")
STARTS = ("start_s", "launch_s", "latency_s", "kernel_s", "routing_s")


def engine(**changes):
    return GENERIC.model_copy(update=changes)


@settings(max_examples=10)
@given(
    st.sampled_from(["h200-sxm", "apple-m4-pro", "rtx-4090"]),
    st.floats(0.3, 1.0),
    st.floats(0.3, 1.0),
    st.floats(0.2, 2.0),
    st.floats(0.0, 1.0),
)
def test_every_constant_is_scaled_by_what_it_is_a_share_of(name, compute, memory, limit, starts):
    device = resolve(catalogue.hardware(name))
    most = min(1.0, limit)
    profile = engine(
        compute_share={device.device_class: Quantity(value=compute)},
        bandwidth_share={device.device_class: Quantity(value=memory)},
        bandwidth_limit=Quantity(value=limit * device.bandwidth_bytes_per_s),
        start_share={"matmul": Quantity(value=starts)},
    )
    found = under_engine(device, profile).book.constants
    assert found.keys() == device.book.constants.keys()
    for law, constants in device.book.constants.items():
        root = law.split(".")[0]
        for constant, value in constants.items():
            expected = value
            if root in SHARED and constant in COMPUTE:
                expected = min(1.0, value * compute)
            if root in SHARED and constant in MEMORY:
                expected = min(most, value * memory)
            if root == "matmul" and constant in STARTS:
                expected = value * starts
            assert found[law][constant] == pytest.approx(expected, rel=1e-12), (law, constant)


def test_an_engine_without_kernels_of_its_own_has_those_of_the_device():
    device = resolve(catalogue.hardware("h200-sxm"))
    found = under_engine(device, GENERIC)
    assert found.book.constants == device.book.constants
    others = engine(compute_share={"tpu": Quantity(value=0.1)})
    assert under_engine(device, others).book.constants == device.book.constants


@pytest.mark.parametrize(("name", "is_gpu"), [("h200-sxm", True), ("tpu-v6e", False)])
def test_kernels_of_an_engine_run_on_gpus_alone(name, is_gpu):
    device = resolve(catalogue.hardware(name))
    found = under_engine(device, engine(kernels={"matmul": "triton"}))
    family = found.book.sections["matmul"].family
    assert (family == "triton") == is_gpu


def test_nothing_is_uncertain_of_a_rate_without_an_interval():
    certain = SheetErrors()
    assert certain.is_certain
    assert (certain.memory, certain.link, certain.power, dict(certain.compute)) == (0, 0, 0, {})
    for changes in ({"memory": 0.1}, {"link": 0.1}, {"compute": {"bf16": 0.1}}):
        assert not SheetErrors(**changes).is_certain
    assert SheetErrors(power=0.1).is_certain


SHARES = PowerShares(idle=0.2, active=0.1, compute=2.0, memory=0.8, clock_exponent=1.7)


def test_a_known_idle_power_leaves_a_busy_device_what_it_drew():
    plain = power_calibration(SHARES, 500.0, {"bf16": 1e15}, 4e12)
    known = power_calibration(SHARES, 500.0, {"bf16": 1e15}, 4e12, idle_w=60.0)
    assert (plain.idle_w, plain.active_w) == pytest.approx((100.0, 50.0))
    assert (known.idle_w, known.active_w) == pytest.approx((60.0, 90.0))
    # More at rest than anybody thought it drew at work: nothing comes on top.
    assert power_calibration(SHARES, 500.0, {}, 4e12, idle_w=170.0).active_w == 0.0
    assert known.limit_w == pytest.approx(SHARES.sustained_limit * 500.0)
    assert known.joules_per_flop["bf16"] == pytest.approx(2.0 * 500.0 / 1e15)
    assert known.joules_per_hbm_byte == pytest.approx(0.8 * 500.0 / 4e12)


def test_idle_watts_are_those_of_the_main_engine():
    spec = catalogue.hardware("h200-sxm")
    stated = spec.power.model_copy(update={"idle": Quantity(value=77.0)})
    known = spec.model_copy(update={"power": stated})
    assert resolve(known).power.idle_w == 77.0
    name = spec.main_engine
    apart = known.engines[name].model_copy(update={"power_limit": Quantity(value=300.0)})
    other = known.model_copy(update={"engines": {**known.engines, name: apart}})
    assert resolve(other).power.idle_w != 77.0
    unknown = spec.model_copy(update={"power": spec.power.model_copy(update={"idle": None})})
    assert resolve(unknown).power.idle_w > 0
