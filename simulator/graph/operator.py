"""The vocabulary of a step: few kinds of operators, each with shapes, datatypes and bytes.

An operator says what is computed and moved; how long that takes is the roofline's business.
``count`` is how often the operator runs in one step (usually once a layer).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.graph.span import EVERYTHING, Span
from simulator.specs.precision import Precision

FloatArray = NDArray[np.float64]

Rows = Literal["tokens", "logits"]
Driver = Literal["tokens", "logits", "context"]
"""What an operator's cost hangs on: rows of the step, sampling rows, or each sequence's context."""

ProductRole = Literal["projection", "router", "shared_expert", "head"]
"""What a product is for; shared experts can run beside the routed ones."""

PassRole = Literal[
    "embedding",
    "norm",
    "quantise",
    "rope",
    "cache_write",
    "mixing",
    "activation",
    "residual",
    "sampling",
]
"""What a pass over rows is for.

A norm reduces over its whole row before anything behind it can start; a quantisation converts the
activations of the product behind it, and compilers join it to the kernel before it; mixing
combines a token with a few others (short convolutions, pooling, neighbours).
"""

Decay = Literal["scalar", "per_channel"]
"""How a recurrence forgets: one factor a head, or one for each of a head's key channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matmul:
    """``rows`` × k times k × n, with weights of ``precision``; ``groups`` independent products."""

    name: str
    role: ProductRole = "projection"
    n: int
    k: int
    precision: Precision
    count: int = 1
    rows: Rows = "tokens"
    groups: int = 1

    @property
    def parameters(self) -> int:
        """Weights of one instance."""
        return self.groups * self.n * self.k

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """The routed experts of a mixture: gate, up and down products over the experts touched.

    ``skew`` is the Zipf exponent of the experts' popularity; 0 routes evenly. ``redundant``
    further copies of the most popular experts take a share of their tokens. ``arrives`` is the
    share of all tokens that reaches a rank: all where they are gathered, else those that visit
    one of its experts.
    """

    name: str
    experts: int
    top_k: int
    hidden: int
    width: int
    gated: bool
    precision: Precision
    count: int = 1
    expert_parallel: int = 1
    data_parallel: int = 1
    skew: float = 0.0
    redundant: int = 0
    arrives: float = 1.0

    @property
    def parameters(self) -> int:
        """Weights of all different experts of one instance."""
        return self.experts * (3 if self.gated else 2) * self.hidden * self.width

    @property
    def held_parameters(self) -> float:
        """Weights that one of the expert-parallel ranks holds, copies included."""
        copies = 1 + self.redundant / self.experts
        return self.parameters * copies / self.expert_parallel

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return "tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionCore:
    """Scores, softmax and weighted values over the cache, for decoding and prefilling rows.

    ``key_size`` and ``value_size`` are values per KV head and entry. With ``shared_key_value``
    the value is a part of the key (absorbed latent attention reads the entry once).
    """

    name: str
    query_heads: int
    kv_heads: int
    key_size: int
    value_size: int
    kv_bytes_per_value: float
    span: Span = EVERYTHING
    count: int = 1
    shared_key_value: bool = False
    compute: str = "bf16"

    @property
    def bytes_per_entry(self) -> float:
        """Bytes read for one cache entry."""
        values = self.key_size if self.shared_key_value else self.key_size + self.value_size
        return self.kv_heads * values * self.kv_bytes_per_value

    @property
    def flops_per_pair(self) -> float:
        """FLOPs of one query row with one entry: two for each value of key and of value."""
        return 2.0 * self.query_heads * (self.key_size + self.value_size)

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return "context"


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentCore:
    """Latent attention: absorbed (576-wide entries shared by all heads) or expanded per head.

    Decode is absorbed, prefill expands keys and values per head, unless ``absorbed_prefill``:
    sparse attention gathers single latents, which nobody expands.
    """

    name: str
    query_heads: int
    kv_rank: int
    nope_size: int
    rope_size: int
    value_size: int
    kv_bytes_per_value: float
    span: Span = EVERYTHING
    count: int = 1
    compute: str = "bf16"
    absorbed_prefill: bool = False

    @property
    def bytes_per_entry(self) -> float:
        """Bytes read for one cache entry."""
        return (self.kv_rank + self.rope_size) * self.kv_bytes_per_value

    @property
    def absorbed_flops_per_pair(self) -> float:
        """FLOPs of one query row with one latent: scores over rank + rope, values over rank."""
        return 2.0 * self.query_heads * (2 * self.kv_rank + self.rope_size)

    @property
    def expanded_flops_per_pair(self) -> float:
        """FLOPs of one query row with one key and value expanded per head."""
        return 2.0 * self.query_heads * (self.nope_size + self.rope_size + self.value_size)

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return "context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexer:
    """A small scorer of every earlier entry, and the choice of the best few (DeepSeek-V3.2).

    Args:
        heads: query heads of the scorer; they share one key an entry.
        key_size: values of such a key.
        bytes_per_entry: bytes of one cached key.
        span: the entries that are scored (all of them, or all compressed ones).
        scores_per_entry: fp32 scores kept for a query and an entry (1 after the sum over heads;
            below 1 where a block of entries keeps only its maximum).
        picks: whether the best are chosen too; False for the scorer by itself.
    """

    name: str
    heads: int
    key_size: int
    bytes_per_entry: float
    span: Span = EVERYTHING
    count: int = 1
    compute: str = "fp8"
    scores_per_entry: float = 1.0
    picks: bool = True

    @property
    def flops_per_pair(self) -> float:
        """FLOPs of one query row with one entry."""
        return 2.0 * self.heads * self.key_size

    @property
    def score_bytes_per_pair(self) -> float:
        """Bytes of scores moved for a query row and an entry: written once, read by the choice."""
        return (8.0 if self.picks else 4.0) * self.scores_per_entry

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return "context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A fixed state for each sequence, updated token by token (linear attention, state space).

    A step reads and writes ``state_bytes`` once for every sequence in it. Decoding rows follow
    the recurrence itself, prefilling rows its chunkwise form, which does more FLOPs as matrix
    products. Both are linear, so the two add up in a mixed step.
    """

    name: str
    decay: Decay
    state_bytes: float
    bytes_per_row: float
    decode_flops_per_row: float
    prefill_flops_per_row: float
    kernels: int = 1
    count: int = 1
    compute: str = "bf16"

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return "context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Rows gathered from a large table whose addresses are known from the tokens alone.

    The table may lie in device memory or on the host; since the addresses need no computing,
    a fetch from the host can run during the ``earlier_layers`` before it.
    """

    name: str
    parameters: int
    bytes_per_value: float
    rows_per_token: int
    row_bytes: float
    earlier_layers: int = 0
    count: int = 1

    @property
    def table_bytes(self) -> float:
        """Bytes of the whole table of one instance."""
        return self.parameters * self.bytes_per_value

    @property
    def bytes_per_row(self) -> float:
        """Bytes fetched for each token."""
        return self.rows_per_token * self.row_bytes

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return "tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise:
    """Small kernels that only move bytes: norms, rope, cache writes, activations, residuals.

    ``bytes_per_row`` is what all ``kernels`` of one instance move together. ``row_elements`` is
    what one thread block walks through where each row has a block to itself; 0 where the work is
    spread evenly.
    """

    name: str
    role: PassRole
    bytes_per_row: float
    kernels: int = 1
    count: int = 1
    rows: Rows = "tokens"
    row_elements: int = 0

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Collective:
    """A message between the devices of one replica.

    Args:
        bytes_per_row: of the whole, unsharded tensor (what a rank holds before an all-reduce or
            reduce-scatter, and after an all-gather), or of the message of a send.
        group: devices that take part.
        stride: how many devices lie between neighbours of the group, plus one.
    """

    name: str
    kind: Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"]
    bytes_per_row: float
    group: int
    count: int = 1
    rows: Rows = "tokens"
    stride: int = 1

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return self.rows


