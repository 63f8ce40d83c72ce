"""Rows of the table of small devices, as questions to ``predict``."""

from simulator.validation.measured.edge import RANDOM_TOKEN_SKEW, edge_point

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
    assert batched is not None
    assert alone is not None
    assert spoken is not None
    assert batched.question["expert_skew"] == RANDOM_TOKEN_SKEW
    assert "expert_skew" not in alone.question | spoken.question
    assert batched.question["context"] == 512 + 32 / 2
