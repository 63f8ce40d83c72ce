"""Deployments on their devices: spellings of a layout, refusals, capacity, and many replicas."""

import pytest

from simulator.errors import InputError
from simulator.simulate.predict import predict
from simulator.simulate.replica import replica_of
from simulator.simulate.representative import MOST_SIMULATED, sample_of
from simulator.specs.deployment import Deployment


def setup(hardware: str, model: str, **fields):
    return replica_of(hardware, model, Deployment(**fields))


def test_devices_make_replicas_of_the_layout() -> None:
    assert Deployment(tp=4, pp=2, devices=64).replicas == 8
    with pytest.raises(ValueError, match="multiple"):
        Deployment(tp=8, devices=12)


def test_experts_wider_than_tp_bring_data_parallel_attention() -> None:
    found = Deployment(ep=32)
    assert (found.dp, found.devices_per_replica) == (32, 32)
    assert Deployment(tp=8, ep=8).dp == 1


def test_attention_ranks_inside_tp_as_sglang_counts_them() -> None:
    found = Deployment(engine="sglang", tp=8, dp=8, ep=8, devices=8)
    assert (found.tp, found.dp, found.ep, found.replicas) == (1, 8, 8, 1)
    assert Deployment(tp=8, dp=2, devices=16).tp == 8


def test_data_parallel_attention_multiplies_the_latent_cache() -> None:
    copied = setup("h200-sxm", "deepseek-v3", tp=8, precision="fp8")
    apart = setup("h200-sxm", "deepseek-v3", dp=8, ep=8, precision="fp8")
    shared = setup("h200-sxm", "deepseek-v3", tp=8, dcp=8, precision="fp8")
    # Dense weights are whole on every rank of dp, so less than eight times as much is left.
    assert 4 < apart.kv_capacity_tokens / copied.kv_capacity_tokens < 8
    assert shared.kv_capacity_tokens == pytest.approx(8 * copied.kv_capacity_tokens, rel=1e-3)


def test_a_model_that_does_not_fit_is_told_what_would() -> None:
    with pytest.raises(InputError) as error:
        setup("h200-sxm", "llama-3.1-70b", precision="bf16")
    for idea in ("tp 2", "pp 2", "precision fp8"):
        assert idea in str(error.value)
    with pytest.raises(InputError, match="dp 8 × ep 8"):
        setup("h200-sxm", "deepseek-v3", precision="fp8")


def test_a_replica_beyond_the_links_is_told_what_they_join() -> None:
    with pytest.raises(InputError, match=r"6144 and has no scale-out") as error:
        setup("maia-200", "llama-3.1-70b", tp=8, dp=1024)
    assert "replicas" in str(error.value)
    with pytest.raises(InputError, match="no link"):
        setup("apple-m4", "llama-3.1-8b", tp=2)


@pytest.mark.parametrize(
    ("hardware", "fields"),
    [
        ("h200-sxm", {"tp": 16}),
        ("h200-sxm", {"tp": 8, "pp": 2}),
        ("mi300x", {"tp": 8}),
        ("gb200-nvl72", {"tp": 8, "dp": 8}),
        ("tpu-v7-pod", {"tp": 8}),
        ("maia-200", {"tp": 4, "pp": 4}),
        ("cloudmatrix-384", {"tp": 16}),
    ],
)
def test_any_topology_takes_a_layout_that_it_joins(hardware: str, fields: dict[str, int]) -> None:
    answer = predict(hardware, "llama-3.1-70b", batch=8, context=1000, precision="bf16", **fields)
    assert answer.step_time_s is not None
    assert 0.001 < answer.step_time_s < 0.2


@pytest.mark.parametrize(
    ("hardware", "devices"), [("maia-200-cluster", 6144), ("tpu-v7-pod", 9216)]
)
def test_a_whole_installation_costs_no_more_to_simulate_than_a_part(
    hardware: str, devices: int
) -> None:
    def serve(count: int):
        return predict(
            hardware, "llama-3.1-70b", phase="serve", engine="generic", precision="fp8",
            tp=8, devices=count, isl=256, osl=64, concurrency=count // 2,
            requests=2 * count,
        )  # fmt: skip

    part, whole = serve(8 * MOST_SIMULATED), serve(devices)
    grown = devices / (8 * MOST_SIMULATED)
    assert whole.tpot_s == pytest.approx(part.tpot_s, rel=1e-6)
    assert whole.output_tokens_per_s == pytest.approx(part.output_tokens_per_s * grown, rel=1e-6)
    assert whole.power_w == pytest.approx(part.power_w * grown, rel=1e-6)
    assert any("identical replicas" in note for note in whole.notes)


def test_few_replicas_are_all_simulated() -> None:
    assert sample_of(MOST_SIMULATED).is_whole
    assert sample_of(1000, concurrency=10).is_whole
    many = sample_of(160)
    assert (many.replicas, many.factor, many.users(1000)) == (MOST_SIMULATED, 10.0, 100)
