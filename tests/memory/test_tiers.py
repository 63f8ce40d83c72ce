"""Tiers of real devices, and refusals that show their arithmetic."""

import pytest

from simulator.errors import InputError
from simulator.memory.tiers import memory_system, shared_bandwidth_bytes_per_s
from simulator.specs import catalogue
from simulator.specs.offload import CacheOffload, Offload, TableOffload


def test_a_gpu_has_host_memory_behind_its_bus() -> None:
    system = memory_system(catalogue.hardware("h200-sxm"))
    assert list(system.tiers) == ["cache", "device", "host"]
    assert system.tiers["host"].path == ("host",)
    assert system.bandwidth_bytes_per_s("host") == system.links["host"].bandwidth_bytes_per_s
    assert system.bandwidth_bytes_per_s("device") == 4.8e12


def test_a_drive_is_slower_than_the_bus_before_it() -> None:
    system = memory_system(
        catalogue.hardware("h200-sxm"), Offload(tables=TableOffload(place="storage"))
    )
    assert system.bandwidth_bytes_per_s("storage") == 7e9
    assert system.tiers["storage"].granule_bytes == 4096


def test_a_remote_store_is_as_fast_as_its_network() -> None:
    settings = Offload(kv=CacheOffload(remote=1e15, remote_bandwidth=25e9))
    system = memory_system(catalogue.hardware("h200-sxm"), settings)
    assert system.bandwidth_bytes_per_s("remote") == 25e9
    assert system.tiers["remote"].path == ("host", "network")


@pytest.mark.parametrize(
    "name", ["apple-m4-pro", "snapdragon-x2-elite", "ryzen-ai-max-395", "dgx-spark"]
)
def test_unified_memory_has_nothing_to_offload_to(name: str) -> None:
    system = memory_system(catalogue.hardware(name))
    assert system.unified
    with pytest.raises(InputError, match="one memory that all its processors share"):
        system.tier("host", field="offload.weights.place")


def test_the_operating_system_keeps_its_share_of_unified_memory() -> None:
    system = memory_system(catalogue.hardware("apple-m4-pro"))
    assert system.tiers["device"].capacity_bytes == pytest.approx(0.75 * 64 * 2**30)


def test_processors_share_one_bandwidth() -> None:
    system = memory_system(catalogue.hardware("apple-m4-pro"))
    assert shared_bandwidth_bytes_per_s(system, 73e9) == pytest.approx(200e9)
    assert shared_bandwidth_bytes_per_s(system, 1e12) == pytest.approx(136.5e9)


def test_a_wafer_has_no_link_to_a_host() -> None:
    system = memory_system(catalogue.hardware("cerebras-wse-3"))
    with pytest.raises(InputError, match="has no link to a host"):
        system.tier("host", field="offload.tables.place")


def test_what_exceeds_a_tier_is_refused_with_the_sum() -> None:
    system = memory_system(catalogue.hardware("h200-sxm"))
    with pytest.raises(InputError) as refused:
        system.require_room("host", {"weights": 100e9, "tables": 200e9}, field="offload")
    for text in ("100 GB weights", "200 GB tables", "300 GB", "250 GB", "50 GB"):
        assert text in str(refused.value)
