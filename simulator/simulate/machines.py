"""A deployment on a machine whose chips together hold one model in SRAM."""

from simulator.errors import InputError
from simulator.graph.build import build
from simulator.roofline.device.device import Device
from simulator.roofline.step.sram import Machine, spread
from simulator.specs.deployment import Deployment
from simulator.specs.model import Model

_FOR_WEIGHTS = 0.9
"""Share of the SRAM that weights may fill; the rest is for cache and code (assumed)."""


def on_machine(
    model: Model, device: Device, deployment: Deployment, precision: str, kv_precision: str | None
) -> tuple[Deployment, Machine]:
    """The machine that serves one replica, and the deployment with its chips counted.

    The compiler spreads a model over chips by itself, so degrees of parallelism only say how
    many chips a replica has: tp × pp, or as many as its weights need. They are kept as ``pp``.

    Raises:
        InputError: too few chips for the model.
    """
    d = deployment
    graph = build(model, None, precision, kv_precision)
    asked = d.tp * d.pp * d.cp
    machine = spread(graph, device, asked if asked > 1 else None, d.engine, _FOR_WEIGHTS)
    replicas = d.replicas
    if d.devices is not None:
        if d.devices < machine.chips:
            raise InputError(
                f"{model.name} at {precision} takes {machine.chips} {device.name}, not {d.devices}",
                field="devices",
                remedy=f"use at least {machine.chips}, or fewer bits",
            )
        replicas = d.devices // machine.chips
    update = {
        "tp": 1, "cp": 1, "dp": 1, "ep": 1, "pp": machine.chips,
        "replicas": replicas, "devices": machine.chips * replicas,
    }  # fmt: skip
    return d.model_copy(update=update), machine
