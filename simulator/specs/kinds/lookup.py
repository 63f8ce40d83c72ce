"""Tables that tokens address directly: n-gram memories, per-layer embeddings."""

from typing import Literal, Self

from pydantic import Field

from simulator.specs.kinds.kind import LookupKind, Size, divide
from simulator.specs.quantity import Whole


class Engram(LookupKind):
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
    layer: Whole = Field(default=0, ge=0, le=1_000_000)

    @property
    def rows_per_token(self) -> int:
        """Rows that one token fetches."""
        return len(self.orders) * self.heads

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: norms of keys, queries and values, and the convolution."""
        return (3 + self.kernel) * self.streams * hidden


class PerLayerEmbedding(LookupKind):
    """A small embedding of each token for every layer (Gemma 3n, Gemma 4 E).

    The layer gates its row of ``width`` values with the stream and adds its projection; the
    row also takes a share of one projection of the input embedding. ``rows`` is the vocabulary.
    """

    kind: Literal["per-layer-embedding"] = "per-layer-embedding"
    rows: Size
    width: Size
    layer: Whole = Field(default=0, ge=0, le=1_000_000)

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``: the norm after it."""
        return hidden

    def sharded(self, tp: int) -> Self:
        """See ``Kind``: the table is divided by columns."""
        return self.model_copy(update={"width": divide(self.width, tp)})
