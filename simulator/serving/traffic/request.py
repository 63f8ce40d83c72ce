"""Requests on their way in (a table) and inside an engine (an object)."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NO_ROW = -1
"""In ``RequestTable.follows``: this request waits for no other."""


@dataclass(frozen=True, slots=True)
class RequestTable:
    """Requests to be served, one row each, in order of arrival.

    Args:
        arrival_s: seconds from the start; ignored in a closed loop, where users wait instead,
            and in rows that follow another.
        input_tokens, output_tokens: lengths, each at least 1.
        prefix_blocks: hashes of the blocks of prompt and answer, chained: equal hashes at equal
            places mean equal text up to there. They may end before the answer does.
        prefix_block_tokens: tokens that one such hash stands for.
        partial_blocks: a hash that reaches past the prompt stands for the prompt's end alone (as
            in traces); otherwise the answer fills its block.
        session: the conversation that a row belongs to; ``NO_ROW`` for none.
        follows: the row whose answer this one waits for; ``NO_ROW`` for none.
        delay_s: time between that answer and this row's arrival.
        priority: smaller is served earlier by the policy of that name.
        ttft_limit_s: a request's own objective, for policies that look at deadlines.
    """

    arrival_s: FloatArray
    input_tokens: IntArray
    output_tokens: IntArray
    prefix_blocks: tuple[tuple[int, ...], ...] | None = None
    prefix_block_tokens: int = 512
    partial_blocks: bool = True
    session: IntArray | None = None
    follows: IntArray | None = None
    delay_s: FloatArray | None = None
    priority: IntArray | None = None
    ttft_limit_s: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.arrival_s)

    def first(self, count: int) -> "RequestTable":
        """The first ``count`` rows; none of them follows a later one."""
        columns: dict[str, Any] = {
            column.name: value[:count]
            for column in fields(self)
            if isinstance(value := getattr(self, column.name), np.ndarray | tuple)
        }
        return replace(self, **columns)


class Request:
    """One request inside an engine. Mutable, and only its engine changes it."""

    __slots__ = (
        "arrival_s", "begins_s", "blocks", "cached_tokens", "committed", "computed", "deadline_s",
        "epoch", "first_token_s", "generated", "index", "input_tokens", "joined_at", "loaded",
        "output_tokens", "preemptions", "prefix", "priority", "ready_s", "replica", "session",
        "started_s", "submitted_s", "swapped", "target", "units",
    )  # fmt: skip

    def __init__(
        self,
        index: int,
        arrival_s: float,
        input_tokens: int,
        output_tokens: int,
        deadline_s: float,
        prefix: tuple[int, ...] = (),
    ) -> None:
        self.index = index
        self.arrival_s = arrival_s
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.deadline_s = deadline_s
        self.prefix = prefix
        self.priority = 0
        self.session = NO_ROW
        self.replica = 0
        self.epoch = 0
        self.preemptions = 0
        self.cached_tokens = 0
        self.submitted_s = arrival_s
        self.started_s = -1.0
        self.first_token_s = -1.0
        # Tokens to compute before the next one can be sampled, those computed and those sampled.
        self.target = input_tokens
        self.computed = 0
        self.generated = 0
        # The batch's position at which it began to decode.
        self.joined_at = 0
        # Cache blocks held, the shared ones among them by hash, and those promised to the answer.
        self.blocks = 0
        self.units: list[int] | None = None
        self.committed = 0
        self.swapped = False
        # Prefix on its way from a lower tier: tokens that are there in the end, when compute may
        # begin without waiting for a layer, and when all of it has come.
        self.loaded = 0
        self.begins_s = 0.0
        self.ready_s = 0.0

    def start_afresh(self, now: float) -> None:
        """Begin again at a replica that knows nothing of this request."""
        self.submitted_s = now
        self.started_s = self.first_token_s = -1.0
        self.target = self.input_tokens
        self.computed = self.generated = self.blocks = self.committed = 0
        self.units = None
        self.swapped = False
