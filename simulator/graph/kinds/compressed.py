"""Compressed attention of DeepSeek-V4: the window, the compressor, the indexer, both cores."""

from simulator.graph.block import BlockContext, lower, product, quantise
from simulator.graph.operator import AttentionCore, Elementwise, Indexer, Matmul, Operator
from simulator.graph.span import Span
from simulator.specs.kinds.compressed import CompressedAttention
from simulator.specs.precision import BF16


@lower.register
def _compressed(part: CompressedAttention, context: BlockContext) -> list[Operator]:
    count, size = context.count, context.activation_bytes
    heads, head = part.query_heads, part.head_size
    query = heads * head
    down = part.query_rank + head
    stored = part.entry_bytes(context.cache)
    ranks = part.output_groups * part.output_rank
    in_group = query // part.output_groups
    return [
        *quantise("attention.down", context.hidden, context),
        product("attention.down", down, context.hidden, context),
        Elementwise(
            name="attention.latent_norm",
            role="norm",
            bytes_per_row=2 * down * size,
            kernels=2,
            count=count,
        ),
        *quantise("attention.query_up", part.query_rank, context),
        product("attention.query_up", query, part.query_rank, context),
        Elementwise(
            name="attention.rope",
            role="rope",
            bytes_per_row=2 * (query + head) * size,
            kernels=2,
            count=count,
        ),
        Elementwise(
            name="attention.cache_write",
            role="cache_write",
            bytes_per_row=head * size + stored,
            count=count,
        ),
        *(_compressor(part, context) if part.compression else []),
        *(_indexer(part, context) if part.top_k else []),
        _core("attention.window", part, Span(window=part.window), context),
        *_compressed_core(part, context),
        Elementwise(
            name="attention.rope_back", role="rope", bytes_per_row=2 * query * size, count=count
        ),
        Matmul(
            name="attention.out_groups",
            n=part.output_rank,
            k=in_group,
            precision=context.product("attention.out_groups"),
            count=count,
            groups=part.output_groups,
        ),
        *quantise("attention.out", ranks, context),
        product("attention.out", context.hidden, ranks, context),
    ]


def _compressor(part: CompressedAttention, context: BlockContext) -> list[Operator]:
    """Entries and their weights (K and Z, once for each overlap), pooled to one entry."""
    columns = 2 * part.overlap * part.head_size
    stored = part.entry_bytes(context.cache)
    pooled = columns * context.activation_bytes + stored / (part.compression or 1)
    return [
        Matmul(
            name="attention.compress",
            n=columns,
            k=context.hidden,
            precision=context.product("attention.compress"),
            count=context.count,
        ),
        Elementwise(
            name="attention.compress_pool",
            role="mixing",
            bytes_per_row=pooled,
            kernels=2,
            count=context.count,
        ),
    ]


def _indexer(part: CompressedAttention, context: BlockContext) -> list[Operator]:
    count, size = context.count, context.activation_bytes
    heads, width = part.index_heads or 0, part.index_size or 0
    columns = 2 * part.overlap * width
    written = columns * size + part.index_key_bytes / (part.compression or 1)
    return [
        product("attention.index_query", heads * width, part.query_rank, context),
        product("attention.index_key", columns, context.hidden, context),
        Matmul(
            name="attention.index_weights",
            n=heads,
            k=context.hidden,
            precision=BF16,
            count=count,
        ),
        Elementwise(
            name="attention.index_rope",
            role="rope",
            bytes_per_row=2 * heads * width * size,
            kernels=2,
            count=count,
        ),
        Elementwise(
            name="attention.index_write",
            role="cache_write",
            bytes_per_row=written,
            kernels=2,
            count=count,
        ),
        Indexer(
            name="attention.indexer",
            heads=heads,
            key_size=width,
            bytes_per_entry=part.index_key_bytes,
            span=Span(compression=part.compression or 1),
            count=count,
            compute="fp4",
        ),
    ]


def _compressed_core(part: CompressedAttention, context: BlockContext) -> list[Operator]:
    if not part.compression:
        return []
    span = Span(top_k=part.top_k, compression=part.compression)
    return [_core("attention.core", part, span, context)]


def _core(name: str, part: CompressedAttention, span: Span, context: BlockContext) -> AttentionCore:
    return AttentionCore(
        name=name,
        query_heads=part.query_heads,
        kv_heads=1,
        key_size=part.head_size,
        value_size=part.head_size,
        kv_bytes_per_value=context.cache.bytes(part.native_bytes()),
        span=span,
        count=context.count,
        shared_key_value=True,
    )
