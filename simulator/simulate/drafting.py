"""How a deployment drafts: its mode, what that lays on the devices, and what was assumed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from simulator.errors import InputError
from simulator.graph.build import Graph
from simulator.graph.drafting import with_drafting
from simulator.graph.parallel import Layout
from simulator.roofline.modes.drafted import Drafted, Settling, positions_of, rate_of
from simulator.roofline.modes.drafting import Asked, Drafting
from simulator.roofline.modes.methods import MODES
from simulator.roofline.step.decoding import UNBOUNDED, DecodeMode
from simulator.specs.acceptance import Accepted, published, typical
from simulator.specs.deployment import Deployment
from simulator.specs.model import Model
from simulator.specs.speculation import Speculation
from simulator.units import significant

_FIELD = "deployment.speculation"


@dataclass(frozen=True, slots=True)
class Speculating:
    """What a replica decodes by."""

    mode: DecodeMode
    drafting: Drafting
    remarks: tuple[str, ...]

    @property
    def weight_bytes(self) -> float:
        """Bytes of weights on a device that draft."""
        held = self.drafting.held
        return 0.0 if held is None else self.drafting.times * held.weight_bytes

    def beside(self, graph: Graph, device_bytes: float | None) -> tuple[Graph, float | None]:
        """The model's graph, and its bytes on the device, with those of what drafts."""
        held = self.drafting.held
        if held is None:
            return graph, device_bytes
        found = with_drafting(graph, held, self.drafting.times)
        if device_bytes is not None:
            device_bytes += found.weight_bytes - graph.weight_bytes
        return found, device_bytes


def speculate(
    model: Model,
    other: Model | None,
    deployment: Deployment,
    layout: Layout,
    weights: str,
    kv: str,
) -> Speculating:
    """Resolve how ``deployment`` drafts for ``model``, with the ``other`` model where it names one.

    Raises:
        InputError: a method that the model has no layers for, a draft model that cannot draft for
            it, or acceptance that does not fit.
    """
    wanted = deployment.speculation
    if wanted is None:
        raise LookupError("deployment.speculation")
    own = 0 if model.draft is None else model.draft.modules
    depth = wanted.depth or max(own, 1)
    stored = wanted.precision or weights
    drafting = MODES[wanted.method](Asked(wanted, depth, model, layout, stored, kv, other))
    up_to = UNBOUNDED if wanted.up_to is None else wanted.up_to * deployment.dp
    width = drafting.verified + 1
    if wanted.passes is not None:
        tokens = depth / wanted.passes
        whole = int(tokens) if tokens.is_integer() else tokens
        return Speculating(Settling(whole, width, up_to), drafting, drafting.notes)
    accepted, said = _accepted(wanted, depth, model, other)
    mode = Drafted(accepted, width, up_to, drafting.reads_hidden, wanted.seed)
    return Speculating(mode, drafting, (*drafting.notes, *said))


def _accepted(
    wanted: Speculation, depth: int, model: Model, other: Model | None
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The chance that everything up to each position is right, and where it is from."""
    given = wanted.acceptance
    if isinstance(given, tuple):
        if len(given) != depth:
            raise InputError(
                f"acceptance has {len(given)} positions for {depth} drafted tokens",
                field=f"{_FIELD}.acceptance",
                remedy="give one for each, or one rate",
            )
        return given, ()
    if isinstance(given, float | int):
        return positions_of(given, depth, wanted.widths), ()
    draft = None if other is None else other.name
    row = published(wanted.method, model.name, draft, given, depth)
    if row is not None:
        return _of_row(row, depth), (_told(row, depth, given is None),)
    return _assumed(typical(wanted.method), depth, wanted.method)


def _of_row(row: Accepted, depth: int) -> tuple[float, ...]:
    """Those published, and beyond them as its mean rate goes on."""
    if row.positions is None:
        return positions_of(rate_of(row.mean, row.depth), depth)
    found = list(row.positions[:depth])
    rate = rate_of(row.mean, row.depth)
    while len(found) < depth:
        found.append(found[-1] * rate)
    return tuple(found)


def _told(row: Accepted, depth: int, is_assumed: bool) -> str:
    said = f"{row.mean:g} tokens a step at a depth of {row.depth} are published for {row.task}"
    if row.depth != depth:
        said += f", from which those at {depth} follow by the same rate"
    how = "assumed to be accepted as published; speculation.acceptance says otherwise: "
    return (how if is_assumed else "acceptance as published: ") + said


def _assumed(
    rows: Sequence[Accepted], depth: int, method: str
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """What is published of the method for other models."""
    if not rows:
        raise InputError(
            f"no acceptance of {method} is published",
            field=f"{_FIELD}.acceptance",
            remedy="give a rate, such as 0.7",
        )
    rate = median(rate_of(row.mean, row.depth) for row in rows)
    note = (
        f"{significant(100 * rate, 2)} % of drafted tokens are assumed to be right, the median of "
        f"what is published of {method} for other models; speculation.acceptance says otherwise"
    )
    return positions_of(rate, depth), (note,)
