"""Bytes that a sequence keeps: published figures, windows, states and formats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.specs import catalogue

PER_TOKEN = {
    "llama-3.1-8b": 131_072,
    "llama-3.1-405b": 516_096,
    "deepseek-r1": 61 * 576 * 2,
    "deepseek-v3.2": 46_848,
    "deepseek-v4-pro": 4_939.5,
    "deepseek-v4-flash": 3_450,
    "glm-5": 78 * (640 + 128),
    "glm-5.2": 78 * 640 + 21 * 128,
    "qwen3.5-397b-a17b": 30_720,
    "kimi-k3": 24 * 576 * 2,
    "lfm2.5-1.2b": 12_288,
    "gpt-oss-120b": 18 * 2 * 8 * 64 * 2,
    "gemma-3-27b": 10 * 2 * 16 * 128 * 2,
    "gemma-4-26b-a4b": 5 * 2 * 2 * 512 * 2,
    "gemma-4-e4b": 4 * 2 * 2 * 512 * 2,
    "llama-4-scout": 12 * 2 * 8 * 128 * 2,
    "minimax-m3": 60 * 2 * 4 * 128 * 2 + 57 * 128 * 2,
    "bloom-176b": 70 * 2 * 14336 * 2,
    "mamba2-2.7b": 0,
}


@pytest.mark.parametrize("name", PER_TOKEN)
def test_cache_bytes_a_token(name):
    assert build(catalogue.model(name)).kv_bytes_per_token == pytest.approx(PER_TOKEN[name])


@pytest.mark.parametrize("name", PER_TOKEN)
@given(context=st.integers(1, 10**6), more=st.integers(1, 10**5))
def test_a_longer_sequence_never_needs_less(name, context, more):
    graph = build(catalogue.model(name))
    short, long = graph.kv_bytes(np.array([context, context + more]))
    assert long >= short >= graph.state_bytes_per_sequence
    slope = (long - short) / more
    assert slope >= graph.kv_bytes_per_token * (1 - 1e-9)


@pytest.mark.parametrize("name", PER_TOKEN)
def test_growth_far_out_is_the_cache_a_token(name):
    graph = build(catalogue.model(name))
    far, further = graph.kv_bytes(np.array([1e6, 1e6 + 1000]))
    assert further - far == pytest.approx(1000 * graph.kv_bytes_per_token, abs=1e-3)


def test_a_sliding_window_stops_growing():
    graph = build(catalogue.model("mistral-7b-v0.1"))
    assert graph.kv_bytes_per_token == 0
    assert graph.kv_bytes(100_000) == graph.kv_bytes(4096) == 4096 * 131072


def test_the_delta_net_keeps_189_megabytes_of_state():
    graph = build(catalogue.model("qwen3.5-397b-a17b"))
    assert graph.state_bytes_per_sequence == 45 * 64 * 128 * 128 * 4
    # Its convolution keeps three inputs of each layer besides.
    inputs = 3 * (2 * 16 * 128 + 64 * 128) * 2 * 45
    assert graph.kv_bytes(3) == graph.state_bytes_per_sequence + inputs + 3 * 30_720


def test_v4_keeps_its_window_beside_the_compressed_entries():
    graph = build(catalogue.model("deepseek-v4-pro"))
    window = 61 * 128 * 576
    assert graph.kv_bytes(10**6) == pytest.approx(window + 10**6 * graph.kv_bytes_per_token)


@pytest.mark.parametrize(
    ("kv", "expected"),
    [
        (None, 61 * (512 + 128 + 128)),
        ("native", 61 * (512 + 128 + 128)),
        ("bf16", 61 * (576 * 2 + 128)),
        ("fp8", 61 * (576 + 128)),
    ],
)
def test_a_chosen_format_replaces_the_kinds_own(kv, expected):
    model = catalogue.model("deepseek-v3.2")
    assert build(model, kv=kv).kv_bytes_per_token == pytest.approx(expected)


def test_half_the_bits_are_half_the_cache():
    model = catalogue.model("llama-3.1-70b")
    assert 2 * build(model, kv="fp8").kv_bytes(5000) == build(model, kv="bf16").kv_bytes(5000)


def test_an_unknown_format_is_named():
    with pytest.raises(InputError, match=r"fp7.*\n.*fp8") as error:
        build(catalogue.model("llama-3.1-8b"), kv="fp7")
    assert error.value.field == "kv_precision"


def test_layers_that_share_a_cache_keep_none(shared_kv_model):
    graph = build(shared_kv_model)
    assert graph.kv_bytes_per_token == 1 * 2 * 2 * 64 * 2


@pytest.fixture
def shared_kv_model():
    from simulator.specs.model import ModelFile
    from simulator.specs.model_file import model_of

    attention = {"kind": "gqa", "query_heads": 8, "kv_heads": 2, "head_size": 64}
    feedforward = {"kind": "dense", "width": 1024}
    entry = {
        "name": "shared",
        "title": "Shared",
        "source": "test",
        "hidden_size": 512,
        "vocabulary": 1000,
        "max_context": 4096,
        "layers": [
            {"attention": attention, "feedforward": feedforward},
            {
                "repeat": 3,
                "attention": {**attention, "shares_kv": True},
                "feedforward": feedforward,
            },
        ],
    }
    return model_of(ModelFile.model_validate(entry))
