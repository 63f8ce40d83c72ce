"""Multi-token prediction: layers of the checkpoint that each draft one further token.

DeepSeek-V3, arXiv:2412.19437. A layer that is run again for tokens beyond those the checkpoint has
layers for goes on from its own state, as EAGLE's does (TensorRT-LLM's ``MTPEagle``).
"""

from simulator.errors import InputError
from simulator.graph.drafting import Beside, beside
from simulator.roofline.modes.drafting import Asked, Drafting, Run, one_after_another
from simulator.roofline.step.decoding import Pass


def mtp(asked: Asked) -> Drafting:
    """See the module.

    Raises:
        InputError: the model has no such layers, or fewer than are asked for.
    """
    own = asked.model.draft
    if own is None:
        raise InputError(
            f"{asked.model.name} has no layers for multi-token prediction",
            field="deployment.speculation",
            remedy="draft with another method, such as eagle3:3 or ngram:3",
        )
    depth, modules = asked.depth, own.modules
    if depth > modules and not asked.wanted.repeat:
        raise InputError(
            f"{depth} drafted tokens are asked for; layers of {asked.model.name} for multi-token "
            f"prediction: {modules}",
            field="deployment.speculation",
            remedy=f"use mtp:{modules}, or mtp:{depth}:repeat, which runs the last one again",
        )
    joined = 2 if own.joins_embedding else 0
    graph = beside(asked.model, Beside((own.layer,), joined), asked.layout, asked.weights, asked.kv)
    if depth <= modules:
        # Each has a cache of its own, and so goes over all tokens.
        each = Run(graph, Pass(width=depth + 1, times=depth))
        return Drafting((each,), depth, graph, depth, reads_hidden=True)
    runs = one_after_another(asked, graph, graph)
    layers = "its one layer" if modules == 1 else f"the last of its {modules} layers"
    note = f"{layers} for multi-token prediction is run again and again to draft {depth} tokens"
    return Drafting(runs, depth, graph, reads_hidden=True, notes=(note,))
