"""What every mode says of its steps: what drafts, and how much of it is verified."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from simulator.graph.build import Graph
from simulator.graph.parallel import Layout
from simulator.roofline.step.decoding import Pass
from simulator.specs.model import Model
from simulator.specs.speculation import Speculation


@dataclass(frozen=True, slots=True)
class Asked:
    """What a mode is told.

    Args:
        wanted: how the deployment drafts.
        depth: tokens drafted one after another.
        model: the model that verifies.
        layout: how it is laid out; what drafts lies beside it.
        weights: how the weights of what drafts are stored.
        kv: how caches are.
        other: the model that the deployment names for drafting, if it names one.
    """

    wanted: Speculation
    depth: int
    model: Model
    layout: Layout
    weights: str
    kv: str
    other: Model | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A graph that drafts, and the tokens that it goes over."""

    graph: Graph
    each: Pass


@dataclass(frozen=True, slots=True)
class Drafting:
    """What the steps of a mode are made of.

    Args:
        runs: the passes that draft, in their order.
        verified: drafted tokens that the model then verifies, of each sequence.
        held: what the devices hold of what drafts: weights, cache and state; of several alike
            layers one.
        times: how many of these there are.
        reads_hidden: whether it drafts from what the model computed.
        notes: what was assumed.
    """

    runs: tuple[Run, ...]
    verified: int
    held: Graph | None = None
    times: int = 1
    reads_hidden: bool = False
    notes: tuple[str, ...] = ()


Mode = Callable[[Asked], Drafting]
"""A mode: what is asked → what its steps are made of."""


def tree_rows(depth: int, widths: Sequence[int] | None) -> list[int]:
    """Drafted tokens of each position.

    Behind each token that is carried on there are ``widths`` candidates, position by position; as
    many are carried on as the widest position has, the likeliest ones (EAGLE-2, arXiv:2406.16858).
    """
    if widths is None:
        return [1] * depth
    beam, rows, carried = max(widths), [], 1
    for width in widths:
        rows.append(carried * width)
        carried = min(rows[-1], beam)
    return rows


def verified_of(asked: Asked) -> int:
    """Drafted tokens that are verified: all of the tree, or the best so many."""
    whole = sum(tree_rows(asked.depth, asked.wanted.widths))
    return min(whole, asked.wanted.verified or whole)


def one_after_another(asked: Asked, first: Graph, then: Graph) -> tuple[Run, ...]:
    """Passes that draft position by position.

    The first goes over the tokens that the step before accepted, padded to the most there can be,
    and over prompts; each further one over the tokens that the one before it found.
    """
    found = [Run(first, Pass(width=asked.depth + 1))]
    rows = tree_rows(asked.depth, asked.wanted.widths)
    beam = max(asked.wanted.widths or (1,))
    carried = [min(row, beam) for row in rows[:-1]]
    for width, alike in groupby(carried):
        times = len(list(alike))
        found.append(Run(then, Pass(width, sampled=width, times=times, reads_prompts=False)))
    return tuple(found)
