"""What the devices of a replica do adds up to the model's work, and their joules to its power."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.graph.build import build
from simulator.graph.operator import Collective
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.costing import cost
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable
from simulator.specs import catalogue
from simulator.specs.quantity import Quantity

H200 = resolve(catalogue.hardware("h200-sxm"))
GENERIC = catalogue.engine_profile("generic")


def steps(model: str = "llama-3.1-70b", device=H200, engine=GENERIC, **layout: int) -> StepModel:
    return StepModel(build(catalogue.model(model), Layout(**layout)), device, engine)


@pytest.mark.parametrize("stages", [2, 4, 8])
def test_the_stages_of_a_pipeline_share_one_token(stages):
    shape = StepShape.decode(1.0, 3000.0)
    whole, part = (steps(pp=n).evaluate(shape) for n in (1, stages))
    assert part.flops * stages == pytest.approx(float(whole.flops), rel=1e-9)
    # Beside its work, a stage only reads and writes the rows it is handed.
    assert part.memory_bytes * stages == pytest.approx(float(whole.memory_bytes), rel=1e-4)
    assert whole.link_bytes == 0
    row = 8192 * 2.0
    assert part.link_bytes * stages == pytest.approx((stages - 1) * row, rel=1e-12)


@pytest.mark.parametrize("stages", [2, 4])
def test_a_full_pipeline_does_all_of_its_micro_batches(stages):
    batch = 8.0 * stages
    whole = steps().evaluate(StepShape.decode(batch, 1000.0))
    part = steps(pp=stages).evaluate(StepShape.decode(batch, 1000.0))
    assert part.flops * stages == pytest.approx(float(whole.flops), rel=1e-9)
    # Every micro-batch reads the stage's weights anew: as much as the whole model's once.
    alone = steps(pp=stages).evaluate(StepShape.decode(8.0, 1000.0))
    assert part.memory_bytes > alone.memory_bytes
    assert part.time_s < stages * alone.time_s


@given(
    st.sampled_from(["all_reduce", "all_gather", "reduce_scatter", "all_to_all"]),
    st.sampled_from([2, 3, 4, 8]),
    st.integers(1, 5000),
)
def test_a_rank_sends_its_share_to_all_but_itself(kind, ranks, rows):
    op = Collective(name="x", kind=kind, bytes_per_row=4096.0, group=ranks, count=3)
    load = cost(op, StepShape.decode(float(rows), 10.0), H200, H200.book)[0]
    sent = rows * 4096.0 * (ranks - 1) / ranks * (2 if kind == "all_reduce" else 1)
    assert load.link_bytes == pytest.approx(3 * sent, rel=1e-12)
    assert load.kernels == 3
    # Over the link both ways round at once, nothing is faster than its bytes.
    if kind != "all_to_all":
        link = H200.scale_up.fabric.bandwidth_bytes_per_s
        least = sent if kind != "all_reduce" else rows * 4096.0
        assert load.roof_s * link >= 3 * least * (1 - 1e-9)


def test_a_mesh_shares_its_bandwidth_among_all_peers_where_none_is_stated():
    spec = catalogue.hardware("mi300x")
    link = spec.links.scale_up
    assert link.topology == "mesh"
    bare = link.model_copy(update={"per_peer": None})
    links = spec.links.model_copy(update={"scale_up": bare})
    fabric = resolve(spec.model_copy(update={"links": links})).scale_up.fabric
    peers = float(link.domain) - 1
    assert fabric.peer_bandwidth_bytes_per_s * peers == pytest.approx(float(link.bandwidth))
    assert fabric.bandwidth_bytes_per_s == float(link.bandwidth)


@settings(max_examples=25)
@given(
    st.sampled_from([{}, {"tp": 8}, {"pp": 4}, {"tp": 2, "pp": 2}]),
    st.sampled_from([1.0, 8.0, 64.0]),
    st.floats(0.05, 3.0),
)
def test_joules_are_idle_and_active_power_and_the_energy_of_the_work(layout, batch, limit):
    model = steps(**layout)
    power = replace(model.device.power, limit_w=limit * 700.0 + 100.0)
    model.device = replace(model.device, power=power)
    model._power = power
    shape = StepShape.decode(batch, 2000.0)
    done = model.evaluate(shape)
    parts = [part for _, found in model.loads(shape) for part in found]
    once = sum(float(part.time_s) for part in parts)
    passes = min(float(layout.get("pp", 1)), batch)
    busy_s = once * passes / layout.get("pp", 1)
    work_j = float(done.flops) * power.joules_per_flop["bf16"]
    work_j += float(done.memory_bytes) * power.joules_per_hbm_byte
    work_j += float(done.link_bytes) * power.joules_per_link_byte
    wanted_j = power.idle_w * float(done.time_s) + power.active_w * busy_s + work_j
    held_j = min(wanted_j, power.limit_w * float(done.time_s))
    assert done.energy_j == pytest.approx(held_j, rel=1e-9)
    assert done.power_w == pytest.approx(held_j / float(done.time_s), rel=1e-9)


def test_overheads_of_an_engine_add_up():
    engine = GENERIC.model_copy(
        update={
            "step_overhead": Quantity(value=3e-3),
            "sequence_overhead": Quantity(value=2e-5),
            "kernel_launch": Quantity(value=0.0),
            "captured_tokens": 0,
        }
    )
    model = steps("llama-3.1-8b", engine=engine)
    for batch in (1.0, 40.0, 300.0):
        shape = StepShape.decode(batch, 100.0)
        parts = [part for _, found in model.loads(shape) for part in found]
        once = sum(float(part.time_s) for part in parts)
        expected = once + 3e-3 + 2e-5 * batch
        assert model.evaluate(shape).time_s == pytest.approx(expected, rel=1e-12)


def test_launches_bind_when_the_host_is_slower_than_the_device():
    engine = GENERIC.model_copy(
        update={"kernel_launch": Quantity(value=1e-4), "captured_tokens": 0}
    )
    model = steps("llama-3.1-8b", engine=engine)
    shape = StepShape.decode(1.0, 100.0)
    parts = [part for _, found in model.loads(shape) for part in found]
    kernels = sum(float(part.kernels) for part in parts)
    # Seven products and small kernels a layer, and the head.
    assert kernels > 32 * 7
    overhead = float(engine.step_overhead) + float(engine.sequence_overhead)
    assert model.evaluate(shape).time_s == pytest.approx(kernels * 1e-4 + overhead, rel=1e-12)


def test_an_engine_hides_a_share_of_messages_behind_other_work():
    shape = StepShape.prefill(4.0, 2048.0)
    times = []
    for hidden in (0.0, 0.5, 1.0):
        engine = GENERIC.model_copy(update={"communication_overlap": Quantity(value=hidden)})
        times.append(float(steps(engine=engine, tp=8).evaluate(shape).time_s))
    model = steps(tp=8)
    parts = [part for _, found in model.loads(shape) for part in found]
    messages = sum(float(p.time_s) for p in parts if p.law == "link")
    others = sum(float(p.time_s) for p in parts if p.law != "link")
    assert times[0] - times[1] == pytest.approx(0.5 * min(messages, others), rel=1e-9)
    assert times[0] - times[2] == pytest.approx(min(messages, others), rel=1e-9)


@settings(max_examples=20)
@given(
    st.sampled_from([("llama-3.1-8b", {}), ("qwen3-30b-a3b", {}), ("mixtral-8x7b", {"tp": 2})]),
    st.integers(1, 200),
    st.integers(0, 3),
    st.integers(0, 60),
)
def test_tables_cost_at_their_knots_what_the_step_costs(asked, decoding, prompts, knot):
    """Where neither context nor chunk lies between two knots, nothing is interpolated."""
    name, layout = asked
    model = steps(name, **layout)
    table = StepTable(model, 2048, 6000)
    context = table._knots[min(knot, len(table._knots) - 1)]
    alone = model.evaluate(StepShape.decode(float(decoding), context))
    assert table.decode(decoding).run(context, 1) == pytest.approx(
        (float(alone.time_s), float(alone.energy_j)), rel=1e-9
    )
    if not prompts:
        return
    tokens = table._chunk_knots[min(knot // 3 + 2, len(table._chunk_knots) - 1)]
    past = table._past_knots[min(knot // 4, len(table._past_knots) - 1)]
    shape = StepShape.of(
        decode_sequences=float(decoding), decode_context=context, prefill_sequences=prompts,
        prefill_tokens=tokens, prefill_past=past, prefill_logits=1,
    )  # fmt: skip
    whole = model.evaluate(shape)
    found = table.mixed(decoding, context, prompts, int(prompts * tokens), past, 1)
    assert found == pytest.approx((float(whole.time_s), float(whole.energy_j)), rel=1e-9)


@cache
def dense_table() -> StepTable:
    return StepTable(steps("llama-3.1-8b"), 2048, 6000)


@given(st.integers(1, 60), st.floats(1.0, 5000.0), st.integers(1, 400))
def test_runs_of_steps_sum_a_line_exactly(decoding, context, steps_taken):
    table = dense_table()
    one_by_one = [table.decode(decoding).run(context + i, 1) for i in range(steps_taken)]
    seconds, joules = np.sum(one_by_one, axis=0)
    assert table.decode(decoding).run(context, steps_taken) == pytest.approx(
        (seconds, joules), rel=1e-9
    )
