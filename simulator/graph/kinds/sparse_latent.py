"""DeepSeek sparse attention: latent attention over the entries that an indexer picks."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.kinds.latent import latent_core, shared_latent
from simulator.graph.operator import Elementwise, Indexer, Matmul, Operator
from simulator.graph.span import Span
from simulator.specs.kinds.latent import SparseLatentAttention
from simulator.specs.precision import BF16


@lower.register
def _sparse_latent(part: SparseLatentAttention, context: BlockContext) -> list[Operator]:
    # Single latents are gathered, which nobody expands.
    picked = latent_core(part, Span(top_k=part.top_k), context, absorbed_prefill=True)
    indexer = [] if part.shares_index else _indexer(part, context)
    return shared_latent(part, context, [*indexer, picked])


def _indexer(part: SparseLatentAttention, context: BlockContext) -> list[Operator]:
    count, size = context.count, context.activation_bytes
    query = part.index_heads * part.index_size
    return [
        product("attention.index_query", query, part.query_rank or context.hidden, context),
        *quantise("attention.index_key", context.hidden, context),
        product("attention.index_key", part.index_size, context.hidden, context),
        Matmul(
            name="attention.index_weights",
            n=part.index_heads,
            k=context.hidden,
            precision=BF16,
            count=count,
        ),
        Elementwise(
            name="attention.index_rope",
            role="rope",
            bytes_per_row=2 * query * size,
            kernels=2,
            count=count,
        ),
        Elementwise(
            name="attention.index_write",
            role="cache_write",
            bytes_per_row=part.index_size * size + part.index_key_bytes,
            count=count,
        ),
        Indexer(
            name="attention.indexer",
            heads=part.index_heads,
            key_size=part.index_size,
            bytes_per_entry=part.index_key_bytes,
            span=Span(),
            count=count,
        ),
    ]
