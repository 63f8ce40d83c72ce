"""What a question of flags alone gets: no cliffs without a word, no lock-step, a stated cache."""

import numpy as np
import pytest

from simulator.simulate.predict import predict

LOAD = {"phase": "serve", "isl": 1000, "osl": 200, "concurrency": 16, "requests": 64}


def said(answer, words):
    return any(words in note for note in answer.notes)


def test_a_prompt_as_long_as_the_step_does_not_starve():
    asked = {
        "precision": "fp8", "tp": 8, "engine": "trtllm", "phase": "serve", "osl": 256,
        "concurrency": 32, "requests": 96,
    }  # fmt: skip
    fits, longest = (
        predict("h200-sxm", "llama-3.1-70b", isl=isl, **asked) for isl in (8_150, 8_192)
    )
    assert longest.ttft_s == pytest.approx(fits.ttft_s, rel=0.1)
    assert said(longest, "max_batched_tokens raised")
    starved = predict("h200-sxm", "llama-3.1-70b", isl=8_192, max_batched_tokens=8_192, **asked)
    assert starved.ttft_s > 2 * longest.ttft_s
    assert said(starved, "does not hold the longest prompt beside the running sequences")


def test_users_do_not_march_in_lock_step():
    phased = predict("h100-sxm", "llama-3.1-8b", **LOAD)
    together = predict("h100-sxm", "llama-3.1-8b", start="together", **LOAD)
    assert phased.ttft_s < 0.8 * together.ttft_s
    assert said(phased, "start phased")
    assert said(together, "start together")
    assert said(phased, "length_spread 0")


def test_lengths_of_later_answers_are_those_asked_for():
    answer = predict("h100-sxm", "llama-3.1-8b", **LOAD)
    ratio = answer.total_tokens_per_s / answer.output_tokens_per_s - 1
    cut = 16 / 64
    assert LOAD["isl"] / LOAD["osl"] < ratio < LOAD["isl"] / LOAD["osl"] / (1 - cut)


def test_an_engine_in_process_has_no_server():
    served = predict("h100-sxm", "llama-3.1-8b", **LOAD)
    in_process = predict("h100-sxm", "llama-3.1-8b", server_overhead=0.0, **LOAD)
    slow = predict("h100-sxm", "llama-3.1-8b", server_overhead=2.0, **LOAD)
    assert in_process.ttft_s < served.ttft_s < slow.ttft_s
    assert slow.ttft_s == pytest.approx(served.ttft_s + 2.0, abs=0.1)


def test_one_user_of_a_warm_server_waits_tens_of_milliseconds():
    answer = predict(
        "h200-sxm", "llama-3.1-8b", phase="serve", isl=1000, osl=1000, concurrency=1, requests=20,
        engine="sglang",
    )  # fmt: skip
    assert 0.030 <= answer.ttft_s <= 0.060


@pytest.mark.parametrize(
    ("engine", "precision", "cache"),
    [("trtllm", "fp8", "fp8"), ("vllm", "nvfp4", "fp8"), ("sglang", "fp8", "bf16")],
)
def test_the_cache_is_what_checkpoints_of_a_precision_name(engine, precision, cache):
    asked = {"engine": engine, "precision": precision, "batch": 8, "context": 1000}
    answer = predict("b200", "llama-3.1-8b", **asked)
    assert answer.kv_precision == cache
    assert said(answer, "kv_precision chooses another") == (cache == "fp8")
    assert predict("b200", "llama-3.1-8b", kv_precision="bf16", **asked).kv_precision == "bf16"


def test_a_cache_too_small_for_the_users_is_said():
    asked = {**LOAD, "isl": 4000, "osl": 500, "concurrency": 200, "requests": 200}
    answer = predict("l40s", "llama-3.1-8b", **asked)
    assert said(answer, "of the 200 users at once")
    assert np.isfinite(answer.ttft_s)


def test_steps_above_the_captured_sizes_are_said():
    answer = predict("h100-sxm", "llama-3.1-8b", captured_tokens=8, **LOAD)
    assert said(answer, "larger than the captured graphs (8 tokens)")
