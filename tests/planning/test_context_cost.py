"""Cost against context: what grows, what does not, and where models overtake each other."""

import numpy as np
import pytest
from nonempty import nonempty

from simulator.errors import InputError
from simulator.planning.context_cost import context_cost
from simulator.report import style
from simulator.report.charts.context import context

MODELS = ("llama-3.1-70b", "deepseek-v3", "deepseek-v3.2", "deepseek-v4-pro", "qwen3.5-397b-a17b")


@pytest.fixture(scope="module")
def found():
    return context_cost(MODELS, "h200-sxm")


def curve(found, name):
    return next(c for c in found.curves if c.model == name)


def test_dense_attention_grows_with_the_context_and_sparse_hardly(found):
    at = {c.model: c.sequence_s[-1] / c.sequence_s[4] for c in found.curves}
    assert at["llama-3.1-70b"] > 30
    assert at["deepseek-v3"] > 30
    assert at["deepseek-v3.2"] < 8
    assert at["deepseek-v4-pro"] < 3


def test_at_a_million_tokens_sparser_is_cheaper(found):
    last = [curve(found, name).sequence_s[-1] for name in MODELS[:4]]
    assert last == sorted(last, reverse=True)
    kv = [curve(found, name).kv_bytes[-1] for name in MODELS[:4]]
    assert kv == sorted(kv, reverse=True)


def test_crossovers_separate_who_is_cheaper(found):
    assert found.crossovers
    for one in found.crossovers:
        below = getattr(curve(found, one.cheaper_below), one.quantity)
        above = getattr(curve(found, one.cheaper_above), one.quantity)
        i = int(np.searchsorted(found.contexts, one.context)) - 1
        assert below[i] < above[i]
        assert below[i + 1] > above[i + 1]


def test_prompts_and_steps_never_get_cheaper_as_the_context_grows(found):
    for one in nonempty(found.curves):
        assert np.all(np.diff(one.prefill_s) > 0)
        assert np.all(np.diff(one.kv_bytes) > 0)
        assert np.all(one.decode_s > one.sequence_s)


def test_plain_numbers_for_tables_and_json(found):
    rows = found.rows()
    assert len(rows) == len(MODELS) * len(found.contexts)
    plain = found.to_dict()
    assert plain["curves"][0]["decode_s"][0] == rows[0]["decode_s"]
    assert isinstance(plain["contexts"], list)


def test_a_chart_names_every_model(found):
    figure = context(
        found.title,
        found.contexts,
        {c.title: c.sequence_s for c in found.curves},
        {c.title: c.prefill_s for c in found.curves},
        [(4096.0, 1e-3)],
    )
    text = style.svg(figure)
    assert all(c.title in text for c in found.curves)


def test_bad_questions_are_refused_by_name():
    with pytest.raises(InputError, match="model"):
        context_cost([], "h200-sxm")
    with pytest.raises(InputError, match="contexts"):
        context_cost(["deepseek-v3"], "h200-sxm", [4096, 1024])
    with pytest.raises(InputError, match="unknown hardware"):
        context_cost(["deepseek-v3"], "h20000")
