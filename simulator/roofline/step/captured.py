"""Captured graphs: the sizes that an engine replays, and steps that take several replays.

vLLM, SGLang and TensorRT-LLM capture decode steps of certain sizes and fill smaller ones up to the
next. A step beyond the largest is launched kernel by kernel (vLLM's ``cudagraph_dispatcher.py``,
TensorRT-LLM's ``cuda_graph_runner.py``, SGLang's ``cuda_graph_runner.py``), or is cut up here.
"""

from dataclasses import replace

import numpy as np

from simulator.graph.step_shape import StepShape
from simulator.roofline.laws.load import FloatArray
from simulator.roofline.step.ranks import RankStep

Run = tuple[RankStep, FloatArray | float]
"""One run of the graph, and how often it is repeated in a step."""


def capture_size(sequences: FloatArray) -> FloatArray:
    """Batch size of the captured graph that serves ``sequences``: 1, 2, 4, then multiples of 8.

    vLLM captures 1, 2, 4, every multiple of 8 up to 256 and every 16th above
    (``vllm/config/compilation.py``).
    """
    batch = np.asarray(sequences, dtype=np.float64)
    small = np.where(batch <= 1, batch, np.where(batch <= 2, 2.0, np.where(batch <= 4, 4.0, 8.0)))
    large = np.where(batch <= 256, np.ceil(batch / 8) * 8, np.ceil(batch / 16) * 16)
    return np.where(batch <= 8, small, large)


def filled(step: RankStep, most: int) -> RankStep:
    """``step`` with the rows that fill it up to a captured size, of which ``most`` is the largest.

    0 is for engines that capture nothing.
    """
    mine = _filled(step.shape, most)
    meeting = mine if step.meeting is step.shape else _filled(step.meeting, most)
    return replace(step, shape=mine, meeting=meeting)


def _filled(shape: StepShape, most: int) -> StepShape:
    if not most:
        return shape
    width = shape.decode_width
    # Of several rows a sequence all sizes are rounded up to whole sequences.
    size = capture_size(shape.decode_rows - (width - 1))
    size = np.where(width > 1, np.ceil(size / width), size)
    fits = (shape.prefill_sequences <= 0) & (shape.decode_sequences > 0)
    fits &= size * width <= most
    return shape.padded_to(np.where(fits, size, shape.decode_sequences))


def replays_of(step: RankStep, most: int) -> FloatArray:
    """How often the largest captured graph is replayed before the rest of each decode step."""
    rows, prompts = step.attending.decode_rows, step.attending.prefill_sequences
    if not most:
        return np.zeros(())
    return np.where((prompts <= 0) & (rows > most), np.ceil(rows / most) - 1.0, 0.0)


def cut(step: RankStep, replays: FloatArray, most: int) -> list[Run]:
    """The rest of each decode step, and the replays of the largest graph before it."""
    sequences = step.attending.decode_sequences
    full = np.minimum(sequences, most / step.attending.decode_width)
    rest = _part_of(step, sequences - replays * full)
    return [(rest, 1.0), (_part_of(step, full), replays)]


def _part_of(step: RankStep, sequences: FloatArray) -> RankStep:
    """So many ``sequences`` of the decode steps of ``step``, as a step of their own."""
    share = sequences / np.maximum(step.attending.decode_sequences, 1e-9)
    mine = replace(step.attending, decode_sequences=sequences)
    meeting = replace(step.meeting, decode_sequences=step.meeting.decode_sequences * share)
    return RankStep(mine, meeting, mine, step.turns)
