"""Several mixers side by side in one layer."""

from typing import Literal, Self

import numpy as np
from pydantic import Field, SerializeAsAny

from simulator.specs.kinds.kind import AttentionKind, FloatArray
from simulator.specs.precision import CacheFormat


class ParallelMixers(AttentionKind):
    """``branches`` that read the same row and whose outputs are added (Falcon-H1).

    What the layer remembers is what all of them remember.
    """

    kind: Literal["parallel-mixers"] = "parallel-mixers"
    branches: tuple[SerializeAsAny[AttentionKind], ...] = Field(min_length=2)

    def native_bytes(self) -> float:
        """See ``AttentionKind``: of the one branch that caches values, or as all do."""
        return max(branch.native_bytes() for branch in self.branches)

    def cached_heads(self) -> int:
        """See ``AttentionKind``."""
        return max(branch.cached_heads() for branch in self.branches)

    def extra_parameters(self, hidden: int) -> int:
        """See ``Kind``."""
        return sum(branch.extra_parameters(hidden) for branch in self.branches)

    def idle_parameters(self, hidden: int) -> int:
        """See ``Kind``."""
        return sum(branch.idle_parameters(hidden) for branch in self.branches)

    def divisible(self) -> tuple[int, ...]:
        """See ``Kind``."""
        return tuple(count for branch in self.branches for count in branch.divisible())

    def sharded(self, tp: int) -> Self:
        """See ``Kind``: each branch is divided."""
        return self.model_copy(
            update={"branches": tuple(branch.sharded(tp) for branch in self.branches)}
        )

    def cache_bytes_per_token(self, cache: CacheFormat) -> float:
        """See ``AttentionKind``."""
        return sum(branch.cache_bytes_per_token(cache) for branch in self.branches)

    def cache_bytes(self, context_tokens: FloatArray, cache: CacheFormat) -> FloatArray:
        """See ``AttentionKind``."""
        tokens = np.asarray(context_tokens, dtype=np.float64)
        total = np.zeros_like(tokens)
        for branch in self.branches:
            total = total + branch.cache_bytes(tokens, cache)
        return total

    def state_bytes(self) -> float:
        """See ``AttentionKind``."""
        return sum(branch.state_bytes() for branch in self.branches)