ExchangeModes = Literal["auto", "all_gather", "normal", "low_latency"]
"""Every rank gathers all tokens; a token goes once to each rank; or to each expert apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertExchange:
    """Tokens on their way to the ranks of their experts (dispatch) or back (combine).

    Args:
        combines: whether results come back rather than tokens go out.
        hidden: values of a token.
        bytes_per_value: bytes of one of them on the wire.
        devices: all ranks that take part, ``expert_parallel`` × those that cut experts' widths.
        token_shards: ranks that hold the same rows before; each sends its part of them.
        data_parallel: ranks with rows of their own.
        mode: how tokens travel; ``auto`` takes the fastest.
        skew, redundant: see ``Experts``; the busiest rank sets the time.
    """

    name: str
    combines: bool
    hidden: int
    experts: int
    top_k: int
    bytes_per_value: float
    devices: int
    expert_parallel: int
    token_shards: int
    data_parallel: int
    mode: ExchangeModes = "auto"
    skew: float = 0.0
    redundant: int = 0
    count: int = 1

    @property
    def driver(self) -> Driver:
        """See ``Driver``."""
        return "tokens"


Operator = (
    Matmul
    | Experts
    | AttentionCore
    | LatentCore
    | Indexer
    | Recurrence
    | Lookup
    | Elementwise
    | Collective
    | ExpertExchange
)


def parameters_in(operators: Iterable[Operator]) -> int:
    """Weights of matrix products and experts, whole (not spread over devices)."""
    return sum(op.count * op.parameters for op in operators if isinstance(op, Matmul | Experts))
