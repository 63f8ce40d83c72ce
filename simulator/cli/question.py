"""The flags of a question, made from the schema: the same for every command that asks one."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.errors import InputError
from simulator.specs.question import (
    OF_ONE_COMMAND,
    PREDICT,
    Change,
    ask,
    ask_arithmetic,
    flags,
    from_settings,
    is_arithmetic,
)
from simulator.specs.scenario import Arithmetic, Scenario
from simulator.specs.schema import SchemaField

if TYPE_CHECKING:
    # Read where a line is given: most questions have none.
    from simulator.traces.launch.read import Launch

Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a launch line, flags and ``--set`` change of a scenario, in the order they count.

    Args:
        changes: those of flags and ``--set``.
        launch: what ``--launch`` says; flags overrule it.
    """

    changes: tuple[Change, ...]
    launch: "Launch | None" = None

    @property
    def all_changes(self) -> tuple[Change, ...]:
        """Those of the launch line before those of the flags."""
        return (*(() if self.launch is None else self.launch.changes), *self.changes)

    def on(self, hardware: Sequence[str]) -> "Asked":
        """The same, first asked of other hardware, where there is any."""
        named = (Change("hardware", name, "--hardware") for name in hardware)
        return replace(self, changes=(*named, *self.changes))

    def choosing(self, names: str) -> "Asked":
        """The same of a plan that chooses among devices, named with commas between them.

        ``auto`` leaves open what it chooses from; a scenario names one that the plan need not take.
        """
        chosen = [name.strip() for name in names.split(",") if name.strip()]
        if not chosen or chosen == ["auto"]:
            return self
        change = Change("plan.hardware", chosen, "--hardware")
        return replace(self, changes=(change, *self.changes))

    def of_a_table(self) -> tuple[Change, ...]:
        """What all rows of a table have in common."""
        if self.launch is None:
            return self.changes
        return (*self.all_changes, Change("notes", list(self.launch.notes), "--launch"))

    def point(self) -> Scenario:
        """The scenario of one point that the flags alone describe."""
        return ask(self._told(PREDICT), self.all_changes)

    def scenario(self, name: str | None) -> Scenario:
        """The scenario file of that name or path, with what the flags change of it.

        Raises:
            InputError: neither a scenario nor a launch line is named.
        """
        from simulator.specs.catalogue import scenario_path
        from simulator.specs.reading import read_mapping

        if name is not None:
            path: Path = scenario_path(name)
            content = read_mapping(path)
            if is_arithmetic(content):
                raise InputError(
                    "is a bill of plain arithmetic, without a system that could be simulated",
                    file=path, remedy=f"roofsim bill {path.stem} writes it",
                )  # fmt: skip
            return ask(self._told(content), self.all_changes, path)
        if self.launch is None:
            raise InputError(
                "no scenario is named",
                file="SCENARIO",
                remedy="name a file or a shipped scenario (quickstart), or give --launch",
            )
        return self._launched(self.launch)

    def bill(self, name: str | None) -> Scenario | Arithmetic:
        """As ``scenario``; a file that names no system is a bill of plain arithmetic."""
        from simulator.specs.catalogue import scenario_path
        from simulator.specs.reading import read_mapping

        if name is not None and self.launch is None:
            path: Path = scenario_path(name)
            content = read_mapping(path)
            if is_arithmetic(content):
                return ask_arithmetic(content, self.changes, path)
        return self.scenario(name)

    def _launched(self, launch: "Launch") -> Scenario:
        from simulator.traces.launch.asked import content_of

        if not any(change.path.split(".")[0] == "hardware" for change in self.changes):
            raise InputError(
                "a launch line names no device", file="--launch",
                remedy="add --hardware, as in --hardware h100-sxm",
            )  # fmt: skip
        content, assumed = content_of(launch, self.changes)
        return ask(self._told({**content, "notes": list(assumed)}), self.all_changes)

    def _told(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """``content`` with what is to be said of the launch line among its notes."""
        if self.launch is None:
            return content
        return {**content, "notes": [*content.get("notes", ()), *self.launch.notes]}


def asks(*without: str, section: str = "") -> Callable[[Command], Command]:
    """Give a command a flag for every field that has one, ``without`` some, and ``--set``.

    ``launch`` among those leaves ``--launch`` out. ``section`` is the part of a scenario that this
    command alone reads.

    The command takes what was asked as ``asked: Asked`` beside its own arguments.
    """

    def decorate(command: Command) -> Command:
        own = dict(inspect.signature(command).parameters)
        del own["asked"]
        known = {**flags(), **(flags(section) if section else {})}
        added = [_option(name, field) for name, field in known.items() if name not in without]
        added.append(_SETTINGS)
        names = [parameter.name for parameter in added]

        def run(launch: str | None = None, **given: object) -> None:
            values = {name: given.pop(name) for name in names}
            found = None if launch is None else _read_launch(launch)
            changes = tuple(_changes(values, known))
            _check_read(changes, section)
            command(asked=Asked(changes, found), **given)

        parameters = [*own.values(), *added, *([] if "launch" in without else [_LAUNCH])]
        # Typer reads a command's arguments from its signature; this one is put together here.
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def _read_launch(text: str) -> "Launch":
    from simulator.traces.launch.read import read_text

    return read_text(text)


def _changes(values: Mapping[str, object], known: Mapping[str, SchemaField]) -> Iterator[Change]:
    for name, value in values.items():
        if isinstance(value, list):
            yield from from_settings(value)
        elif value is not None:
            yield Change(known[name].path, value, _spelled(name))


def _check_read(changes: Iterable[Change], section: str) -> None:
    """Refuse what another command alone reads."""
    for change in changes:
        root = change.path.split(".")[0]
        if root in OF_ONE_COMMAND and root != section:
            raise InputError(
                f"has no effect here: only roofsim {root} reads {root}", file=change.written,
                remedy=f"leave it out, or ask roofsim {root}",
            )  # fmt: skip


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


_LAUNCH = inspect.Parameter(
    "launch",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(
            "--launch",
            metavar="LINE",
            help="How a server is started, quoted, as in 'vllm serve MODEL -tp 2': vLLM, SGLang or "
            "TensorRT-LLM. Flags overrule it.",
        ),
    ],
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
