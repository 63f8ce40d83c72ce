"""FLOPs and bytes are counted once: what a law's loads carry is what the graph counts."""

import numpy as np
import pytest
from nonempty import nonempty

from simulator.graph.build import build
from simulator.graph.operator import (
    WIDE_BITS,
    Collective,
    Elementwise,
    ExpertExchange,
    Experts,
    Matmul,
)
from simulator.graph.parallel import Layout
from simulator.graph.routing import ExpertLoads
from simulator.graph.step_shape import StepShape
from simulator.graph.work import work
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.costing import cost
from simulator.roofline.laws.experts.formula import row_traffic_bytes
from simulator.roofline.laws.experts.kernels import TRITON
from simulator.specs import catalogue

MODELS = sorted(catalogue.names(catalogue.data_folder("models")))
DEVICE = resolve(catalogue.hardware("b200"))
PHASES = {
    "decode": StepShape.decode(24, 5000),
    "prefill": StepShape.prefill(2, 3000, 5000),
    "mixed": StepShape.of(
        decode_sequences=24, decode_context=5000, prefill_sequences=1, prefill_tokens=900,
        prefill_past=300, prefill_logits=0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_loads_carry_the_flops_and_bytes_that_the_graph_counts(model):
    for op in nonempty(build(catalogue.model(model)).operators):
        bits = None
        if isinstance(op, Matmul | Experts) and DEVICE.arithmetic(op.precision).fallback:
            bits = WIDE_BITS
        for shape in nonempty(PHASES.values()):
            counted, parts = work(op, shape, bits), cost(op, shape, DEVICE, DEVICE.book)
            moved = sum(float(part.memory_bytes) for part in parts)
            done = sum(float(flops) for part in parts for flops in part.flops.values())
            assert moved == pytest.approx(float(counted.memory_bytes), rel=1e-12), op.name
            assert done == pytest.approx(float(counted.flops), rel=1e-12), op.name
            if not isinstance(op, Collective | ExpertExchange | Elementwise):
                assert moved > 0


@pytest.mark.parametrize("layout", [Layout(tp=4), Layout(dp=8, ep=8), Layout(tp=2, cp=2, dp=2)])
def test_it_holds_on_every_rank(layout):
    for op in nonempty(build(catalogue.model("qwen3-235b-a22b"), layout).operators):
        for shape in nonempty(PHASES.values()):
            moved = sum(float(part.memory_bytes) for part in cost(op, shape, DEVICE, DEVICE.book))
            assert moved == pytest.approx(float(work(op, shape).memory_bytes), rel=1e-12), op.name


def test_the_rows_of_experts_pass_memory_between_the_products_too():
    """Never more than the kernels of the time law move, which pass over some rows again."""
    op = next(o for o in build(catalogue.model("mixtral-8x7b")).operators if isinstance(o, Experts))
    loads = ExpertLoads(*(np.asarray([x]) for x in (1024.0, 1.0, 8.0)), is_random=False)
    counted = float(op.work_of(loads).moved["activations"])
    assert counted == 8 * 1024 * 2.0 * (2 * op.hidden + 3 * op.width)
    hidden, width = np.asarray(float(op.hidden)), np.asarray(float(op.width))
    by_law = row_traffic_bytes(
        loads.total_rows(), 4096.0, op.top_k, hidden, width, 2 * width, WIDE_BITS, TRITON
    )
    assert counted < float(by_law)
