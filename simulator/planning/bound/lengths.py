"""How long prompts and answers are: all that the bound knows of requests but their rate."""

from dataclasses import dataclass

import numpy as np

from simulator.serving.traffic.request import RequestTable

_QUANTILES = np.linspace(0.0, 1.0, 201)
_MIDDLES = np.linspace(0.5 / 40, 1.0 - 0.5 / 40, 40)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Moments of the lengths of requests.

    Args:
        prompt: mean tokens of a prompt that are computed.
        prompt_cv2: their variance over their squared mean.
        cached: mean tokens before them that a prefix cache spares.
        answer: mean tokens of an answer.
        answer_cv2: their variance over their squared mean.
        prompts: quantiles of the prompts' lengths, evenly from least to most; empty where all are
            alike.
        answers: the same of the answers.
    """

    prompt: float
    answer: float
    prompt_cv2: float = 0.0
    answer_cv2: float = 0.0
    cached: float = 0.0
    prompts: tuple[float, ...] = ()
    answers: tuple[float, ...] = ()

    @classmethod
    def of(cls, table: RequestTable, *, reuses: bool = False) -> "Lengths":
        """Those of requests; with ``reuses`` whatever an endless prefix cache would spare is."""
        spared = _spared(table) if reuses else np.zeros(len(table))
        prompts = np.maximum(table.input_tokens - spared, 1.0)
        answers = table.output_tokens.astype(float)
        return cls(
            prompt=float(prompts.mean()),
            answer=float(answers.mean()),
            prompt_cv2=float(prompts.var() / prompts.mean() ** 2),
            answer_cv2=float(answers.var() / answers.mean() ** 2),
            cached=float(spared.mean()),
            prompts=tuple(np.quantile(prompts, _QUANTILES).tolist()),
            answers=tuple(np.quantile(answers, _QUANTILES).tolist()),
        )

    def longer(self, tail: float) -> float:
        """How much longer than the mean all prompts are but for that share, over the mean."""
        if not self.prompts:
            return 0.0
        high = float(np.interp(1.0 - tail, _QUANTILES, self.prompts))
        return max(high / self.prompt - 1.0, 0.0)

    def answer_steps(self, mean: float) -> np.ndarray:
        """Decode steps of answers that stand for equal shares of all, of ``mean`` steps together.

        Answers of one token, which have no pace, are left out.
        """
        if not self.answers:
            return np.array([max(mean, 1.0)])
        further = np.interp(_MIDDLES, _QUANTILES, self.answers) - 1.0
        steps = further[further > 0] * mean / max(self.answer - 1.0, 1e-9)
        return np.maximum(steps, 1.0) if steps.size else np.array([1.0])

    @property
    def decode_context(self) -> float:
        """Mean tokens before a decoding sequence, over all steps: long answers take more steps."""
        further = max(self.answer - 1.0, 0.0)
        return self.cached + self.prompt + further * (1.0 + self.answer_cv2) / 2

    def held(self, reserve: float) -> float:
        """Mean tokens that a running sequence holds or is promised, ``reserve`` of its answer."""
        grown = self.answer * (1.0 + self.answer_cv2) / 2
        return self.cached + self.prompt + max(grown, reserve * self.answer)


def _spared(table: RequestTable) -> np.ndarray:
    """Prompt tokens that stand in a block seen before, of each request."""
    found = np.zeros(len(table))
    if table.prefix_blocks is None:
        return found
    seen: set[int] = set()
    for row, blocks in enumerate(table.prefix_blocks):
        count = next((i for i, block in enumerate(blocks) if block not in seen), len(blocks))
        found[row] = min(count * table.prefix_block_tokens, int(table.input_tokens[row]) - 1)
        seen.update(blocks)
    return found
