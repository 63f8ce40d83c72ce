"""The rows of a step: they add up to its time, what binds comes first, and none beats its roof."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nonempty import nonempty

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.device.under_engine import under_engine
from simulator.roofline.laws.costing import cost
from simulator.roofline.off_device.offload import offload
from simulator.roofline.step.ranks import rank_step
from simulator.roofline.step.report import joined, report
from simulator.roofline.step.sram import SramStepModel, spread
from simulator.roofline.step.step import StepModel
from simulator.specs import catalogue
from simulator.specs.offload import Offload

MODELS = (
    "llama-3.1-8b", "gpt-oss-20b", "deepseek-v3.2", "minimax-m3", "deepseek-v4-flash",
    "qwen3-next-80b-a3b", "gemma-3-27b", "kimi-k3", "engram-27b", "llama-4-scout",
)  # fmt: skip
DEVICES = (
    "h100-sxm", "b200", "rtx-4090", "l40s", "gb200-nvl72", "mi300x", "tpu-v6e", "gaudi-3",
    "ascend-910c", "dgx-spark", "apple-m4-pro",
)  # fmt: skip
LAYOUTS = (
    Layout(), Layout(tp=2), Layout(tp=8), Layout(dp=4, ep=4), Layout(pp=4), Layout(tp=2, pp=2),
    Layout(dp=8, ep=8, two_batch_overlap=True), Layout(tp=2, cp=2), Layout(tp=16),
    Layout(dp=4, ep=4, balanced_prefill=True, expert_exchange="normal"),
)  # fmt: skip
OFFLOADS = (
    None,
    {"weights": {"policy": "prefetch", "gigabytes": 6}},
    {"weights": {"policy": "on-demand", "gigabytes": 6}},
    {"weights": {"policy": "experts", "experts_on_device": 4}},
    {"weights": {"policy": "host-experts", "processor": "epyc-9965"}},
    {"tables": {"place": "host"}},
)
ENGINES = ("generic", "vllm", "sglang", "trtllm", "llamacpp")
shapes = st.one_of(
    st.builds(StepShape.decode, st.integers(1, 2000), st.integers(1, 100_000)),
    st.builds(StepShape.prefill, st.integers(1, 12), st.integers(1, 9000), st.integers(0, 50_000)),
    st.builds(
        lambda decoding, context, prompts, tokens, past, sampling: StepShape.of(
            decode_sequences=decoding,
            decode_context=context,
            prefill_sequences=prompts,
            prefill_tokens=tokens,
            prefill_past=past,
            prefill_logits=min(sampling, prompts),
        ),
        st.integers(1, 300),
        st.integers(1, 30_000),
        st.integers(1, 6),
        st.integers(1, 3000),
        st.integers(0, 9000),
        st.integers(0, 6),
    ),
)


def step_model(hardware, name, layout=LAYOUTS[0], off=None, engine="generic") -> StepModel:
    spec, profile = catalogue.hardware(hardware), catalogue.engine_profile(engine)
    graph = build(catalogue.model(name), layout)
    left = offload(graph, spec, resolve(spec), off and Offload(**off))
    return StepModel(left.graph, left.device, profile, left.plan)


def check(model: StepModel, shape: StepShape) -> None:
    rows, step = report(model, shape), model.evaluate(shape)
    assert sum(row.time_s for row in rows) == pytest.approx(float(step.time_s), rel=1e-9)
    assert sum(row.share for row in rows) == pytest.approx(1.0, rel=1e-9)
    assert rows[0].bound == str(step.bound)
    times = [row.time_s for row in rows[1:]]
    assert times == sorted(times, reverse=True)
    halves = float(rank_step(shape, model.graph.layout).turns.halves)
    loads = [part for _, parts in model.loads(shape) for part in parts if part.time_s > 0]
    moved = halves * sum(float(part.memory_bytes) for part in loads)
    assert sum(row.memory_bytes for row in rows) == pytest.approx(moved, rel=1e-12)
    for row in rows:
        near = row.share_of_speed_of_light
        assert near is None or 0.0 <= near <= 1 + 1e-9, row
        assert row.time_s > 0 or row.name == "messages.hidden"


@settings(max_examples=60)
@given(
    st.sampled_from(DEVICES),
    st.sampled_from(MODELS),
    st.sampled_from(LAYOUTS),
    st.sampled_from(OFFLOADS),
    st.sampled_from(ENGINES),
    shapes,
)
def test_rows_add_up_to_the_step_and_none_beats_its_roof(
    hardware, name, layout, off, engine, shape
):
    try:
        model = step_model(hardware, name, layout, off, engine)
        model.evaluate(shape)
    except InputError:
        assume(False)
    check(model, shape)


@pytest.mark.parametrize(
    ("hardware", "engine"), [("cerebras-wse-3", "cerebras"), ("groq-lpu", "groq")]
)
@settings(max_examples=15)
@given(shape=shapes)
def test_rows_of_an_sram_machine_add_up_too(hardware, engine, shape):
    device = resolve(catalogue.hardware(hardware))
    graph = build(catalogue.model("llama-3.1-8b"))
    profile = catalogue.engine_profile(engine)
    check(SramStepModel(graph, device, profile, spread(graph, device, None, engine)), shape)


def test_the_transfer_of_a_prefetching_card_is_the_first_row():
    off = {"weights": {"policy": "prefetch", "gigabytes": 10}}
    model = step_model("rtx-4090", "llama-3.1-8b", off=off)
    first, *rest = report(model, StepShape.decode(1, 1000))
    assert (first.name, first.bound) == ("offload.transfer", "link")
    assert first.share > 0.9
    assert sum(row.share for row in rest) == pytest.approx(1 - first.share)


def test_the_launches_of_a_host_bound_prefill_are_the_first_row():
    model = step_model("h100-sxm", "qwen3-0.6b", engine="vllm")
    first = report(model, StepShape.prefill(1, 700))[0]
    assert (first.name, first.bound) == ("engine.launches", "host")


def test_messages_behind_compute_are_taken_off():
    layout = Layout(dp=8, ep=8, two_batch_overlap=True)
    rows = report(step_model("h200-sxm", "deepseek-v3", layout), StepShape.decode(512, 2000))
    hidden = next(row for row in rows if row.name == "messages.hidden")
    assert hidden is rows[-1]
    sent = sum(row.time_s for row in rows if row.law == "link")
    assert 0 < -hidden.time_s <= sent


def test_a_full_pipeline_has_a_row_for_its_other_micro_batches():
    rows = report(step_model("h200-sxm", "llama-3.1-70b", Layout(pp=4)), StepShape.decode(256, 900))
    turns = next(row for row in rows if row.name == "pipeline.turns")
    operators = sum(row.time_s for row in rows if row.law)
    # Four micro-batches pass a stage that does a little more than a quarter of the work.
    assert 0 < turns.time_s < 0.2 * operators


def linked() -> list[str]:
    """One device for each way in which devices are joined."""
    found = {}
    for name in sorted(catalogue.names(catalogue.data_folder("hardware_specs"))):
        levels = resolve(catalogue.hardware(name)).levels
        ways = tuple(
            (link.link_class, link.fabric.kind, link.fabric.in_network_reduction) for link in levels
        )
        if ways:
            found.setdefault(ways, name)
    return sorted(found.values())


@pytest.mark.parametrize("hardware", linked())
def test_no_message_is_faster_than_its_links(hardware):
    shapes = (
        StepShape.decode(np.geomspace(1, 4096, 13), 1000),
        StepShape.prefill(4, np.geomspace(1, 30_000, 13)),
    )
    layouts = (
        *(Layout(tp=n) for n in (2, 4, 8)),
        *(Layout(dp=n, ep=n) for n in (2, 8, 64)),
        *(Layout(tp=2, dp=n // 2, ep=n) for n in (4, 16)),
    )
    seen = 0
    for engine, layout in product(("generic", "vllm", "sglang"), layouts):
        profile = catalogue.engine_profile(engine)
        device = under_engine(resolve(catalogue.hardware(hardware)), profile)
        try:
            graph = build(catalogue.model("qwen3-235b-a22b"), layout)
            loads = [
                part
                for op in graph.operators
                if op.name.startswith(("moe.", "attention.all", "head.all"))
                for shape in shapes
                for part in cost(op, shape, device, device.book)
                if part.law == "link"
            ]
        except InputError:
            continue
        seen += len(loads)
        for part in loads:
            assert np.all(part.roof_s <= part.time_s * (1 + 1e-9)), (engine, layout)
            assert np.all(part.roof_s[part.time_s > 0] > 0)
    assert seen


@given(st.integers(1, 4), st.integers(2, 40), st.sampled_from([Layout(), Layout(tp=2, pp=2)]))
@settings(max_examples=10)
def test_rows_of_a_long_prompt_are_those_of_its_steps(repeats, chunks, layout):
    """Shares of a whole prompt add up to one, and what is no operator does no work."""
    graph = build(catalogue.model("llama-3.1-8b"), layout)
    device = resolve(catalogue.hardware("h100-sxm"))
    model = StepModel(graph, device, catalogue.engine_profile("vllm"))
    shapes = [StepShape.prefill(1, 512, 512 * n) for n in range(chunks)]
    each = [report(model, shape) for shape in shapes]
    whole = joined(each, repeats)
    assert sum(row.share for row in whole) == pytest.approx(1.0)
    seconds = sum(row.time_s for row in whole)
    assert seconds == pytest.approx(repeats * sum(row.time_s for rows in each for row in rows))
    for row in nonempty(whole):
        assert row.share == pytest.approx(row.time_s / seconds)
        same = [r for rows in each for r in rows if (r.name, r.law) == (row.name, row.law)]
        for field in ("time_s", "flops", "memory_bytes", "energy_j", "speed_of_light_s"):
            total = repeats * sum(getattr(r, field) for r in same)
            assert getattr(row, field) == pytest.approx(total)
        if not row.law:
            assert row.flops == row.memory_bytes == row.energy_j == row.speed_of_light_s == 0.0
