"""Tables that tokens address directly: the vocabulary, n-gram memories, per-layer embeddings."""

from typing import Literal, Self

from simulator.graph.block import BlockContext, LookupBlock, divide, quantise
from simulator.graph.operator import Elementwise, Lookup, Matmul, Operator
from simulator.specs.model import Part, Size

TABLE_BYTES = 2.0
"""Bytes of one value of a table: BF16."""


def lookup_block(part: Part) -> LookupBlock:
    """The block of the table described by ``part``.

    Raises:
        InputError: nobody defined its kind, or a field does not fit.
    """
    return LookupBlock.of(part)


def vocabulary_rows(hidden: int) -> Operator:
    """The input embedding: one row read and written a token."""
    return Elementwise(name="embedding", role="embedding", bytes_per_row=2.0 * 2.0 * hidden)


class Engram(LookupBlock):
    """Conditional memory addressed by hashed n-grams (Engram, arXiv:2601.07372).

    Every order of n-gram (2 and 3, say) has ``heads`` hash heads, each with a table of ``rows``
    rows; what all of them return for a token is one memory vector of ``width`` values, so a row
    has width / (orders × heads). The vector is projected to one value and a key for each
    residual stream, gated, passed through a short convolution, and added.

    ``layer`` is where the block stands: the rows can be fetched while the earlier layers run.
    """

    kind: Literal["engram"] = "engram"
    rows: Size
    width: Size
    orders: tuple[Size, ...] = (2, 3)
    heads: Size = 8
    streams: Size = 1
    kernel: Size = 4
    layer: int = 0

    @property
    def rows_per_token(self) -> int:
        """Rows that one token fetches."""
        return len(self.orders) * self.heads

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        count, size = context.count, context.activation_bytes
        row_values = self.width / self.rows_per_token
        projections = (1 + self.streams) * context.hidden
        gated = 5 * self.streams * context.hidden * size
        return [
            Lookup(
                name="engram.rows",
                parameters=self.rows * self.width,
                bytes_per_value=TABLE_BYTES,
                rows_per_token=self.rows_per_token,
                row_bytes=row_values * TABLE_BYTES,
                earlier_layers=self.layer,
                count=count,
            ),
            *quantise("engram.project", self.width, context, context.linear),
            Matmul(
                name="engram.project",
                n=projections,
                k=self.width,
                precision=context.linear,
                count=count,
            ),
            Elementwise(
                name="engram.gate",
                role="activation",
                bytes_per_row=float(gated),
                kernels=3,
                count=count,
            ),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: norms of keys, queries and values, and the convolution."""
        return (3 + self.kernel) * self.streams * hidden


class PerLayerEmbedding(LookupBlock):
    """A small embedding of each token for every layer (Gemma 3n, Gemma 4 E).

    The layer gates its row of ``width`` values with the stream and adds its projection; the
    row also takes a share of one projection of the input embedding. ``rows`` is the vocabulary.
    """

    kind: Literal["per-layer-embedding"] = "per-layer-embedding"
    rows: Size
    width: Size
    layer: int = 0

    def operators(self, context: BlockContext) -> list[Operator]:
        """See ``Block``."""
        hidden, width, count = context.hidden, self.width, context.count
        moved = (2 * width + 3 * hidden) * context.activation_bytes
        return [
            Lookup(
                name="embedding.layer",
                parameters=self.rows * width,
                bytes_per_value=TABLE_BYTES,
                rows_per_token=1,
                row_bytes=width * TABLE_BYTES,
                earlier_layers=self.layer,
                count=count,
            ),
            Matmul(
                name="embedding.model_project",
                n=width,
                k=hidden,
                precision=context.linear,
                count=count,
            ),
            Matmul(name="embedding.gate", n=width, k=hidden, precision=context.linear, count=count),
            Matmul(
                name="embedding.project", n=hidden, k=width, precision=context.linear, count=count
            ),
            Elementwise(
                name="embedding.add",
                role="residual",
                bytes_per_row=float(moved),
                kernels=2,
                count=count,
            ),
        ]

    def extra_parameters(self, hidden: int) -> int:
        """See ``Block``: the norm after it."""
        return hidden

    def sharded(self, tp: int) -> Self:
        """See ``Block``: the table is divided by columns."""
        return self.model_copy(update={"width": divide(self.width, tp)})
