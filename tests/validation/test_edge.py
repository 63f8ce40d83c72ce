"""Rows of the table of small devices, as questions to ``predict``."""

import pytest

from simulator.simulate.predict import predict
from simulator.validation.measured.edge import RANDOM_TOKEN_SKEW, SHORT_CONTEXT, edge_point
from simulator.validation.measured.published import published_points
from simulator.validation.read import PUBLISHED

ROW = {
    "device": "NVIDIA DGX Spark (GB10)",
    "n_devices": "1",
    "model": "gpt-oss-120b",
    "weight_format": "MXFP4",
    "engine": "llama.cpp CUDA",
    "prompt_tokens": "512",
    "gen_tokens": "32",
    "batch": "2",
    "metric": "decode_tok_s",
    "value": "60",
    "notes": "llama-batched-bench S_TG",
    "source": "a bench",
}


def test_random_tokens_ask_for_the_same_experts_more_often() -> None:
    batched, alone = edge_point(ROW), edge_point(ROW | {"batch": "1"})
    spoken = edge_point(ROW | {"notes": "a server with prompts of people"})
    assert batched.question["expert_skew"] == RANDOM_TOKEN_SKEW
    assert "expert_skew" not in alone.question | spoken.question
    assert batched.question["context"] == 512 + 32 / 2


def tokens_per_s(
    hardware: str, model: str, precision: str, engine: str, context: int, batch: int = 1
) -> float:
    asked = {"precision": precision, "engine": engine, "batch": batch, "context": context}
    return predict(hardware, model, phase="decode", **asked).output_tokens_per_s


def test_ternary_speed_ups_are_those_of_bitnet_cpp() -> None:
    speeds = {
        (p.hardware, p.model, p.question["precision"]): p.value
        for p in published_points(PUBLISHED)
        if p.model.startswith("bitnet-dummy") and p.phase == "decode"
    }
    pairs = [(h, m) for h, m, precision in speeds if precision == "bf16"]
    assert len(pairs) >= 7
    for hardware, model in pairs:
        measured = speeds[hardware, model, "ternary"] / speeds[hardware, model, "bf16"]
        predicted = tokens_per_s(
            hardware, model, "ternary", "bitnetcpp", SHORT_CONTEXT
        ) / tokens_per_s(hardware, model, "bf16", "llamacpp", SHORT_CONTEXT)
        assert predicted == pytest.approx(measured, rel=0.25), (hardware, model)


# llama-batched-bench, ggml-org/llama.cpp@4c7e9893 benches/dgx-spark.md.
@pytest.mark.parametrize(
    ("model", "precision", "one", "two"),
    [("gpt-oss-120b", "mxfp4", 57.28, 60.35), ("qwen2.5-7b", "q8_0", 29.2, 54.5)],
)
def test_a_second_sequence_helps_a_dense_model_and_hardly_a_mixture(
    model: str, precision: str, one: float, two: float
) -> None:
    alone = tokens_per_s("dgx-spark", model, precision, "llamacpp", 528)
    both = tokens_per_s("dgx-spark", model, precision, "llamacpp", 528, batch=2)
    assert (alone, both) == (pytest.approx(one, rel=0.2), pytest.approx(two, rel=0.2))
    assert both / alone == pytest.approx(two / one, rel=0.1)
