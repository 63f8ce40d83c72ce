"""``offload.kv`` from the scenario to the figures of its result."""

import json

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.memory.tiers import memory_system
from simulator.roofline.off_device.host_path import host_path
from simulator.simulate.cache_tiers import with_cache_tiers
from simulator.simulate.replica import replica_of
from simulator.simulate.run import simulate
from simulator.specs.deployment import Deployment
from simulator.specs.offload import CacheOffload, Offload
from simulator.specs.reading import validate
from simulator.specs.scenario import Scenario

CHAT = {
    "kind": "synthetic",
    "arrivals": {"process": "poisson", "rate": 4},
    "conversations": {"turns": 6, "think_time": 20},
    "input_tokens": 2000,
    "output_tokens": 100,
    "requests": 300,
    "seed": 2,
}


def served(kv=None, hardware="h100-sxm", workload=CHAT, model="llama-3.1-8b", **deployment):
    if kv is not None:
        deployment = deployment | {"offload": {"kv": kv}}
    fields = {
        "name": "tiers", "hardware": hardware, "model": model,
        "deployment": {"kv_blocks": 3000} | deployment, "workload": workload,
    }  # fmt: skip
    return simulate(validate(Scenario, fields, None))


def test_a_host_tier_finds_what_the_device_had_to_evict():
    without, with_host = served(), served({"host": "100 GB"})
    m = with_host.metrics
    assert m.hit_rate > without.metrics.hit_rate + 0.2
    assert m.ttft_s.mean < without.metrics.ttft_s.mean
    assert sum(m.hits_by_tier.values()) == pytest.approx(m.hit_rate)
    assert m.read_bytes_by_tier["host"] == pytest.approx(
        m.hits_by_tier["host"] * m.input_tokens * 131072, rel=0.02
    )
    assert m.bytes_by_tier["host"] > m.read_bytes_by_tier["host"]
    written = json.loads(json.dumps(with_host.to_dict()))
    assert written["hits_by_tier"] == pytest.approx(m.hits_by_tier)
    assert written["bytes_by_tier"] == pytest.approx(m.bytes_by_tier)
    assert without.to_dict()["bytes_by_tier"] == {}


def test_every_tier_has_the_link_and_the_rate_of_its_memory():
    kv = CacheOffload(host=1e11, storage=1e12, remote=1e12, remote_bandwidth=5e9)
    deployment = Deployment(offload=Offload(kv=kv))
    setup = replica_of("h100-sxm", "llama-3.1-8b", deployment)
    tiers = with_cache_tiers(setup).lower_tiers
    assert [tier.name for tier in tiers.tiers] == ["host", "storage", "remote"]
    assert tiers.bytes_per_token == 131072
    assert tiers.layers == 32
    system = memory_system(setup.hardware, deployment.offload)
    ways = {
        tier.name: host_path(system, tier.name, setup.device, field="offload.kv")
        for tier in tiers.tiers
    }
    for nbytes in (1e7, 1e9, 1e11):
        alone = float(ways["host"].copy_s(nbytes))
        assert tiers.link.seconds(nbytes) == pytest.approx(alone, rel=1e-3, abs=1e-5)
        for tier in tiers.tiers[1:]:
            alone = float(ways[tier.name].copy_s(nbytes))
            assert tier.channel.seconds(nbytes) == pytest.approx(alone, rel=1e-2, abs=1e-5)
            assert tier.channel.seconds(nbytes) > nbytes / 64e9


def test_data_parallel_ranks_have_hosts_and_links_of_their_own():
    one, four = (
        with_cache_tiers(
            replica_of(
                "h200-sxm", "llama-3.1-8b", Deployment(dp=dp, offload=Offload(kv={"host": 1e11}))
            )
        ).lower_tiers
        for dp in (1, 4)
    )
    assert four.tiers[0].capacity_bytes == 4 * one.tiers[0].capacity_bytes
    assert (four.lanes, four.devices) == (4, 1)


