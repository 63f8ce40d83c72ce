"""What a publisher says of a model's size, beside what its shapes give."""

from dataclasses import dataclass

from simulator.graph.build import build
from simulator.graph.parameters import count_parameters
from simulator.specs.model import Model
from simulator.specs.quantity import Quantity


@dataclass(frozen=True, slots=True)
class Comparison:
    """A published figure beside the one counted from the shapes.

    ``within_rounding``: the counted figure lies in the interval that the published one was
    rounded from.
    """

    what: str
    counted: float
    published: float
    within_rounding: bool

    @property
    def error(self) -> float:
        """Relative difference of the counted figure from the published one."""
        return self.counted / self.published - 1


def compare_published(model: Model) -> list[Comparison]:
    """What the publisher says of a model's size, beside what its shapes give."""
    said = model.published
    count = count_parameters(model)
    total = count.total_as(said.total_convention)
    total += count.vision if "vision" in said.total_includes else 0
    total += count.draft if "draft" in said.total_includes else 0
    graph = build(model, kv="native")
    pairs: list[tuple[str, float, Quantity | None]] = [
        ("parameters", total, said.parameters),
        ("active parameters", count.active_as(said.active_convention), said.active_parameters),
        ("KV bytes per token", graph.kv_bytes_per_token, said.kv_bytes_per_token),
        ("state bytes", graph.state_bytes_per_sequence, said.state_bytes),
    ]
    return [
        Comparison(what, counted, float(figure), _holds(figure, counted))
        for what, counted, figure in pairs
        if figure is not None
    ]


def _holds(figure: Quantity, value: float) -> bool:
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return low <= value <= high
