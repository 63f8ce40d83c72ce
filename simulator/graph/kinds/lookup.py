"""Tables that tokens address directly: n-gram memories, per-layer embeddings."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import Elementwise, Lookup, Operator
from simulator.specs.kinds.lookup import Engram, PerLayerEmbedding

TABLE_BYTES = 2.0
"""Bytes of one value of a table of n-grams: BF16."""


@lower.register
def _engram(part: Engram, context: BlockContext) -> list[Operator]:
    count, size = context.count, context.activation_bytes
    row_values = part.width / part.rows_per_token
    projections = (1 + part.streams) * context.hidden
    gated = 5 * part.streams * context.hidden * size
    return [
        Lookup(
            name="engram.rows",
            table_parameters=part.rows * part.width,
            bytes_per_value=TABLE_BYTES,
            rows_per_token=part.rows_per_token,
            row_bytes=row_values * TABLE_BYTES,
            earlier_layers=part.layer,
            count=count,
        ),
        *quantise("engram.project", part.width, context),
        product("engram.project", projections, part.width, context),
        Elementwise(
            name="engram.gate",
            role="activation",
            bytes_per_row=float(gated),
            kernels=3,
            count=count,
        ),
    ]


@lower.register
def _per_layer_embedding(part: PerLayerEmbedding, context: BlockContext) -> list[Operator]:
    hidden, width, count = context.hidden, part.width, context.count
    moved = (2 * width + 3 * hidden) * context.activation_bytes
    return [
        Lookup(
            name="embedding.layer",
            table_parameters=part.rows * width,
            bytes_per_value=context.tables.weight_bytes,
            rows_per_token=1,
            row_bytes=width * context.tables.weight_bytes,
            earlier_layers=part.layer,
            count=count,
        ),
        product("embedding.model_project", width, hidden, context),
        product("embedding.gate", width, hidden, context),
        product("embedding.project", hidden, width, context),
        Elementwise(
            name="embedding.add",
            role="residual",
            bytes_per_row=float(moved),
            kernels=2,
            count=count,
        ),
    ]
