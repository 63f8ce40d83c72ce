"""Medusa: heads on the last hidden state that each draft one position, all in one pass.

Cai et al., arXiv:2401.10774: a block that keeps the width, and an output head of its own, for each.
"""

from simulator.graph.drafting import heads
from simulator.roofline.modes.drafting import Asked, Drafting, Run, verified_of
from simulator.roofline.step.decoding import Pass


def medusa(asked: Asked) -> Drafting:
    """See the module."""
    graph = heads(asked.model, asked.depth, asked.layout, asked.weights)
    runs = (Run(graph, Pass(reads_prompts=False)),)
    return Drafting(runs, verified_of(asked), graph)
