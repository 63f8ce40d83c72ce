"""One whole step of a replica: the model, and what drafts for it, in all their passes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.graph.step_shape import StepShape
from simulator.roofline.step.cost import StepCost
from simulator.roofline.step.decoding import LAST_TOKEN, PLAIN, DecodeMode, Pass
from simulator.roofline.step.drafted_table import DraftedTable
from simulator.roofline.step.report import OperatorReport, joined, report
from simulator.roofline.step.step import StepModel
from simulator.roofline.step.table import StepTable

DraftRun = tuple[StepModel, Pass]
"""A model that drafts, and the tokens that it goes over."""


@dataclass(frozen=True)
class WholeStep:
    """What a step of any shape costs in a mode.

    Args:
        model: the model itself, which verifies what was drafted.
        mode: how sequences decode.
        runs: the passes that draft.
    """

    model: StepModel
    mode: DecodeMode = PLAIN
    runs: tuple[DraftRun, ...] = ()

    @property
    def verifying(self) -> Pass:
        """The pass of the model over the last token of each sequence and those drafted."""
        return Pass(self.mode.width, self.mode.width)

    @property
    def _is_plain(self) -> bool:
        return self.mode.width == 1

    def gain(self, sequences: np.ndarray) -> np.ndarray:
        """Tokens that each of so many ``sequences`` of the replica gains in a step."""
        return np.where(sequences <= self.mode.up_to, self.mode.tokens, 1)

    def evaluate(self, shape: StepShape) -> StepCost:
        """Cost of each step of ``shape`` (numbers or arrays)."""
        if self._is_plain:
            return self.model.evaluate(shape)
        found = self.drafted(shape)
        drafts = shape.decode_sequences <= self.mode.up_to
        if np.all(drafts):
            return found
        # What drafts must know the prompts even where too many sequences decode for it to run.
        plain = self.model.evaluate(shape)
        prompts = _prompts_of(shape)
        for model, each in self.runs:
            if each.reads_prompts and np.any(prompts.tokens > 0):
                plain = plain.plus(model.evaluate(prompts), each.times)
        return found.where(drafts, plain)

    def drafted(self, shape: StepShape) -> StepCost:
        """Cost of each step in which all sequences draft, however many there are."""
        found = self.model.evaluate(self.verifying.of(shape))
        for model, its, times in self._passes(shape):
            found = found.plus(model.evaluate(its), times)
        return found

    def _passes(self, shape: StepShape) -> list[tuple[StepModel, StepShape, int]]:
        """What drafts in a step: models, the shapes they see, and how often."""
        decoding = bool(np.any(shape.decode_sequences > 0))
        return [
            (model, each.of(shape if each.reads_prompts else _decoding_of(shape)), each.times)
            for model, each in self.runs
            if each.reads_prompts or decoding
        ]

    def report(self, shape: StepShape) -> list[OperatorReport]:
        """Every row of one step, what binds the model first and then the slowest."""
        if self._is_plain or float(shape.decode_sequences) > self.mode.up_to:
            return report(self.model, shape)
        rows = [
            [replace(row, name=f"draft: {row.name}") for row in report(model, its)]
            for model, its, times in self._passes(shape)
            for _ in range(times)
        ]
        verifying = report(self.model, self.verifying.of(shape))
        if float(shape.decode_sequences) > 0:
            verifying = [replace(row, name=f"verify: {row.name}") for row in verifying]
        return joined([*rows, verifying], 1.0)

    def remarks(self, shape: StepShape) -> tuple[str, ...]:
        """What a reader of these steps must know."""
        found = self.model.remarks(self.verifying.of(shape))
        over = shape.decode_sequences > self.mode.up_to
        if np.any(over):
            found += (f"more than {self.mode.up_to} sequences decode plainly, as up_to says",)
        return found

    def table(self, max_tokens: int, max_context: int) -> StepTable | DraftedTable:
        """The same, compiled for simulation."""
        plain = StepTable(self.model, max_tokens, max_context)
        if self._is_plain:
            return plain

        def of(model: StepModel, each: Pass) -> StepTable:
            return StepTable(model, max_tokens, max_context, each, self.mode)

        drafting = tuple((of(model, each), each.times) for model, each in self.runs)
        return DraftedTable(plain, of(self.model, self.verifying), drafting, self.mode)


def _decoding_of(shape: StepShape) -> StepShape:
    none = np.zeros_like(shape.prefill_sequences)
    return replace(shape, prefill_sequences=none, prefill_logits=none)


def _prompts_of(shape: StepShape) -> StepShape:
    return LAST_TOKEN.of(replace(shape, decode_sequences=np.zeros_like(shape.decode_sequences)))


def notes_of(models: Sequence[StepModel]) -> tuple[str, ...]:
    """Fallbacks that the models rest on, each once."""
    return tuple(dict.fromkeys(note for model in models for note in model.notes))