def test_tensor_parallel_devices_load_their_parts_side_by_side():
    tiers = with_cache_tiers(
        replica_of("h100-sxm", "llama-3.1-8b", Deployment(tp=4, offload=Offload(kv={"host": 1e10})))
    ).lower_tiers
    assert tiers.bytes_per_token == 131072 / 4
    assert (tiers.lanes, tiers.devices) == (1, 4)


def test_tiers_need_a_prefix_cache():
    with pytest.raises(InputError, match="keeps no prefixes"):
        served({"host": "10 GB"}, prefix_caching=False)


@pytest.mark.parametrize(
    "offload", [{"kv": {"host": 1e9}}, {"weights": {"policy": "on-demand", "layers": 2}}]
)
def test_pipeline_stages_are_refused(offload):
    deployment = Deployment(pp=2, offload=Offload.model_validate(offload))
    with pytest.raises(InputError, match="pipeline stages"):
        replica_of("h100-sxm", "llama-3.1-8b", deployment)


def test_pools_keep_tiers_behind_the_caches_of_prompts():
    both = {"prefill": {"replicas": 2}, "decode": {"tp": 2}}
    router = {"router": "session-sticky"}
    without = served(scheduling=router, **both)
    found = served({"host": "100 GB"}, scheduling=router, **both)
    assert found.metrics.hits_by_tier["host"] > 0.1
    assert found.metrics.ttft_s.mean < without.metrics.ttft_s.mean


def test_no_first_token_comes_before_its_bytes():
    """One request at a time, so each load is alone on a link that is slow."""
    shared = {"tokens": 6000, "groups": 3}
    workload = CHAT | {
        "arrivals": {"process": "constant", "rate": 0.05}, "shared_prefix": shared,
        "input_tokens": 100, "requests": 30,
    }  # fmt: skip
    workload.pop("conversations")
    kv = {"host": "100 GB", "reload": "always"}
    result = served(kv, workload=workload, kv_blocks=800)
    records = result.records
    # 800 blocks hold two of the three texts, so most prompts load theirs.
    loaded = records.cached_tokens > 0
    assert loaded.sum() > 5
    assert result.metrics.hits_by_tier["host"] > 0
    per_token = 131072 / 63e9
    quickest = records.ttft_s[loaded & (records.ttft_s < np.median(records.ttft_s[~loaded]))]
    host_tokens = result.metrics.hits_by_tier["host"] * result.metrics.input_tokens
    assert records.ttft_s[loaded].sum() > host_tokens * per_token
    assert quickest.size


def test_mooncake_comes_near_its_ideal_with_a_host_tier(shared_data):
    file = shared_data / "traces" / "mooncake_fast25" / "conversation_trace.jsonl"
    workload = {"kind": "trace", "file": str(file), "limit": 3000}
    ideal = 0.3197  # of the first 3,000 prompts' tokens, were nothing ever forgotten
    options = {
        "workload": workload, "kv_blocks": None, "precision": "fp8", "kv_precision": "bf16",
        "replicas": 4,
        "scheduling": {"router": "prefix-aware"},
    }  # fmt: skip
    kv = {"host": "3.9 TB", "reload": "always"}
    without = served(**options).metrics
    large = served(**options, offload={"kv": kv, "host_memory": "4 TB"}).metrics
    assert without.hit_rate < 0.12
    assert 0.97 * ideal < large.hit_rate <= 1.001 * ideal
    assert large.ttft_s.mean < 0.85 * without.ttft_s.mean
    # Each replica read over a link of its own for no longer than the whole run.
    assert large.read_bytes_by_tier["host"] < 4 * 64e9 * large.makespan_s


def test_a_machine_of_one_memory_keeps_prefixes_on_its_drive():
    deployment = Deployment(
        engine="vllm", prefix_caching=True, offload=Offload(kv={"storage": 1e11})
    )
    setup = replica_of("apple-m4-pro", "llama-3.1-8b", deployment)
    tiers = with_cache_tiers(setup).lower_tiers
    assert tiers.link is None
    assert tiers.tiers[0].channel.seconds(1e9) > 0.1
    with pytest.raises(InputError, match="one memory that all its processors share"):
        replica_of("apple-m4-pro", "llama-3.1-8b", Deployment(offload=Offload(kv={"host": 1e9})))
