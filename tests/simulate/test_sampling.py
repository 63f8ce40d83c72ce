"""Tokens drawn from the top-k or top-p alone."""

import pytest

from simulator.simulate.predict import predict


def _step_s(**fields: object) -> float:
    return float(predict("h100-sxm", phase="decode", precision="bf16", **fields).step_time_s)


def test_a_filter_costs_vllm_a_sort_of_the_vocabulary_for_every_sequence() -> None:
    def added_s(model: str, batch: int) -> float:
        asked = {"model": model, "engine": "vllm", "batch": batch, "context": 512}
        return _step_s(**asked, sampling="filtered") - _step_s(**asked)

    few, many = added_s("llama-3.1-8b", 16), added_s("llama-3.1-8b", 128)
    assert 0 < few < many
    # Beyond its launches it grows with sequences and with entries of the vocabulary.
    launches = (128 * few - 16 * many) / (128 - 16)
    ratio = (added_s("gemma-3-12b", 128) - launches) / (many - launches)
    assert ratio == pytest.approx(262_208 / 128_256, rel=0.02)


def test_an_engine_that_does_not_sort_says_that_a_filter_costs_nothing() -> None:
    asked = {"model": "llama-3.1-8b", "engine": "sglang", "batch": 64, "context": 512}
    answer = predict("h100-sxm", phase="decode", sampling="filtered", **asked)
    assert answer.step_time_s == predict("h100-sxm", phase="decode", **asked).step_time_s
    assert any("top-k or top-p" in note for note in answer.notes)


def test_vllm_of_late_2025_waits_for_its_host() -> None:
    asked = {"model": "llama-3.1-8b", "batch": 32, "context": 512}
    late = _step_s(engine="vllm-0.11", **asked)
    assert late - _step_s(engine="vllm", **asked) == pytest.approx(1.1e-3 - 0.16e-3, abs=0.4e-3)
