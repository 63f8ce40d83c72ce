"""Single points: what is refused does not fit by its own numbers, and rows explain the answer."""

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.simulate.point import decode_steps, prefill_steps
from simulator.simulate.predict import explain, predict
from simulator.simulate.replica import capacity_batch, replica_of
from simulator.specs.deployment import Deployment
from simulator.units import parse

MODELS = ("llama-3.1-8b", "gpt-oss-20b", "gemma-3-12b", "qwen3-next-80b-a3b", "mamba2-2.7b")
ENGINES = ("vllm", "sglang", "trtllm", "llamacpp")
TAKEN = re.compile(r"take (?P<needed>.+?) (?:tokens )?of cache.*?, (?P<more>.+) more than the "
                   r"(?P<room>.+) that .* has left")  # fmt: skip


def number(text: str) -> float:
    return parse(text, "bytes") if text.endswith("B") else float(text.replace(",", ""))


@settings(max_examples=40)
@given(
    st.sampled_from(MODELS),
    st.sampled_from(ENGINES),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 3),
    st.integers(1, 5000),
    st.integers(1, 30_000),
    st.sampled_from([None, "fp8"]),
)
def test_what_is_refused_needs_more_than_there_is(
    model, engine, dp, replicas, batch, context, kv_precision
):
    try:
        deployment = Deployment(engine=engine, dp=dp, replicas=replicas, kv_precision=kv_precision)
        replica = replica_of("h200-sxm", model, deployment)
    except InputError:
        assume(False)
    known = np.array([float(batch)]), np.array([float(context)])
    most = int(capacity_batch(replica, known[1] + 1)[0]) * replicas
    try:
        decode_steps(replica, *known)
    except InputError as error:
        assume(error.field == "batch")
        told = TAKEN.search(str(error))
        assert told is not None, error
        needed, more, room = (number(told[name]) for name in ("needed", "more", "room"))
        assert needed > room > 0
        assert more == pytest.approx(needed - room, rel=1e-4)
        assert batch > most
        remedy = re.search(r"would fit: batch (\d+),", str(error))
        assert (remedy is None) == (most == 0)
        if remedy:
            assert int(remedy[1]) == most
            decode_steps(replica, np.array([float(most)]), known[1])
    else:
        assert np.ceil(batch / replicas) <= most / replicas


def test_whole_blocks_are_why_bytes_that_fit_are_refused():
    asked = {"engine": "vllm", "context": 608, "batch": 735}
    with pytest.raises(
        InputError,
        match="735 sequences of 609 tokens take 458,640 tokens of cache "
        "in whole blocks of 16, 9,216 more than the 449,424",
    ):
        predict("h100-sxm", "llama-3.1-8b", **asked)  # fmt: skip
    assert 735 * 609 < 449_424


@pytest.mark.parametrize(
    "asked",
    [
        {"phase": "prefill", "batch": 5, "context": 20_000},
        {"phase": "prefill", "batch": 7, "context": 300, "replicas": 2},
        {"phase": "decode", "batch": 33, "context": 900, "replicas": 4},
        {"phase": "prefill", "batch": 3, "context": 3000, "tp": 2},
    ],
)
def test_rows_add_up_to_the_answer(asked):
    answer = predict("h100-sxm", "llama-3.1-8b", engine="vllm", **asked)
    rows = explain("h100-sxm", "llama-3.1-8b", engine="vllm", **asked)
    assert sum(row.time_s for row in rows) == pytest.approx(answer.step_time_s, rel=1e-9)
    assert sum(row.share for row in rows) == pytest.approx(1.0, rel=1e-9)
    assert rows[0].bound == answer.bound


def test_a_long_prompt_is_explained_over_all_its_chunks():
    replica = replica_of("h200-sxm", "llama-3.1-8b", Deployment(engine="vllm"))
    known = np.array([1.0]), np.array([50_000.0])
    rows = explain("h200-sxm", "llama-3.1-8b", engine="vllm", phase="prefill", context=50_000)
    seconds = prefill_steps(replica, *known)["step_time_s"][0]
    assert sum(row.time_s for row in rows) == pytest.approx(seconds, rel=1e-9)
    heads = [row for row in rows if row.name == "head.logits"]
    chunks = -(-50_000 // replica.limits.max_batched_tokens)
    assert next(row.count for row in rows if row.name == "mlp.up") == 32 * chunks
    assert sum(row.count for row in heads) == 1


def test_a_served_point_has_no_rows_of_its_own():
    with pytest.raises(InputError, match="decode step or a prefill"):
        explain("h100-sxm", "llama-3.1-8b", phase="serve", concurrency=4)
