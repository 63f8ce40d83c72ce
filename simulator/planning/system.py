"""What can serve: devices, a layout, an engine and its settings, and what they are paid by."""

from dataclasses import dataclass
from typing import Self

from simulator.errors import InputError
from simulator.simulate.cluster import resolve
from simulator.simulate.layouts import SUGGESTED_DEVICES, candidates
from simulator.specs.deployment import Deployment
from simulator.specs.economics import Economics
from simulator.specs.question import Change, changed, path_of
from simulator.specs.reading import read_yaml_value
from simulator.specs.scenario import Named, Scenario
from simulator.specs.what_if import hardware_of, model_of

AUTO = "auto"
"""In place of a layout: the fewest devices that hold the model."""

_LEAST_CACHE = 0.02
"""Share of a device's memory below which a cache holds too little to serve anybody."""


class NoLayoutError(InputError):
    """No layout of a device holds the model."""


@dataclass(frozen=True, slots=True)
class System:
    """A candidate to serve a question.

    Args:
        name: what a person called it.
        hardware: its devices.
        deployment: their layout, engine and settings.
        economics: the basis on which they are paid for.
        notes: how it came to be.
    """

    name: str
    hardware: Named
    deployment: Deployment
    economics: Economics
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, scenario: Scenario, name: str = "") -> Self:
        """The system that a scenario describes, called like the scenario unless named."""
        return cls(
            name or scenario.name, scenario.hardware, scenario.deployment, scenario.economics
        )

    def serving(self, question: Scenario) -> Scenario:
        """The same question, put to this system."""
        return question.model_copy(
            update={
                "hardware": self.hardware,
                "deployment": self.deployment,
                "economics": self.economics,
                "notes": (*question.notes, *self.notes),
                # A title speaks of the system that the question was written for.
                "title": "",
            }
        )


def system_named(text: str, question: Scenario, flag: str = "--hardware") -> System:
    """The system that ``text`` names, in all else that of ``question``.

    ``h100-sxm:tp=2:engine=sglang`` is a device (or a file of one), and fields of the scenario as
    ``--set`` names them. ``h100-sxm:auto`` lays the model out on the fewest devices that hold it.
    What the question changes of its hardware is changed of this too.

    Raises:
        InputError: a name or field that does not exist, a value that it cannot have, or ``auto``
            where two pools have layouts of their own.
        NoLayoutError: ``auto``, and nothing fits.
    """
    device, *more = text.split(":")
    settings = []
    for part in more:
        name, equals, value = part.partition("=")
        if equals:
            said = f"{flag} {text}"
            settings.append(Change(path_of(name, said), read_yaml_value(value, said), said))
        elif part != AUTO:
            # An engine of the device's own, as in apple-m4-pro:cpu.
            device = f"{device}:{part}"
    asked = changed(question.on(device), settings)
    found = System.of(asked, text)
    return laid_out(found, asked) if AUTO in more else found


def laid_out(system: System, question: Scenario) -> System:
    """The system with the layout of the fewest devices that hold the model and a cache.

    Raises:
        InputError: two pools have layouts of their own.
        NoLayoutError: none does.
    """
    if system.deployment.pools:
        raise InputError(
            "two pools have layouts of their own", file=system.name, remedy=f"leave out :{AUTO}"
        )
    asked = system.serving(question)
    first: InputError | None = None
    device = hardware_of(asked.hardware)[0].name
    for layout in candidates(model_of(asked.model), SUGGESTED_DEVICES[-1]):
        degrees = [
            Change(f"deployment.{name}", getattr(layout, name), AUTO)
            for name in ("tp", "pp", "dp", "ep")
        ]
        try:
            tried = changed(asked, degrees)
            replica = resolve(tried).answers
        except InputError as error:
            first = first or error
            continue
        if replica.budget.cache > _LEAST_CACHE * replica.device.memory_bytes:
            note = f"{AUTO}: {layout} is the fewest of {device} that hold the model and a cache"
            return System(system.name, system.hardware, tried.deployment, system.economics, (note,))
    raise NoLayoutError(
        f"no layout of {device} holds the model and a cache",
        remedy=None if first is None else f"of the smallest: {first.problem}",
    )
