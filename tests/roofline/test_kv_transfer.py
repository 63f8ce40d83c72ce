"""Loading cache beside compute: closed forms and the choice to compute again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.memory.tiers import memory_system
from simulator.roofline.device.device import resolve
from simulator.roofline.off_device.transfers import beside_layers_s, load_s, reload
from simulator.specs import catalogue
from simulator.specs.offload import CacheOffload, Offload

H200 = catalogue.hardware("h200-sxm")
DEVICE = resolve(H200)
SETTINGS = CacheOffload(host=100e9, storage=1e12)
SYSTEM = memory_system(H200, Offload(kv=SETTINGS))
spans = st.floats(0, 10)


@given(spans, spans, st.integers(1, 100))
def test_loading_by_layer_hides_all_but_one_layer(load: float, compute: float, layers: int) -> None:
    found = float(beside_layers_s(load, compute, layers))
    assert max(load, compute) <= found * (1 + 1e-12)
    assert found <= load + compute + 1e-12
    assert found <= max(load, compute) + max(load, compute) / layers + 1e-9
    assert beside_layers_s(load, compute, layers, by_layer=False) == load + compute


def test_a_load_takes_what_the_slowest_part_of_its_way_gives() -> None:
    assert load_s(SYSTEM, DEVICE, "host", 10e9, SETTINGS) == pytest.approx(10e9 / 54.3e9, rel=0.01)
    assert load_s(SYSTEM, DEVICE, "storage", 7e9, SETTINGS) == pytest.approx(1.0, rel=0.01)


def test_compression_helps_until_the_codec_binds() -> None:
    plain = load_s(SYSTEM, DEVICE, "host", 10e9, SETTINGS)
    packed = CacheOffload(host=100e9, bytes_share=0.25, codec_bandwidth=400e9)
    slow = CacheOffload(host=100e9, bytes_share=0.25, codec_bandwidth=20e9)
    assert load_s(SYSTEM, DEVICE, "host", 10e9, packed) == pytest.approx(plain / 4, rel=0.01)
    assert load_s(SYSTEM, DEVICE, "host", 10e9, slow) == pytest.approx(0.5)


def test_the_quicker_of_loading_and_computing_is_taken() -> None:
    found = reload([0.1, 2.0], [1.0, 1.0], 0.0, 32, SETTINGS)
    assert found.loads.tolist() == [True, False]
    np.testing.assert_allclose(found.exposed_s, [0.1, 1.0])
    always = reload([0.1, 2.0], 1.0, 0.0, 32, CacheOffload(reload="always"))
    np.testing.assert_allclose(always.exposed_s, [0.1, 2.0])


def test_a_tier_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no tier 'remote'"):
        load_s(SYSTEM, DEVICE, "remote", 1e9, SETTINGS)
