"""A step model compiled into tables, so that a simulation pays microseconds for a step.

Everything a step costs is a sum of four parts that hang on few numbers each: products and small
kernels on the number of tokens, the output head on the number of sampling rows, decode attention
on batch and mean context, prefill attention on the chunks. Each part is tabulated by the step
model itself when first asked for; look-ups are plain floats and lists, which are faster than
numpy for single numbers.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar

import numpy as np

from simulator.graph.operator import Experts, Operator
from simulator.graph.step_shape import StepShape
from simulator.roofline.step.decoding import LAST_TOKEN, PLAIN, DecodeMode, Pass
from simulator.roofline.step.ranks import FLOATS, ONE_TURN, RankStep, Turns, share_of_step
from simulator.roofline.step.step import StepModel

_KNOT_RATIO = 1.12
_BATCH_BLOCK = 16
_TOKEN_BLOCK = 128

ValueT = TypeVar("ValueT")

Part = tuple[float, float, float, float]
"""Seconds, joules, launches, and the seconds of them that are messages."""


Piece = tuple[float, float, float, float, float, float]
"""Where it starts and ends; seconds and their slope, joules and their slope."""

JoinedKey = tuple[int, int, int, float, int, int]
"""Decoding sequences, prompts, their tokens, the mean before these, prompts that end here, and
the piece of the context."""

Line = tuple[float, float, float, float, float]
"""Where it starts; seconds and their slope, joules and their slope."""

DecodePiece = tuple[float, float, Part, Part]
"""Where it starts and its width; the part at its start, and what it gains until its end."""

_ENDLESS = 1e18
_MOST_KEYS = 1 << 14
_OFTEN = 4
_STRAIGHT = 1e-13


@dataclass(frozen=True, slots=True)
class Curve:
    """Seconds and joules of a decode step against mean context, linear on each of ``pieces``.

    ``starts`` are those of the pieces; the last one never ends.
    """

    starts: list[float]
    pieces: list[Piece]
    tokens: float = 1

    def run(self, context: float, steps: int) -> tuple[float, float]:
        """Seconds and joules of ``steps`` steps, the first at ``context``, each ``tokens`` on.

        The sum over an arithmetic progression is closed inside each linear piece, so the cost
        does not depend on ``steps``.
        """
        piece = bisect_right(self.starts, context) - 1
        start, end, time_s, time_slope, energy_j, energy_slope = self.pieces[piece]
        further = (steps - 1) * self.tokens
        if context + further >= end:
            return self._run_over_pieces(context, steps, piece)
        ramp = steps * (further / 2 + context - start)
        return steps * time_s + time_slope * ramp, steps * energy_j + energy_slope * ramp

    def plus(self, other: "Curve", times: int) -> "Curve":
        """Steps that are followed by ``times`` of ``other``, whose pieces start where these do."""
        pieces = [
            (start, end, a + times * e, b + times * f, c + times * g, d + times * h)
            for (start, end, a, b, c, d), (_, _, e, f, g, h) in zip(
                self.pieces, other.pieces, strict=True
            )
        ]
        return Curve(self.starts, pieces, self.tokens)

    def _run_over_pieces(self, context: float, steps: int, piece: int) -> tuple[float, float]:
        """``run`` where the steps leave the linear piece in which they start."""
        tokens = self.tokens
        seconds = joules = 0.0
        while steps > 0:
            start, end, time_s, time_slope, energy_j, energy_slope = self.pieces[piece]
            here = ceil((end - context) / tokens)
            if here > steps:
                here = steps
            if here > 0:
                ramp = here * ((here - 1) * tokens / 2 + context - start)
                seconds += here * time_s + time_slope * ramp
                joules += here * energy_j + energy_slope * ramp
                context += here * tokens
                steps -= here
            piece += 1
        return seconds, joules


class _Filling(dict[int, ValueT]):
    """A table over whole numbers from 1 on, filled block by block when they are asked for."""

    def __init__(self, block: int, fill: Callable[[range], list[ValueT]]) -> None:
        self._block = block
        self._fill = fill

    def __missing__(self, number: int) -> ValueT:
        # Prompts are often a power of two long: then what decodes beside them is in one block.
        first = number // self._block * self._block
        numbers = range(max(first, 1), first + self._block)
        self.update(zip(numbers, self._fill(numbers), strict=True))
        return self[number]


class StepTable:
    """Times and energies of single steps and of runs of decode steps, by look-up."""

    def __init__(
        self,
        model: StepModel,
        max_tokens: int,
        max_context: int,
        each: Pass = LAST_TOKEN,
        mode: DecodeMode = PLAIN,
    ) -> None:
        """Tables for steps of up to ``max_tokens`` tokens and contexts up to ``max_context``.

        Decoding sequences have the tokens of one run of ``each``, and grow as ``mode`` says.
        """
        self.model = model
        self.mode = mode
        self.each = each
        self.idle_w = model.device.power.idle_w
        operators = model.graph.operators
        self._layout = model.graph.layout
        self._is_whole = self._layout.is_whole
        self._by_tokens = [op for op in operators if op.driver == "tokens"]
        # Under data parallelism experts see the rows of all ranks, everything else its own.
        self._experts: list[Operator] = []
        if not self._is_whole:
            self._experts = [op for op in self._by_tokens if isinstance(op, Experts)]
            self._by_tokens = [op for op in self._by_tokens if not isinstance(op, Experts)]
        self._by_logits = [op for op in operators if op.driver == "logits"]
        self._attention = [op for op in operators if op.driver == "context"]
        self._knots = _knots(max_context)
        self._starts = self._knots[:-1]
        self._chunk_knots = _knots(max(max_tokens, 2), ratio=1.25)
        self._past_knots = _knots(max_context, ratio=1.5)
        self._curves = _Filling(_BATCH_BLOCK, self._new_curves)
        self._token_part = _Filling(_TOKEN_BLOCK, self._token_parts)
        self._expert_part = _Filling(_TOKEN_BLOCK, self._expert_parts)
        self._logit_part = _Filling(_BATCH_BLOCK, self._logit_parts)
        self._decode_part = _Filling(_BATCH_BLOCK, self._decode_parts)
        self._prefill_part: dict[float, list[list[Part]]] = {}
        # Requests of one length ask for the same steps again and again: how often, and what is
        # kept of those asked for often.
        self._asked: dict[JoinedKey, int] = {}
        self._lines: dict[JoinedKey, Line] = {}

    def forget(self) -> None:
        """Begin anew with what is asked for often.

        A step from a kept line differs in its last digits from one that is summed. Whoever
        simulates begins so, and the same seed gives the same bytes whatever was asked before.
        """
        self._asked.clear()
        self._lines.clear()

    def decode(self, sequences: int) -> Curve:
        """The curve for ``sequences`` decoding together."""
        return self._curves[sequences]

    def _new_curves(self, batches: range) -> list[Curve]:
        # A model without a cache takes the same time at every context.
        size = len(batches), len(self._knots)
        found = self.model.times(self.each.grid(batches, self._knots))
        times = [np.broadcast_to(x, size) for x in found]
        gaps = np.diff(self._knots)
        ends = [*self._knots[1:-1], _ENDLESS]
        curves = []
        for time_s, energy_j in zip(*times, strict=True):
            lines = [line for y in (time_s, energy_j) for line in (y[:-1], np.diff(y) / gaps)]
            pieces = zip(self._starts, ends, *(line.tolist() for line in lines), strict=True)
            curves.append(Curve(self._starts, list(pieces), self.mode.tokens))
        return curves

    def mixed(
        self,
        decoding: int,
        context: float,
        prompts: int,
        prompt_tokens: int,
        past: float,
        sampling: int,
    ) -> tuple[float, float]:
        """Seconds and joules of one step with prompt chunks.

        ``decoding`` sequences at mean ``context``; ``prompts`` chunks of ``prompt_tokens``
        tokens together behind a mean of ``past`` cached ones; ``sampling`` of them end here.
        """
        if self._is_whole:
            piece = bisect_right(self._starts, context) - 1
            key = decoding, prompts, prompt_tokens, past, sampling, piece
            line = self._lines.get(key)
            if line is None:
                cost = self._joined(key, context)
                self._asked[key] = times = self._asked.get(key, 0) + 1
                if times == _OFTEN:
                    self._keep_line(key)
                elif len(self._asked) > _MOST_KEYS:
                    self._asked.clear()
                    self._lines.clear()
            else:
                start, time_s, time_slope, energy_j, energy_slope = line
                x = context - start
                cost = time_s + time_slope * x, energy_j + energy_slope * x
        else:
            cost = self._joined_in_turns(decoding, context, prompts, prompt_tokens, past, sampling)
        return cost

    def _joined(self, key: JoinedKey, context: float) -> tuple[float, float]:
        """One pass with prompts."""
        decoding, prompts, prompt_tokens, past, sampling, piece = key
        tokens = decoding * self.each.width + prompt_tokens
        sampled = decoding * self.each.sampled + sampling
        part = _sum(
            self._token_part[tokens], self._prefill_at(prompts, prompt_tokens / prompts, past)
        )
        if sampled:
            part = _sum(part, self._logit_part[sampled])
        if decoding:
            part = _sum(part, self._decode_at(decoding, context, piece))
        return self.model.combine(part, tokens, decoding + prompts, prompts, max, min)

    def _keep_line(self, key: JoinedKey) -> None:
        """Keep what is asked for often as a line, which costs as much as three answers.

        On a piece of the context the times and energies of the parts are linear, and time is the
        larger, energy the smaller of such lines: bent to one side only, so straight when the
        middle lies on the line between the ends. Time beside offloaded weights is no such line.
        """
        if self.model.offload is not None:
            return
        start, end = self._knots[key[-1] : key[-1] + 2]
        (low_s, low_j), (high_s, high_j), (time_s, energy_j) = (
            self._joined(key, at) for at in (start, end, (start + end) / 2)
        )
        bent_s, bent_j = (low_s + high_s) / 2 - time_s, (low_j + high_j) / 2 - energy_j
        if abs(bent_s) <= _STRAIGHT * time_s and abs(bent_j) <= _STRAIGHT * energy_j:
            slopes = (high_s - low_s) / (end - start), (high_j - low_j) / (end - start)
            self._lines[key] = start, low_s, slopes[0], low_j, slopes[1]

    def _joined_in_turns(
        self,
        decoding: int,
        context: float,
        prompts: int,
        prompt_tokens: int,
        past: float,
        sampling: int,
    ) -> tuple[float, float]:
        """One pass with prompts, for one micro-batch of the fullest rank; see ``ranks``."""
        layout = self._layout
        passes, halves, mine, chunks, chunk, before, ends, parts = share_of_step(
            layout, decoding, prompts, prompt_tokens / prompts, past, sampling, FLOATS
        )
        tokens = mine * self.each.width + max(1, round(chunks * chunk))
        sampled = mine * self.each.sampled + ends
        met = (decoding * self.each.width + prompt_tokens) / parts
        part = self._token_part[tokens]
        if self._experts:
            part = _sum(part, self._expert_part[max(1, round(met * layout.batch_ways))])
        part = _sum(part, self._prefill_at(chunks, chunk, before))
        if sampled:
            part = _sum(part, self._logit_part[sampled])
        if mine:
            piece = bisect_right(self._starts, context) - 1
            part = _sum(part, self._decode_at(mine, context, piece))
        turns = Turns(passes, halves, met / tokens)
        return self.model.combine(part, tokens, mine + chunks, chunks, max, min, turns)

    def _token_parts(self, tokens: range) -> list[Part]:
        return self._sum(self._by_tokens, StepShape.prefill(np.asarray(tokens), 1.0))

    def _expert_parts(self, tokens: range) -> list[Part]:
        """Experts by whole rows of all ranks; what is costed is the mean rank's."""
        rows = np.asarray(tokens) / self._layout.batch_ways
        return self._sum(self._experts, StepShape.prefill(rows, 1.0))

    def _logit_parts(self, rows: range) -> list[Part]:
        return self._sum(self._by_logits, StepShape.decode(np.asarray(rows), 0.0))

    def _decode_at(self, sequences: int, context: float, piece: int) -> Part:
        start, width, (a, b, c, d), (e, f, g, h) = self._decode_part[sequences][piece]
        x = (context - start) / width
        return a + e * x, b + f * x, c + g * x, d + h * x

    def _decode_parts(self, batches: range) -> list[list[DecodePiece]]:
        knots = self._knots
        shape = self.each.grid(batches, knots)
        flat = np.reshape(self._sum(self._attention, shape), (len(batches), len(knots), 4))
        widths = np.diff(knots).tolist()
        found = []
        for parts in flat:
            lows, rises = (map(tuple, x.tolist()) for x in (parts[:-1], np.diff(parts, axis=0)))
            found.append(list(zip(self._starts, widths, lows, rises, strict=True)))
        return found

    def _prefill_at(self, prompts: float, tokens: float, past: float) -> Part:
        grid = self._prefill_part.get(prompts)
        if grid is None:
            chunk, before = np.asarray(self._chunk_knots), np.asarray(self._past_knots)
            shape = StepShape.prefill(float(prompts), chunk[:, None], before[None, :])
            flat = self._sum(self._attention, shape)
            width = len(self._past_knots)
            grid = [flat[i : i + width] for i in range(0, len(flat), width)]
            self._prefill_part[prompts] = grid
        i, x = _position(self._chunk_knots, tokens)
        j, y = _position(self._past_knots, past)
        low = _between(grid[i][j], grid[i][j + 1], y)
        high = _between(grid[i + 1][j], grid[i + 1][j + 1], y)
        return _between(low, high, x)

    def _sum(self, operators: list[Operator], shape: StepShape) -> list[Part]:
        """Totals of ``operators`` at every entry of ``shape`` (of one rank), flattened."""
        step = RankStep(shape, shape, shape, ONE_TURN)
        totals = self.model.totals(
            [p for op in operators for p in self.model.costs(op, step)], shape
        )
        # What hangs on no context, like a recurrent state, is the same at all of them.
        entries = shape.tokens.shape, shape.decode_context.shape, shape.prefill_past.shape
        size = np.broadcast_shapes(*entries, *(x.shape for x in totals))
        columns = [np.broadcast_to(x, size).ravel().tolist() for x in totals]
        return list(zip(*columns, strict=True))


def _sum(one: Part, two: Part) -> Part:
    a, b, c, d = one
    e, f, g, h = two
    return a + e, b + f, c + g, d + h


def _position(knots: list[float], value: float) -> tuple[int, float]:
    i = min(bisect_right(knots, value) - 1, len(knots) - 2)
    i = max(i, 0)
    return i, (value - knots[i]) / (knots[i + 1] - knots[i])


def _between(low: Part, high: Part, x: float) -> Part:
    return (
        low[0] + (high[0] - low[0]) * x,
        low[1] + (high[1] - low[1]) * x,
        low[2] + (high[2] - low[2]) * x,
        low[3] + (high[3] - low[3]) * x,
    )


def _knots(largest: int, ratio: float = _KNOT_RATIO) -> list[float]:
    """0, 1, 2, … growing by ``ratio``, whole numbers, the last at or above ``largest``."""
    knots = [0.0, 1.0]
    while knots[-1] < largest:
        knots.append(float(max(knots[-1] + 1, round(knots[-1] * ratio))))
    return knots
