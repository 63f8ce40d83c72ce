"""An operator of one's own is one class and one law: counted, held and timed like any other."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

from simulator.graph.block import AttentionBlock
from simulator.graph.build import build
from simulator.graph.operator import TokenOperator, Work
from simulator.graph.parameters import count_parameters
from simulator.graph.step_shape import StepShape
from simulator.graph.work import traffic
from simulator.roofline.device.device import resolve
from simulator.roofline.laws.dispatch import cost
from simulator.roofline.laws.load import load
from simulator.roofline.step.step import StepModel
from simulator.specs import catalogue
from simulator.specs.kinds.feedforward import NoFeedforward
from simulator.specs.model import Layer, Model

WIDTH, LAYERS = 64, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Butterfly(TokenOperator):
    """log2(width) sparse factors of width × 2 weights each, in 16 bits."""

    width: int

    @property
    def parameters(self):
        return 2 * self.width * (self.width.bit_length() - 1)

    @property
    def held_bytes(self):
        return 2.0 * self.parameters

    def work(self, step, activation_bits=None):
        rows = self.rows_in(step)
        moved = {"weights": np.where(rows > 0, self.held_bytes, 0.0)}
        return Work(2.0 * rows * self.parameters, moved)


class Mixing(AttentionBlock):
    kind: Literal["butterfly-of-a-test"] = "butterfly-of-a-test"

    def operators(self, context):
        return [Butterfly(name="butterfly", width=context.hidden, count=context.count)]


@cost.register
def _butterfly(op: Butterfly, shape, rates, book):
    moved = op.work(shape).memory_bytes
    one = load(
        law="butterfly",
        time_s=moved / rates.bandwidth_bytes_per_s,
        memory_bytes=moved,
        bandwidth_bytes_per_s=rates.bandwidth_bytes_per_s,
    )
    return [one.times(op.count)]


@pytest.fixture
def model():
    layer = Layer(attention=Mixing(), feedforward=NoFeedforward(), norms=1)
    return Model(
        name="own", title="Own", hidden_size=WIDTH, vocabulary=10, max_context=99,
        layers=(layer,) * LAYERS,
    )  # fmt: skip


def test_its_weights_are_counted_and_held(model):
    own = LAYERS * 2 * WIDTH * 6
    rest = LAYERS * WIDTH + WIDTH + 2 * 10 * WIDTH
    assert count_parameters(model).total == own + rest
    assert build(model).weight_bytes == 2.0 * (own + rest)


def test_its_bytes_and_its_time_are_part_of_the_step(model):
    graph, shape = build(model), StepShape.decode(2.0, 10.0)
    own = next(op for op in graph.operators if isinstance(op, Butterfly))
    assert float(traffic([own], shape)["weights"]) == LAYERS * 4 * WIDTH * 6
    device = resolve(catalogue.hardware("h200-sxm"))
    step = StepModel(graph, device, catalogue.engine_profile("generic"))
    timed = {op.name: parts for op, parts in step.loads(shape)}
    assert float(timed["butterfly"][0].time_s) == pytest.approx(LAYERS * 4 * WIDTH * 6 / 4.8e12)
