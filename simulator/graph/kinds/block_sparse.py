"""Block-sparse grouped-query attention (MiniMax-M3): index keys, a scorer, the picked blocks."""

from simulator.graph.block import BlockContext, lower
from simulator.graph.kinds.grouped_query import core, shared_key
from simulator.graph.operator import Elementwise, Indexer, Operator
from simulator.graph.span import Span
from simulator.specs.kinds.block_sparse import BlockSparseAttention


@lower.register
def _block_sparse(part: BlockSparseAttention, context: BlockContext) -> list[Operator]:
    # A query sees as many tokens as the picked blocks hold.
    picked = Span(top_k=part.top_blocks * part.block_size)
    attending: list[Operator] = [
        Elementwise(
            name="attention.index_write",
            role="cache_write",
            bytes_per_row=2 * part.index_columns * context.activation_bytes,
            kernels=2,
            count=context.count,
        ),
        Indexer(
            name="attention.indexer",
            heads=part.index_heads,
            key_size=part.index_size,
            bytes_per_entry=part.index_size * context.cache.bytes(),
            span=Span(),
            count=context.count,
            compute="bf16",
            scores_per_entry=part.index_heads / part.block_size,
        ),
        core(part, picked, context),
    ]
    return shared_key(part, context, attending, part.index_columns)
