"""The flags of a question, made from the schema: the same for every command that asks one."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from simulator.specs.question import PREDICT, Change, ask, flags, from_settings
from simulator.specs.scenario import Scenario
from simulator.specs.schema import SchemaField

Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What flags and ``--set`` change of a scenario, in the order in which they count."""

    changes: tuple[Change, ...]

    def point(self) -> Scenario:
        """The scenario of one point that the flags alone describe."""
        return ask(PREDICT, self.changes)

    def scenario(self, name: str) -> Scenario:
        """The scenario file of that name or path, with what the flags change of it."""
        from simulator.specs.catalogue import scenario_path
        from simulator.specs.reading import read_mapping

        path: Path = scenario_path(name)
        return ask(read_mapping(path), self.changes, path)


def asks(*without: str) -> Callable[[Command], Command]:
    """Give a command a flag for every field that has one, ``without`` some, and ``--set``.

    The command takes what was asked as ``asked: Asked`` beside its own arguments.
    """

    def decorate(command: Command) -> Command:
        own = dict(inspect.signature(command).parameters)
        del own["asked"]
        added = [_option(name, field) for name, field in flags().items() if name not in without]
        added.append(_SETTINGS)
        names = [parameter.name for parameter in added]

        def run(**given: object) -> None:
            values = {name: given.pop(name) for name in names}
            command(asked=Asked(tuple(_changes(values))), **given)

        parameters = [*own.values(), *added]
        # Typer reads a command's arguments from its signature; this one is put together here.
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def _changes(values: Mapping[str, object]) -> Iterator[Change]:
    for name, value in values.items():
        if isinstance(value, list):
            yield from from_settings(value)
        elif value is not None:
            yield Change(flags()[name].path, value, _spelled(name))


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _option(name: str, field: SchemaField) -> inspect.Parameter:
    assert field.flag is not None
    names = [_spelled(name)] + ([f"-{field.flag.short}"] if field.flag.short else [])
    text = field.flag.help or field.help
    limits = [field.bounds] if field.bounds else []
    if not field.required and field.default is not None:
        limits.append(f"default {field.default}")
    words = text[:1].upper() + text[1:] + (f" ({'; '.join(limits)})" if limits else "")
    option = typer.Option(
        *names,
        help=words.replace("``", ""),
        metavar=_METAVARS.get(field.type, "TEXT"),
        show_default=False,
        rich_help_panel=field.path.split(".")[0].capitalize() if "." in field.path else "What",
    )
    # Values stay as written: the schema reads them, and says what is wrong with them.
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )


_METAVARS = {"whole number": "INTEGER", "number": "NUMBER", "file": "FILE"}

_SETTINGS = inspect.Parameter(
    "settings",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any further field of the scenario, as often as needed: deployment.replicas=4, "
            "hardware.memory.main.bandwidth='6.7 TB/s', model.layers=40.",
        ),
    ],
)
