"""What a device is made of: what its file says, and what stands in where it says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.roofline.device.device import resolve
from simulator.specs import catalogue
from simulator.specs.calibration import Calibration
from simulator.specs.quantity import Quantity


def test_a_node_is_eight_devices_where_its_link_does_not_say():
    spec = catalogue.hardware("h200-sxm")
    near = spec.links.scale_up.model_copy(update={"domain": None})
    far = spec.links.scale_out.model_copy(update={"domain": None})
    links = spec.links.model_copy(update={"scale_up": near, "scale_out": far})
    found = resolve(spec.model_copy(update={"links": links}))
    assert found.scale_up.fabric.devices == 8
    # A network between nodes has no end that anybody would reach.
    assert found.scale_out.fabric.devices >= 100_000


@given(st.integers(2, 64), st.floats(1e9, 1e12))
def test_all_peers_of_a_mesh_together_get_what_a_device_can_send(devices, bandwidth):
    spec = catalogue.hardware("mi300x")
    near = spec.links.scale_up.model_copy(
        update={
            "topology": "mesh",
            "domain": devices,
            "bandwidth": Quantity(value=bandwidth),
            "per_peer": None,
        }
    )

    def fabric(link):
        links = spec.links.model_copy(update={"scale_up": link})
        return resolve(spec.model_copy(update={"links": links})).scale_up.fabric

    mesh = fabric(near)
    assert mesh.peer_bandwidth_bytes_per_s * (devices - 1) == pytest.approx(bandwidth)
    stated = fabric(near.model_copy(update={"per_peer": Quantity(value=bandwidth / 100)}))
    assert stated.peer_bandwidth_bytes_per_s == pytest.approx(bandwidth / 100)
    # Behind a switch a single peer gets it all; a ring is one axis of all devices.
    switch = fabric(near.model_copy(update={"topology": "switched"}))
    assert switch.peer_bandwidth_bytes_per_s == bandwidth
    assert fabric(near.model_copy(update={"topology": "ring"})).dims == (devices,)
    alone = fabric(near.model_copy(update={"domain": 1}))
    assert alone.peer_bandwidth_bytes_per_s == bandwidth


def test_errors_that_a_calibration_states_are_those_of_its_laws():
    spec = catalogue.hardware("h200-sxm")
    name = spec.main_engine
    stated = Calibration(measured_with="a test", residual={"matmul": Quantity(value=0.123)})
    engine = spec.engines[name].model_copy(update={"calibration": stated})
    found = resolve(spec.model_copy(update={"engines": {**spec.engines, name: engine}}))
    assert found.book.residual("matmul") == 0.123
    assert found.book.residual("matmul.bf16") != 0.3
    # What it says nothing of errs as its class does.
    bare = resolve(
        spec.model_copy(
            update={
                "engines": {
                    **spec.engines,
                    name: spec.engines[name].model_copy(update={"calibration": None}),
                }
            }
        )
    )
    assert found.book.residual("elementwise") == bare.book.residual("elementwise")


def test_an_engine_of_a_chip_is_named_behind_it():
    spec = catalogue.hardware("apple-m2-ultra")
    assert resolve(spec).name == "apple-m2-ultra"
    assert resolve(spec, "cpu").name == "apple-m2-ultra:cpu"


@pytest.mark.parametrize("chip", ["mi300x", "h200-sxm", "tpu-v6e", "apple-m4-pro"])
def test_rates_are_those_of_the_data_sheet(chip):
    spec = catalogue.hardware(chip)
    device = resolve(spec)
    engine = spec.engines[spec.main_engine]
    assert device.units == float(engine.units)
    assert device.peaks == {str(name): float(value) for name, value in engine.peak.items()}
    bandwidth = engine.memory_bandwidth or spec.memory.main.bandwidth
    assert device.bandwidth_bytes_per_s == float(bandwidth)
    assert 0 < device.memory_bytes <= float(spec.memory.main.capacity)
