"""Requests on their way in (a table), inside the engine (an object) and out (columns again)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STATUSES = ("finished", "rejected", "unfinished")
"""What became of a request, in the order of ``Records.status``."""

FINISHED, REJECTED, UNFINISHED = range(3)


@dataclass(frozen=True, slots=True)
class RequestTable:
    """Requests to be served, one row each, in order of arrival.

    Args:
        arrival_s: seconds from the start; ignored in a closed loop, where users wait instead.
        input_tokens, output_tokens: lengths, each at least 1.
        prefix_blocks: hashes of the prompt's blocks where a trace gives them.
        prefix_block_tokens: tokens that one such hash stands for.
    """

    arrival_s: FloatArray
    input_tokens: IntArray
    output_tokens: IntArray
    prefix_blocks: tuple[tuple[int, ...], ...] | None = None
    prefix_block_tokens: int = 512

    def __len__(self) -> int:
        return len(self.arrival_s)


class Request:
    """One request inside an engine. Mutable, and only its engine changes it."""

    __slots__ = (
        "arrival_s",
        "blocks",
        "cached_tokens",
        "computed",
        "epoch",
        "first_token_s",
        "generated",
        "index",
        "input_tokens",
        "joined_tick",
        "output_tokens",
        "preemptions",
        "replica",
        "started_s",
        "target",
    )

    def __init__(self, index: int, arrival_s: float, input_tokens: int, output_tokens: int) -> None:
        self.index = index
        self.arrival_s = arrival_s
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.target = input_tokens
        self.computed = 0
        self.generated = 0
        self.blocks = 0
        self.cached_tokens = 0
        self.joined_tick = 0
        self.epoch = 0
        self.preemptions = 0
        self.replica = 0
        self.started_s = -1.0
        self.first_token_s = -1.0


@dataclass(frozen=True, slots=True)
class Records:
    """What happened to every request: one column each, in order of arrival; times in seconds.

    A time that never came is NaN. ``queue_s`` runs from arrival until the first chunk starts.
    """

    arrival_s: FloatArray
    input_tokens: IntArray
    output_tokens: IntArray
    cached_tokens: IntArray
    started_s: FloatArray
    first_token_s: FloatArray
    finished_s: FloatArray
    replica: IntArray
    preemptions: IntArray
    status: NDArray[np.int8]

    @classmethod
    def empty(cls, table: RequestTable) -> "Records":
        """Columns for ``table``, nothing served yet."""
        rows = len(table)
        nothing = np.full(rows, np.nan)
        return cls(
            arrival_s=table.arrival_s.copy(),
            input_tokens=table.input_tokens,
            output_tokens=table.output_tokens,
            cached_tokens=np.zeros(rows, np.int64),
            started_s=nothing.copy(),
            first_token_s=nothing.copy(),
            finished_s=nothing.copy(),
            replica=np.full(rows, -1, np.int64),
            preemptions=np.zeros(rows, np.int64),
            status=np.full(rows, UNFINISHED, np.int8),
        )

    def write(self, request: Request, finished_s: float, status: int) -> None:
        """Put down what became of ``request``."""
        row = request.index
        self.arrival_s[row] = request.arrival_s
        self.finished_s[row] = finished_s
        self.replica[row] = request.replica
        self.preemptions[row] = request.preemptions
        self.cached_tokens[row] = request.cached_tokens
        self.status[row] = status
        if request.started_s >= 0:
            self.started_s[row] = request.started_s
        if request.first_token_s >= 0:
            self.first_token_s[row] = request.first_token_s

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Which requests were answered in full."""
        return self.status == FINISHED

    @property
    def ttft_s(self) -> FloatArray:
        """Time to first token, from arrival."""
        return self.first_token_s - self.arrival_s

    @property
    def queue_s(self) -> FloatArray:
        """Time from arrival until the engine starts on the prompt."""
        return self.started_s - self.arrival_s

    @property
    def e2e_s(self) -> FloatArray:
        """Time from arrival to the last token."""
        return self.finished_s - self.arrival_s

    @property
    def tpot_s(self) -> FloatArray:
        """Time per output token after the first: (e2e − TTFT)/(output tokens − 1); NaN for one."""
        gaps = (self.output_tokens - 1).astype(np.float64)
        gaps[gaps == 0] = np.nan
        return (self.finished_s - self.first_token_s) / gaps


@dataclass(slots=True)
class Counters:
    """Totals of one replica; what tokens, steps and joules must be conserved against."""

    steps: int = 0
    prefill_tokens: int = 0
    decode_tokens: int = 0
    cached_tokens: int = 0
    preemptions: int = 0
    busy_s: float = 0.0
    prefill_s: float = 0.0
    energy_j: float = 0.0
    events: int = 0
    peak_blocks: int = 0
    extra: dict[str, float] = field(default_factory=dict)
