"""What is written down: one row of columns for every request, and totals of every replica."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.serving.traffic.request import NO_ROW, FloatArray, IntArray

STATUSES = ("finished", "rejected", "unfinished", "lost")
"""What became of a request, in the order of ``Records.status``: those that are too long for any
replica are rejected, those for which none is left that still runs are lost."""

FINISHED, REJECTED, UNFINISHED, LOST = range(4)


@dataclass(frozen=True, slots=True)
class Records:
    """What happened to every request: one column each, in order of arrival; times in seconds.

    A time that never came is NaN. ``queue_s`` runs from arrival until the first chunk starts.
    ``session`` is the conversation that each request is a turn of, ``NO_ROW`` for none.
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
    session: IntArray

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Which requests were answered in full."""
        return np.asarray(self.status == FINISHED)

    @property
    def conversations(self) -> int | None:
        """How many had a turn that was answered; None where requests are no turns."""
        turns = self.session != NO_ROW
        return int(np.unique(self.session[turns & self.finished]).size) if turns.any() else None

    @property
    def ttft_s(self) -> FloatArray:
        """Time to first token, from arrival."""
        return self.first_token_s - self.arrival_s

    @property
    def ttft_from_admission_s(self) -> FloatArray:
        """Time to first token, from the start of the prompt's first chunk."""
        return self.first_token_s - self.started_s

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
    """Totals of one replica; what tokens, steps and joules must be conserved against.

    ``prefill_tokens`` counts computed prompt tokens, those computed again after a preemption
    included; ``cached_tokens`` those that the prefix cache spared, in whatever tier. The end of a
    prompt (``prompt_ends``) gives a token too, so answers add up to ``decode_tokens +
    prompt_ends``. ``hits_by_tier`` are tokens of prompts found off the device, and the bytes
    those that all devices together read from and wrote to each tier there.

    Of the busy seconds ``prompt_s`` are those of prompts, where a step's time is divided in the
    proportion that its prompts and its answers would take alone, and the row that gives an
    answer's first token is the answer's; ``prompt_added_s`` those that prompts add to what
    answers would have taken without them; ``load_s`` those that steps waited for cached
    prefixes on their way. ``held_block_s`` are block-seconds for which the device kept prefixes
    that nobody held, up to when somebody came for them.
    """

    steps: int = 0
    prefill_tokens: int = 0
    decode_tokens: int = 0
    prompt_ends: int = 0
    cached_tokens: int = 0
    preemptions: int = 0
    busy_s: float = 0.0
    prompt_s: float = 0.0
    prompt_added_s: float = 0.0
    load_s: float = 0.0
    held_block_s: float = 0.0
    energy_j: float = 0.0
    events: int = 0
    peak_blocks: int = 0
    extra: dict[str, float] = field(default_factory=dict)
    hits_by_tier: dict[str, int] = field(default_factory=dict)
    read_bytes_by_tier: dict[str, float] = field(default_factory=dict)
    written_bytes_by_tier: dict[str, float] = field(default_factory=dict)
