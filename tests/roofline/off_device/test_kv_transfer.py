"""Loading cache entries from a far tier: a line, at the rate of the slowest part of the way."""

import pytest

from simulator.errors import InputError
from simulator.memory.tiers import memory_system
from simulator.roofline.device.device import resolve
from simulator.roofline.off_device.transfers import channel
from simulator.specs import catalogue
from simulator.specs.offload import CacheOffload, Offload

H200 = catalogue.hardware("h200-sxm")
DEVICE = resolve(H200)
SYSTEM = memory_system(H200, Offload(kv=CacheOffload(host=100e9, storage=1e12)))


@pytest.mark.parametrize(("place", "rate"), [("host", 54.3e9), ("storage", 7e9)])
def test_a_load_takes_what_the_slowest_part_of_its_way_gives(place: str, rate: float) -> None:
    way = channel(SYSTEM, DEVICE, place)
    assert way.seconds(10e9) == pytest.approx(10e9 / rate, rel=0.01)
    assert way.seconds(0.0) == 0.0


def test_a_tier_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="no tier 'remote'"):
        channel(SYSTEM, DEVICE, "remote")
