"""The scorer of sparse attention."""

from dataclasses import dataclass

from simulator.graph.operator.base import ContextOperator, FloatArray, Work
from simulator.graph.span import EVERYTHING, Span
from simulator.graph.step_shape import StepShape


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexer(ContextOperator):
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

    heads: int
    key_size: int
    bytes_per_entry: float
    span: Span = EVERYTHING
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
    def compute_datatype(self) -> str:
        """See ``Operator``."""
        return self.compute

    def phases(self, step: StepShape) -> tuple[Work, Work]:
        """See ``ContextOperator``: keys are read, scores written and read."""
        decode, prefill = self.span.pairs_in(step)

        def of(pairs: FloatArray, entries: FloatArray) -> Work:
            keys, scores = entries * self.bytes_per_entry, pairs * self.score_bytes_per_pair
            return Work(pairs * self.flops_per_pair, {"cache": keys, "activations": scores})

        return of(decode, self.span.entries_of_decoding(step)), of(
            prefill, self.span.entries_of_prompts(step, prefill)
        )
