"""A launch line as settings of a scenario: what it sets, and what of it is not used."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs import catalogue
from simulator.specs.kinds.feedforward import MixtureOfExperts
from simulator.specs.model import Model
from simulator.specs.question import Change
from simulator.traces.launch.arguments import Arguments, Given, read_arguments
from simulator.traces.launch.dialects import DIALECTS
from simulator.traces.launch.settled import Question, Settled, plain_changes
from simulator.traces.launch.shell import LINE, Command, commands
from simulator.traces.launch.start import Start, start_in
from simulator.traces.launch.table import Known, known


@dataclass(frozen=True, slots=True)
class Launch:
    """What a launch line says.

    Args:
        engine: the engine that it starts.
        model: the model, as the line names it.
        changes: fields of a scenario that it sets, in order; the first is the engine.
        notes: arguments that set nothing, with the reason.
    """

    engine: str
    model: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = field(default=())


def read_text(text: str, engine: str | None = None, folder: Path | None = None) -> Launch:
    """The launch line in ``text``, a script's lines before it included.

    Files that it names are looked for below ``folder``, where the command runs without one.

    Raises:
        InputError: no line of ``engine`` (of any, where none is named), or arguments that are
            unknown, contradict each other or have no value; names them.
    """
    return read_commands(commands(text), engine, folder)


def read_commands(
    found: Sequence[Command], engine: str | None = None, folder: Path | None = None
) -> Launch:
    """The one of some commands that starts a server.

    Raises:
        InputError: as ``read_text`` does.
    """
    return read_start(start_in(found, engine), folder)


def read_start(start: Start, folder: Path | None = None) -> Launch:
    """What the arguments of a server say.

    Raises:
        InputError: no model, or arguments that cannot be used.
    """
    about = known(start.engine)
    arguments = read_arguments(about, start.arguments, start.files, folder or Path())
    named = next((a for n, a in arguments.items() if _sets_model(about, n)), None)
    if named is None:
        name = next(n for n in about.table.sets if _sets_model(about, n))
        raise InputError(
            "it names no model", file=LINE, remedy=f"add it: {name} NAME, or the bare name"
        )
    model = str(named.value)
    settled = Settled()
    plain_changes(about, arguments, settled)
    DIALECTS[start.engine].read(arguments, _question(model), settled)
    first = Change("deployment", {"engine": start.engine}, LINE)
    notes = [*_unused(about, arguments), *settled.notes, *_around(start)]
    return Launch(
        start.engine,
        model,
        (first, *settled.changes),
        tuple(f"{LINE} of {start.engine}: {note}" for note in notes),
    )


def settings_of(engine: str, arguments: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Fields of a deployment from a server's own record of its arguments, those of ``names`` alone.

    Raises:
        InputError: a value that nothing is predicted for.
    """
    about = known(engine)
    found: Arguments = {}
    for name in names:
        value, canonical = arguments.get(name), about.find(f"--{name}")
        if value is not None and canonical is not None:
            kept = isinstance(value, bool | list | dict)
            found[canonical[0]] = Given(name, value if kept else str(value))
    settled = Settled()
    plain_changes(about, found, settled)
    DIALECTS[engine].read(found, _question(""), settled)
    return {c.path.removeprefix("deployment."): c.value for c in settled.changes}


def _sets_model(about: Known, name: str) -> bool:
    setting = about.table.sets.get(name)
    return setting is not None and setting.field == "model"


def _question(model: str) -> Question:
    """Asked only where an argument's meaning hangs on the model."""
    return Question(lambda: has_experts(catalogue.model(model)), lambda: _stored(model))


def has_experts(model: Model) -> bool:
    """Whether any layer of a model has routed experts."""
    return any(isinstance(layer.feedforward, MixtureOfExperts) for layer in model.layers)


def _stored(model: str) -> str:
    return catalogue.model(model).weight_precision


def _unused(about: Known, arguments: Arguments) -> Iterator[str]:
    """One remark for each reason why arguments set nothing."""
    reasons: dict[str, list[str]] = {}
    matters: dict[str, bool] = {}
    for name, given in arguments.items():
        group = about.unused.get(name)
        if group is not None:
            reasons.setdefault(group.because, []).append(given.written)
            matters[group.because] = group.changes_speed
    for because, names in reasons.items():
        how = "not used, though speed may depend on it" if matters[because] else "ignored"
        yield f"{', '.join(names)} {how}: {because}"


def _around(start: Start) -> Iterator[str]:
    if start.environment:
        names = ", ".join(sorted(start.environment))
        yield f"the environment is not looked at: {names}"
    words = [word for word in start.before if not _is_runner(word)]
    if words:
        yield f"what stands before the server's name is not looked at: {' '.join(words)}"


def _is_runner(word: str) -> bool:
    return word in ("nohup", "exec", "time", "sudo", "uv", "run")
