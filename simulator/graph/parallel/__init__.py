"""One replica of a model, spread over devices: shapes, memory and messages of each device."""

from simulator.graph.parallel.check import check_layout, valid_degrees
from simulator.graph.parallel.exchange import (
    after_attention,
    after_embedding,
    after_feedforward,
    between_stages,
    context_exchange,
    fuses_norms,
)
from simulator.graph.parallel.layout import Layout
from simulator.graph.parallel.shard import expert_spread, shard

__all__ = [
    "Layout",
    "after_attention",
    "after_embedding",
    "after_feedforward",
    "between_stages",
    "check_layout",
    "context_exchange",
    "expert_spread",
    "fuses_norms",
    "shard",
    "valid_degrees",
]
