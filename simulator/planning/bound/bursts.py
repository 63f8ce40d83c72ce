"""How much slower the slowest answers are for the prompts that were read while they went on."""

import numpy as np
from scipy.special import pdtr

from simulator.graph.step_shape import FloatArray

_HALVINGS = 24


def late_tokens_s(
    answers: FloatArray, rate: FloatArray, token_s: FloatArray, added_s: FloatArray, tail: float
) -> FloatArray:
    """Seconds a token by which all but a ``tail`` of answers are held up by prompts at most.

    An answer of some steps meets a Poisson number of prompts, each of which holds it up once; the
    short ones that meet any are the slowest. What all but the tail keep below is found by halving.

    Args:
        answers: decode steps of answers that stand for equal shares of them, shape (a,).
        rate: prompts a second, shape (r, 1).
        token_s: a step, shape (r, 1).
        added_s: what a prompt adds, shape (r, 1).
        tail: the share.
    """
    met = rate * token_s * answers
    low, high = np.zeros_like(rate), _most(answers, met, added_s)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        held_up = np.floor(middle * answers / np.maximum(added_s, 1e-12))
        beyond = (1.0 - pdtr(held_up, met)).mean(axis=1, keepdims=True) > tail
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return high


def _most(answers: FloatArray, met: FloatArray, added_s: FloatArray) -> FloatArray:
    """More than any answer is held up by, but for one in many thousands."""
    return np.asarray(
        ((met + 6.0 * np.sqrt(met) + 6.0) / answers).max(axis=1, keepdims=True) * added_s
    )
