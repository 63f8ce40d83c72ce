"""What an operator costs hangs on its class, role and shapes, and never on what it is called."""

from dataclasses import replace

import numpy as np
import pytest

from simulator.graph.build import build
from simulator.graph.operator import Recurrence
from simulator.graph.step_shape import StepShape
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.costing import cost
from simulator.roofline.step.sram import SramStepModel, spread
from simulator.roofline.step.step import StepModel
from simulator.specs import catalogue

SHAPES = (StepShape.decode(4.0, np.array([100.0, 5000.0])), StepShape.prefill(2.0, 700.0))


def on_a_gpu(graph):
    device = resolve(catalogue.hardware("h200-sxm"))
    return StepModel(graph, device, catalogue.engine_profile("generic"))


def on_a_wafer(graph):
    device = resolve(catalogue.hardware("cerebras-wse-3"))
    machine = spread(graph, device, None, "cerebras")
    return SramStepModel(graph, device, catalogue.engine_profile("cerebras"), machine)


def renamed(graph):
    operators = tuple(replace(op, name=f"{i}") for i, op in enumerate(graph.operators))
    return replace(graph, operators=operators)


@pytest.mark.parametrize("step_model", [on_a_gpu, on_a_wafer])
@pytest.mark.parametrize("weights", ["bf16", "fp8"])
@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3-next-80b-a3b", "deepseek-v3.2"])
def test_names_change_no_time(name, weights, step_model):
    graph = build(catalogue.model(name), weights=weights)
    one, other = step_model(graph), step_model(renamed(graph))
    for shape in SHAPES:
        np.testing.assert_array_equal(one.evaluate(shape).time_s, other.evaluate(shape).time_s)


def test_the_law_of_a_scan_follows_the_decay():
    shapes = {"state_bytes": 1e6, "bytes_per_row": 1e3}
    flops = {"decode_flops_per_row": 1.0, "prefill_flops_per_row": 2.0}
    scalar = Recurrence(name="x", decay="scalar", **shapes, **flops)
    by_channel = replace(scalar, decay="per_channel")
    device, shape = resolve(catalogue.hardware("h200-sxm")), StepShape.prefill(1.0, 100.0)
    laws = [cost(op, shape, device, device.book)[1].law for op in (scalar, by_channel)]
    assert laws[1] == f"{laws[0]}.channel_decay"
