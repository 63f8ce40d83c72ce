"""The modules that products are made of hold exactly the products' weights."""

from collections import Counter

import pytest
from nonempty import nonempty

from simulator.graph.block import BlockContext
from simulator.graph.kinds import lower
from simulator.graph.operator import Experts, Matmul
from simulator.specs import catalogue
from simulator.specs.model import counted
from simulator.specs.modules import modules_of_layer
from simulator.specs.precision import BF16, NATIVE_CACHE

KEPT_WIDE = {
    "moe.router", "attention.decay", "attention.low_rank_down", "attention.low_rank_up",
    "attention.index_weights", "attention.select", "attention.step", "residual.weights",
}  # fmt: skip
"""Products that every format keeps in 16 bits or more."""

AS_MOST = {
    "embedding.gate", "embedding.project", "embedding.model_project", "engram.project",
    "moe.latent_down", "moe.latent_up", "attention.compress", "attention.index_query",
    "attention.index_key",
}  # fmt: skip
"""Products whose modules nobody names: they are stored as most weights are."""


def products(layer, hidden):
    context = BlockContext(hidden, BF16, BF16, NATIVE_CACHE, 1)
    found = Counter()
    for part in layer.parts:
        for op in lower(part, context):
            if isinstance(op, Matmul | Experts):
                found[op.name] += op.count * op.parameters
    return found


REAL = [model for model in catalogue.all_models() if not model.hypothetical]


@pytest.mark.parametrize("model", REAL, ids=lambda m: m.name)
def test_modules_hold_the_weights_of_their_products(model):
    for layer, _ in nonempty(counted(model.layers)):
        held = Counter()
        for module in modules_of_layer(layer, model.hidden_size):
            held[module.product] += module.parameters
        of_layer = products(layer, model.hidden_size)
        assert of_layer
        told = {name: size for name, size in of_layer.items() if name in held}
        missing = set(of_layer) - set(held) - KEPT_WIDE - AS_MOST
        assert not missing, layer
        # The picker of blocks stands in the same product as query, key and value.
        if layer.attention.kind != "block-sparse":
            assert told == {name: pytest.approx(size) for name, size in held.items()}
