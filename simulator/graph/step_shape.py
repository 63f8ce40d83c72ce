"""What one engine step is asked to do: decoding sequences and chunks of prompts."""

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def _one() -> FloatArray:
    return _ONE


_ONE = np.ones(())


@dataclass(frozen=True, slots=True)
class StepShape:
    """One step, or an array of steps: every field broadcasts against the others.

    Args:
        decode_sequences: sequences that decode.
        decode_context: tokens that such a sequence already holds, on average.
        prefill_sequences: prompts of which a chunk is processed.
        prefill_tokens: new tokens of such a chunk, on average.
        prefill_past: tokens cached before the chunk, on average.
        prefill_logits: of the prompts, those whose last token is in this step (they sample).
        decode_width: tokens of each decoding sequence that are computed: its last one, and those
            drafted behind it.
        decode_sampled: of these, the ones behind which a token is found.
    """

    decode_sequences: FloatArray
    decode_context: FloatArray
    prefill_sequences: FloatArray
    prefill_tokens: FloatArray
    prefill_past: FloatArray
    prefill_logits: FloatArray
    decode_width: FloatArray = field(default_factory=_one)
    decode_sampled: FloatArray = field(default_factory=_one)

    @classmethod
    def of(
        cls,
        *,
        decode_sequences: ArrayLike = 0,
        decode_context: ArrayLike = 0,
        prefill_sequences: ArrayLike = 0,
        prefill_tokens: ArrayLike = 0,
        prefill_past: ArrayLike = 0,
        prefill_logits: ArrayLike | None = None,
        decode_width: ArrayLike = 1,
        decode_sampled: ArrayLike = 1,
    ) -> "StepShape":
        """Build from numbers or arrays of one common (broadcast) shape."""
        logits = prefill_sequences if prefill_logits is None else prefill_logits
        arrays = np.broadcast_arrays(
            decode_sequences,
            decode_context,
            prefill_sequences,
            prefill_tokens,
            prefill_past,
            logits,
            decode_width,
            decode_sampled,
        )
        return cls(*(np.asarray(a, dtype=np.float64) for a in arrays))

    @classmethod
    def decode(cls, batch: ArrayLike, context: ArrayLike) -> "StepShape":
        """A step of ``batch`` sequences that each already hold ``context`` tokens."""
        return cls.of(decode_sequences=batch, decode_context=context)

    @classmethod
    def decode_grid(cls, batches: ArrayLike, contexts: ArrayLike) -> "StepShape":
        """Decode steps of all ``batches`` (down) at all ``contexts`` (across).

        Unlike elsewhere the fields keep their own shapes, so that products, which know nothing
        of contexts, are worked out once for each batch.
        """
        nobody = np.zeros((1, 1))
        batch = np.asarray(batches, dtype=np.float64)[:, None]
        context = np.asarray(contexts, dtype=np.float64)[None, :]
        return cls(batch, context, nobody, nobody, nobody, nobody)

    @classmethod
    def prefill(cls, batch: ArrayLike, tokens: ArrayLike, past: ArrayLike = 0) -> "StepShape":
        """A step of ``batch`` whole prompts of ``tokens`` tokens behind ``past`` cached ones."""
        return cls.of(prefill_sequences=batch, prefill_tokens=tokens, prefill_past=past)

    @property
    def tokens(self) -> FloatArray:
        """Rows of the token-wise matrix products."""
        return self.decode_rows + self.prefill_sequences * self.prefill_tokens

    @property
    def decode_rows(self) -> FloatArray:
        """Rows of the decoding sequences."""
        return self.decode_sequences * self.decode_width

    @property
    def logit_rows(self) -> FloatArray:
        """Rows of the output head: one for each token that is found."""
        return self.decode_sequences * self.decode_sampled + self.prefill_logits

    @property
    def sequences(self) -> FloatArray:
        """Sequences in the step."""
        return self.decode_sequences + self.prefill_sequences

    def padded_to(self, decode_sequences: FloatArray) -> "StepShape":
        """The same work with ``decode_sequences`` rows, the added ones holding no context."""
        grown = np.maximum(decode_sequences, 1.0)
        share = np.where(self.decode_sequences > 0, self.decode_sequences / grown, 1.0)
        return replace(
            self,
            decode_sequences=decode_sequences,
            decode_context=self.decode_context * share,
        )

    def __getitem__(self, index: object) -> "StepShape":
        """The steps picked by a numpy index."""
        return StepShape(*(getattr(self, f.name)[index] for f in fields(self)))
