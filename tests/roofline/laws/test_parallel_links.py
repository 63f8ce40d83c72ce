"""Messages between devices: which kernels, which links, which way to the experts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.graph.operator import Collective, ExpertExchange
from simulator.graph.routing import (
    busiest_rank_imbalance,
    selection_probability,
    with_copies,
    zipf_popularity,
)
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.device.under_engine import under_engine
from simulator.roofline.laws.collective.constants import LINK, Links
from simulator.roofline.laws.collective.cost import levels_for
from simulator.roofline.laws.collective.kernels import AllReduceMenu
from simulator.roofline.laws.collective.span import crossings, spanned
from simulator.roofline.laws.costing import cost
from simulator.specs import catalogue
from simulator.specs.engine_profile import AllReduce, AllReduces
from simulator.specs.reading import validate


def device(name: str):
    return under_engine(resolve(catalogue.hardware(name)), catalogue.engine_profile("generic"))


H200, MAIA, PCIE = device("h200-sxm"), device("maia-200"), device("l40s")


def seconds(op, rows: float, chip=H200) -> float:
    return float(cost(op, StepShape.decode(rows, 100), chip, chip.book)[0].time_s)


def exchange(**changes) -> ExpertExchange:
    fields = {
        "name": "moe.dispatch", "combines": False, "hidden": 7168, "experts": 256, "top_k": 8,
        "bytes_per_value": 1.0, "devices": 8, "expert_parallel": 8, "token_shards": 1,
        "data_parallel": 8,
    }  # fmt: skip
    return ExpertExchange(**{**fields, **changes})


def menus(engine: str, chip=H200):
    return under_engine(chip, catalogue.engine_profile(engine)).book.law(LINK).kernels


def test_engines_bring_their_own_all_reduces() -> None:
    hopper, blackwell, ampere = (
        menus("vllm", device(name)).scale_up for name in ("h200-sxm", "b200", "a100-sxm-80gb")
    )
    kernels = [rule.kernel for rule in hopper.own]
    assert kernels == ["one_shot", "two_shot", "staged", "staged_in_switch"]
    assert len({hopper.own[0].limits[2], blackwell.own[0].limits[2]}) == 2
    assert [rule.kernel for rule in ampere.own] == ["one_shot", "two_shot"]
    assert menus("sglang").scale_up == menus("vllm-v0").scale_up == ampere
    assert menus("vllm-2023").scale_up == AllReduceMenu(("ring", "in_network"))
    assert not menus("trtllm").scale_up.own
    assert menus("vllm", PCIE).scale_up.library == ("ring", "in_network")
    # Generations without a table of their own have the widest.
    assert menus("vllm", device("rubin-vr200")).scale_up == ampere
    assert menus("trtllm-1.0") == menus("trtllm")


def test_an_engine_that_names_an_unknown_all_reduce_is_refused() -> None:
    profile = catalogue.engine_profile("vllm")
    menu = profile.all_reduce.model_copy(update={"scale_out": AllReduce(library=["rings"])})
    with pytest.raises(InputError, match="did you mean ring"):
        under_engine(H200, profile.model_copy(update={"all_reduce": menu}))


@pytest.mark.parametrize(
    ("menus", "problem"),
    [
        ({"nvlnk": {"library": ["ring"]}, "other": {"library": ["ring"]}}, "unknown link class"),
        ({"nvlink": {"library": ["ring"]}}, "under other"),
        ({"other": {"library": []}}, "at least 1 entr"),
        ({"other": {"library": ["ring"], "own": [{"kernel": "staged"}]}}, "either below or up_to"),
    ],
)
def test_menus_that_are_not_understood_say_why(menus, problem) -> None:
    content = {"scale_up": menus, "scale_out": {"library": ["ring"]}}
    with pytest.raises(InputError, match=problem):
        validate(AllReduces, content, "my-engine.yaml")


def test_a_group_beyond_the_domain_pays_for_the_slower_link() -> None:
    inside = Collective(name="x", kind="all_reduce", bytes_per_row=16384.0, group=8)
    across = Collective(name="x", kind="all_reduce", bytes_per_row=16384.0, group=16)
    assert seconds(across, 4096) > 2 * seconds(inside, 4096)


def test_members_a_domain_apart_use_the_outer_link_alone() -> None:
    inner, outer = H200.levels
    assert spanned((inner, outer), 1) == (inner, outer)
    assert spanned((inner, outer), 8) == (outer,)
    assert spanned((inner, outer), 4)[0].fabric.devices == 2


@pytest.mark.parametrize(
    ("boundaries", "stride", "domain", "across"),
    [(3, 8, 8, 3), (3, 4, 8, 1), (7, 1, 8, 0), (15, 1, 8, 1), (1, 16, 8, 1), (5, 3, 8, 3)],
)
def test_crossings_between_domains(boundaries: int, stride: int, domain: int, across: int) -> None:
    assert crossings(boundaries, stride, domain) == across


def test_more_devices_than_the_links_join_are_refused() -> None:
    op = Collective(name="x", kind="all_reduce", bytes_per_row=1.0, group=8192)
    with pytest.raises(InputError, match="6144"):
        seconds(op, 1, MAIA)
    lonely = resolve(catalogue.hardware("apple-m4"))
    with pytest.raises(InputError, match="no link"):
        seconds(Collective(name="x", kind="all_reduce", bytes_per_row=1.0, group=2), 1, lonely)


@given(st.sampled_from(["auto", "all_gather", "normal", "low_latency"]), st.integers(1, 4096))
def test_no_way_to_the_experts_beats_the_automatic_one(mode: str, rows: int) -> None:
    assert seconds(exchange(mode="auto"), rows) <= seconds(exchange(mode=mode), rows) * (1 + 1e-9)


@given(
    st.sampled_from(["all_reduce", "all_gather", "reduce_scatter", "all_to_all"]),
    st.sampled_from([2, 4, 8, 16]),
    st.integers(1, 1 << 16),
    st.floats(1, 8),
)
def test_a_faster_link_is_never_slower(kind: str, group: int, rows: int, times: float) -> None:
    def widened(link):
        fabric = replace(
            link.fabric,
            bandwidth_bytes_per_s=link.fabric.bandwidth_bytes_per_s * times,
            peer_bandwidth_bytes_per_s=link.fabric.peer_bandwidth_bytes_per_s * times,
        )
        return replace(link, fabric=fabric)

    law = H200.book.law(LINK)
    links = Links(widened(H200.scale_up), widened(H200.scale_out))
    faster = replace(H200, book=H200.book.with_law(replace(law, constants=links)))
    op = Collective(name="x", kind=kind, bytes_per_row=8192.0, group=group)
    assert seconds(op, rows, faster) <= seconds(op, rows) * (1 + 1e-9)


def test_popular_experts_slow_the_exchange_and_copies_help() -> None:
    even = seconds(exchange(mode="normal"), 4096)
    skewed = seconds(exchange(mode="normal", skew=1.0), 4096)
    copied = seconds(exchange(mode="normal", skew=1.0, redundant=64), 4096)
    assert even < copied < skewed


def test_nothing_is_sent_for_no_rows() -> None:
    for op in (exchange(), Collective(name="x", kind="all_reduce", bytes_per_row=1.0, group=8)):
        load = cost(op, StepShape.decode(np.array([0.0]), 10), H200, H200.book)[0]
        assert float(load.time_s[0]) == 0.0
        assert float(load.kernels[0]) == 0.0


def test_stages_send_across_nodes_only_where_they_must() -> None:
    within = Collective(
        name="stage.send", kind="send", bytes_per_row=16384.0, group=4, count=3, stride=2
    )
    across = Collective(
        name="stage.send", kind="send", bytes_per_row=16384.0, group=4, count=3, stride=8
    )
    assert seconds(across, 4096) > 2 * seconds(within, 4096)


@given(st.integers(2, 64), st.floats(0, 2), st.integers(0, 64))
def test_copies_share_an_experts_tokens(experts: int, skew: float, copies: int) -> None:
    selection = selection_probability(zipf_popularity(experts, skew), 1)
    placed = with_copies(selection, copies)
    assert placed.size == experts + copies
    assert placed.sum() == pytest.approx(selection.sum())
    assert placed.max() <= selection.max() * (1 + 1e-12)


def test_the_hottest_expert_is_copied_first() -> None:
    placed = with_copies([0.6, 0.3, 0.1], 2)
    assert sorted(placed) == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.3])
    with pytest.raises(ValueError, match="redundant"):
        with_copies([1.0], -1)


@given(
    st.integers(1, 4000), st.sampled_from([1, 2, 8]), st.sampled_from([1.0, 2.0]),
    st.sampled_from([2, 8]), st.integers(1, 60),
)  # fmt: skip
def test_every_byte_of_an_exchange_is_on_the_wire(tokens, top_k, value_bytes, shards, count):
    """A row goes to each of its experts, from the busiest rank; each sends its share of rows."""
    op = exchange(
        top_k=top_k, bytes_per_value=value_bytes, token_shards=shards, mode="low_latency",
        count=count,
    )  # fmt: skip
    shape = StepShape.decode(float(tokens), 100)
    (load,) = cost(op, shape, H200, H200.book)
    chosen = selection_probability(np.ones(256), top_k)
    busiest = float(busiest_rank_imbalance(tokens * 8.0, chosen, 8))
    sent = tokens / shards * 7168 * value_bytes * top_k
    assert load.link_bytes == pytest.approx(count * sent * busiest)
    # Gathered, a row comes to all the others as it is, and no rank is busier.
    (gathered,) = cost(replace(op, mode="all_gather"), shape, H200, H200.book)
    assert gathered.link_bytes == pytest.approx(count * 7 * tokens / shards * 7168 * 2)


@pytest.mark.parametrize("group", [2, 4, 8])
@pytest.mark.parametrize(
    ("kind", "passes"), [("all_gather", 1), ("reduce_scatter", 1), ("all_reduce", 2)]
)
def test_all_but_the_own_share_of_a_message_is_on_the_wire(kind, passes, group):
    op = Collective(name="x", kind=kind, bytes_per_row=8192.0, group=group, count=3)
    (load,) = cost(op, StepShape.decode(50.0, 100), H200, H200.book)
    whole = 50 * 8192
    assert load.link_bytes == pytest.approx(3 * passes * (whole - whole / group))


@pytest.mark.parametrize(("group", "stride", "asked"), [(16, 4, 64), (9, 1, 9), (2, 8, 16)])
def test_more_devices_than_links_join_are_refused_with_both_numbers(group, stride, asked) -> None:
    near = replace(H200.scale_up, fabric=replace(H200.scale_up.fabric, devices=8))
    with pytest.raises(InputError, match=f"{asked} devices exceed the 8 that") as refused:
        levels_for("my-chip", Links(near, None), group, stride)
    assert refused.value.remedy == "use at most 8"
    assert levels_for("my-chip", Links(near, None), 8)[0].fabric.devices == 8
    with pytest.raises(InputError, match="no link"):
        levels_for("my-chip", Links(None, None), 1)
