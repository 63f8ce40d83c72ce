"""Attention and feed-forward on different devices."""

import numpy as np
import pytest

from simulator.graph.build import build
from simulator.graph.parallel import Layout
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.step.attention_ffn import split_step
from simulator.roofline.step.step import StepModel
from simulator.specs import catalogue

DEVICE = resolve(catalogue.hardware("gb200-nvl72"))
ENGINE = catalogue.engine_profile("generic")


def side(devices: int) -> StepModel:
    graph = build(catalogue.model("deepseek-v3"), Layout(dp=devices, ep=devices), "fp8")
    return StepModel(graph, DEVICE, ENGINE)


ATTENTION, EXPERTS = side(32), side(32)


def split(batch=2048.0, context=4000.0, micro_batches=3, attention=ATTENTION, experts=EXPERTS):
    return split_step(attention, experts, batch, context, DEVICE.levels[0], micro_batches)


def test_a_step_is_as_long_as_its_slower_side_or_the_round_trip() -> None:
    step = split()
    layers = 61
    inside = float(step.step_s - 3 * step.outside_s) - float(ENGINE.step_overhead)
    trip = step.attention_s + step.feedforward_s + 2 * step.transfer_s
    slower = 3 * max(float(step.attention_s), float(step.feedforward_s))
    assert inside == pytest.approx(layers * max(slower, float(trip)))


def test_the_sides_do_the_work_of_the_whole_between_them() -> None:
    step = split(micro_batches=1)
    loads = ATTENTION.loads(StepShape.decode(2048.0, 4000.0))
    inside = sum(
        float(part.time_s)
        for op, parts in loads
        for part in parts
        if not op.name.startswith(("moe.dispatch", "moe.combine", "head.", "embedding"))
    )
    assert 61 * float(step.attention_s + step.feedforward_s) == pytest.approx(inside, rel=1e-6)


def test_longer_contexts_ask_for_more_attention_devices() -> None:
    short, long = split(context=1000.0), split(context=30000.0)
    assert float(long.attention_s) > 2 * float(short.attention_s)
    assert float(long.feedforward_s) == pytest.approx(float(short.feedforward_s))
    more = split(context=30000.0, attention=side(64))
    assert float(more.step_s) < float(long.step_s)


def test_the_busier_side_does_not_wait() -> None:
    step = split(batch=np.array([256.0, 8192.0]), context=30000.0)
    assert np.all(step.attention_idle >= 0)
    assert float(step.attention_idle[-1]) == 0.0


def test_there_is_at_least_one_micro_batch() -> None:
    with pytest.raises(ValueError, match="micro_batches"):
        split(micro_batches=0)
