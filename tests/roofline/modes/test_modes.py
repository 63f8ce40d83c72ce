"""What each mode drafts with: layers and heads of published sizes, passes of the right widths."""

import pytest
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.parallel import Layout
from simulator.graph.parameters import count_parameters
from simulator.roofline.modes.drafting import Asked, tree_rows
from simulator.roofline.modes.methods import MODES
from simulator.specs import catalogue
from simulator.specs.speculation import METHODS, Speculation


def asked(model, short, other=None, layout=None, **fields):
    wanted = Speculation.model_validate({"method": short, **fields})
    return Asked(
        wanted,
        wanted.depth or 1,
        catalogue.model(model),
        layout or Layout(),
        "bf16",
        "bf16",
        None if other is None else catalogue.model(other),
    )


def drafting(model, short, other=None, **fields):
    given = asked(model, short, other, **fields)
    return MODES[given.wanted.method](given)


def test_every_method_has_a_mode():
    assert set(MODES) == set(METHODS)


@pytest.mark.parametrize(
    ("name", "modules"), [("deepseek-v3", 1), ("minimax-m2.5", 3), ("glm-4.5-air", 1)]
)
def test_layers_for_multi_token_prediction_take_the_bytes_of_their_parameters(name, modules):
    found = drafting(name, f"mtp:{modules}")
    expected = count_parameters(catalogue.model(name)).draft
    assert found.times * found.held.weight_bytes == pytest.approx(2 * expected, rel=2e-3)
    assert found.times == modules


def test_layers_run_again_have_one_cache_and_short_passes():
    own, again = drafting("minimax-m2.5", "mtp:3"), drafting("deepseek-v3", "mtp:3:repeat")
    assert [(r.each.width, r.each.times) for r in own.runs] == [(4, 3)]
    assert [(r.each.width, r.each.times) for r in again.runs] == [(4, 1), (1, 2)]
    assert [r.each.reads_prompts for r in again.runs] == [True, False]
    assert (own.times, again.times) == (3, 1)


def test_the_head_of_eagle_3_has_the_published_size():
    """yuhuili/EAGLE3-LLaMA3.1-Instruct-8B, pytorch_model.bin: 850 MB in 16 bits."""
    assert drafting("llama-3.1-8b", "eagle3:3").held.weight_bytes == pytest.approx(850e6, rel=0.01)


def test_hidden_states_are_joined_once_by_eagle_3_and_in_every_pass_by_eagle():
    first, then = (r.graph for r in drafting("llama-3.1-8b", "eagle3:3").runs)
    assert first.weight_bytes - then.weight_bytes > 2 * 3 * 4096**2
    first, then = (r.graph for r in drafting("llama-3.1-8b", "eagle:3").runs)
    assert first is then


def test_a_draft_model_is_the_whole_model():
    found = drafting("llama-3.1-70b", "draft:llama-3.2-1b:5", "llama-3.2-1b")
    assert found.held == build(catalogue.model("llama-3.2-1b"), Layout(), "bf16", "bf16")
    assert not found.reads_hidden
    assert [(r.each.width, r.each.sampled, r.each.times) for r in found.runs] == [
        (6, 1, 1),
        (1, 1, 4),
    ]


def test_a_head_that_is_named_has_its_layers():
    found = drafting("llama-3.1-70b", "eagle:2", "llama-3.2-1b")
    assert found.held.kv_bytes_per_token == pytest.approx(16 * 2 * 8 * 64 * 2)


def test_medusa_reads_the_heads_once_in_one_pass():
    found = drafting("llama-3.1-8b", "medusa:4")
    assert found.held.weight_bytes == pytest.approx(4 * 2 * (4096**2 + 128256 * 4096), rel=1e-6)
    assert found.held.kv_bytes_per_token == 0
    assert [(r.each.width, r.each.times) for r in found.runs] == [(1, 1)]


@pytest.mark.parametrize(("short", "verified"), [("ngram:4", 4), ("suffix:8", 8)])
def test_looking_up_costs_no_pass(short, verified):
    found = drafting("llama-3.1-8b", short)
    assert (found.runs, found.held, found.verified) == ((), None, verified)


def test_a_tree_is_carried_on_by_its_likeliest_tokens():
    assert tree_rows(3, None) == [1, 1, 1]
    assert tree_rows(3, (4, 4, 4)) == [4, 16, 16]
    assert tree_rows(2, (3, 1)) == [3, 3]
    whole = drafting("llama-3.1-8b", "eagle3:3", widths=(4, 4, 4))
    best = drafting("llama-3.1-8b", "eagle3:3", widths=(4, 4, 4), verified=15)
    assert (whole.verified, best.verified) == (36, 15)
    assert [(r.each.width, r.each.times) for r in best.runs] == [(4, 1), (4, 2)]


@pytest.mark.parametrize("short", ["eagle3:3", "eagle:3", "medusa:3", "mtp:1"])
def test_what_drafts_is_divided_as_the_model_is(short):
    model = "deepseek-v3" if short == "mtp:1" else "llama-3.1-70b"
    whole, part = (
        MODES[short.split(":")[0]](asked(model, short, layout=layout)).held
        for layout in nonempty([Layout(), Layout(tp=8)])
    )
    assert whole.weight_bytes / 8 < part.weight_bytes < whole.weight_bytes / 2
