"""How far a query sees: which earlier entries it attends to, and how many pairs that makes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.graph.step_shape import StepShape

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """Which earlier entries a query attends to, and how many that makes.

    ``window`` keeps the last entries, ``chunk`` those of the query's own chunk, ``top_k`` the
    best so many; ``compression`` is how many tokens one entry stands for. Without ``causal``
    every query sees the whole sequence, later tokens included (encoders).
    """

    window: int | None = None
    chunk: int | None = None
    top_k: int | None = None
    compression: int = 1
    causal: bool = True

    def __post_init__(self) -> None:
        if self.chunk is not None and (self.window is not None or self.top_k is not None):
            raise ValueError("a span has a chunk, or a window and top_k, not both")

    def entries(self, context: ArrayLike) -> FloatArray:
        """Entries one query reads behind ``context`` tokens (itself included)."""
        length = np.asarray(context, dtype=np.float64)
        if self.chunk is not None:
            # A position is anywhere in its chunk: before the first boundary exactly, later on
            # average half a chunk.
            length = np.where(length <= self.chunk, length, (self.chunk + 1) / 2)
        if self.window is not None:
            length = np.minimum(length, self.window)
        length = length / self.compression
        if self.top_k is not None:
            length = np.minimum(length, self.top_k)
        return length

    def pairs(self, tokens: ArrayLike, past: ArrayLike) -> FloatArray:
        """Sum of ``entries`` over ``tokens`` new positions behind ``past`` earlier ones."""
        new = np.asarray(tokens, dtype=np.float64)
        before = np.asarray(past, dtype=np.float64)
        if not self.causal:
            return new * self.entries(before + new)
        limits = [float(x) for x in (self.window, self.chunk) if x is not None]
        if self.top_k is not None:
            limits.append(float(self.top_k * self.compression))
        if not limits:
            return new * (before + (new + 1) / 2) / self.compression
        limit = min(limits)
        growing = np.clip(limit - before, 0.0, new)
        level = (limit + 1) / 2 if limit == self.chunk else limit
        return (growing * (before + (growing + 1) / 2) + (new - growing) * level) / self.compression

    def tiled_pairs(self, tokens: ArrayLike, past: ArrayLike, tile: float) -> FloatArray:
        """Pairs as ``pairs`` has them where each query's entries are padded to whole tiles.

        Only whole compressed entries count: a query at position t sees (t + 1) // compression.
        """
        new = np.asarray(tokens, dtype=np.float64)
        before = np.asarray(past, dtype=np.float64)
        limits = [self.window // self.compression] if self.window is not None else []
        limits += [self.top_k] if self.top_k is not None else []
        growing, full = new, 0.0
        if limits:
            growing = np.clip(min(limits) * self.compression - before, 0.0, new)
            full = tile * np.ceil(min(limits) / tile)
        step = tile * self.compression

        def below(position: FloatArray) -> FloatArray:
            """Tiles of all queries up to ``position``: the sum of a staircase."""
            behind_first = np.maximum(position + 1.0 - self.compression, 0.0)
            stairs = np.floor(behind_first / step)
            return stairs * (stairs + 1.0) / 2.0 * step + behind_first % step * (stairs + 1.0)

        total: FloatArray = tile * (below(before + growing) - below(before))
        return total + (new - growing) * full

    def pairs_in(self, step: StepShape) -> tuple[FloatArray, FloatArray]:
        """Query-entry pairs of the decoding and of the prefilling rows of a step."""
        # Of several rows of a sequence the middle one sees what they see on average.
        middle = step.decode_context + (step.decode_width + 1) / 2
        decode = step.decode_rows * self.entries(middle)
        prefill = step.prefill_sequences * self.pairs(step.prefill_tokens, step.prefill_past)
        return decode, prefill

    def entries_of_decoding(self, step: StepShape) -> FloatArray:
        """Cache entries that the decoding rows of a step attend to, each once a sequence.

        Further rows of a sequence see what the first does and at most as many entries more.
        """
        last = step.decode_context + step.decode_width
        further = (step.decode_width - 1) / self.compression
        seen = np.minimum(self.entries(last) + further, last / self.compression)
        return step.decode_sequences * seen

    def entries_of_prompts(self, step: StepShape, pairs: FloatArray) -> FloatArray:
        """Cache entries that any row of a step's prompts attends to, each once a sequence.

        Where rows pick the best few, they see each other's entries and at least one row's picks
        of what came before; how alike their picks are beyond that nobody has published. Never
        more than the ``pairs`` of the prefilling rows.
        """
        new, length = step.prefill_tokens, step.prefill_past + step.prefill_tokens
        reach = self.window if self.window is not None else self.chunk
        if reach is not None:
            length = np.minimum(length, reach + new)
        if self.top_k is not None:
            length = np.minimum(length, self.top_k * self.compression + new)
        return np.minimum(step.prefill_sequences * length / self.compression, pairs)


EVERYTHING = Span()
"""Causal attention over all earlier entries."""
