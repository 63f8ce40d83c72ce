"""Adding a conditional memory (Engram, arXiv:2601.07372) to a model, and what its place saves."""

from simulator.errors import InputError
from simulator.memory.tiers import MemorySystem, saving_usd
from simulator.specs.kinds.lookup import Engram
from simulator.specs.model import Model

BYTES_PER_VALUE = 2.0


def with_table(
    model: Model,
    *,
    parameters: float,
    layer: int = 1,
    width: int | None = None,
    orders: tuple[int, ...] = (2, 3),
    heads: int = 8,
    streams: int = 4,
) -> Model:
    """``model`` with one table of ``parameters`` values before layer ``layer`` (0 is the first).

    ``width`` is what all rows of a token hold together, by default the width of the residual
    stream, as in Engram-27B (two orders of 1,280 for 2,560). ``streams`` counts the gated keys.

    Raises:
        InputError: the model has no such layer.
    """
    if not 0 <= layer < len(model.layers):
        raise InputError(
            f"{model.name} has {len(model.layers)} layers, there is no layer {layer}",
            field="layer",
            remedy=f"use 0 to {len(model.layers) - 1}",
        )
    values = width or model.hidden_size
    table = Engram(
        rows=max(1, round(parameters / values)),
        width=values,
        orders=orders,
        heads=heads,
        streams=streams,
        layer=layer,
    )
    layers = list(model.layers)
    layers[layer] = layers[layer].model_copy(update={"lookup": table})
    return model.model_copy(update={"layers": tuple(layers)})


def table_saving_usd(system: MemorySystem, parameters: float, place: str = "host") -> float | None:
    """Purchase saved by a table of ``parameters`` values in ``place`` and not on the device."""
    return saving_usd(system, parameters * BYTES_PER_VALUE, place)
