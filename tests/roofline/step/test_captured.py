"""Which captured graph serves how many sequences."""

import numpy as np

from simulator.roofline.step.captured import capture_size

CAPTURED = (1, 2, 4, *range(8, 257, 8), *range(272, 1025, 16))
"""What vLLM captures."""


def test_a_step_runs_at_the_next_size_that_was_captured():
    wanted = np.array([*range(1, 1025), 1.5, 2.5, 7.9, 255.5, 256.1])
    sizes = np.array(CAPTURED, dtype=float)
    assert capture_size(wanted).tolist() == sizes[np.searchsorted(sizes, wanted)].tolist()
    assert capture_size(np.zeros(1)).tolist() == [0.0]
