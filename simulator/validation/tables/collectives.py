"""Tables of collectives, of a library and of an engine's own all-reduces."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simulator.roofline.device.device import Device
from simulator.roofline.device.links import menus_of
from simulator.roofline.laws.collective.constants import LINK
from simulator.specs import catalogue
from simulator.validation.account import Part
from simulator.validation.calibrate.collective import (
    COLLECTIVES,
    predict_rows_s,
    read_rows,
    rows_in,
)
from simulator.validation.tables.parts import scored, set_aside


def collective_parts(path: Path, device: Device, system: str) -> Iterator[Part]:
    """Every message inside one domain of links."""
    whole, link = rows_in(path), device.scale_up
    if link is None:
        yield Part(whole, refused=f"{device.name} has no link to others")
        return
    menu = menus_of(catalogue.engine_profile("vllm"), link.link_class).scale_up
    rows = read_rows([path], system)
    read = sum(row.repeats for row in rows)
    yield Part(whole - read, refused="launched outside of a graph, or in elements of no known size")
    kept, sigma = [row for row in rows if row.scored], device.book.residual(LINK.name)
    yield set_aside(read - sum(row.repeats for row in kept))
    predicted = predict_rows_s(kept, link, menu)
    for operator, title in COLLECTIVES.items():
        chosen = np.array([row.operator == operator for row in kept], np.bool_)
        if not chosen.any():
            continue
        some = [row for row in kept if row.operator == operator]
        yield scored(
            device, title, sigma, np.array([row.seconds for row in some]), predicted[chosen],
            repeats=np.array([row.repeats for row in some]),
        )  # fmt: skip
