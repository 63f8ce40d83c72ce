"""A scenario's deployment as the launch line of an engine."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import InputError
from simulator.specs.deployment import Deployment
from simulator.specs.scenario import Scenario
from simulator.specs.what_if import changes_in, model_of
from simulator.traces.launch.dialects import DIALECTS
from simulator.traces.launch.read import has_experts
from simulator.traces.launch.settled import Question, Written, plain_arguments, set_fields
from simulator.traces.launch.table import Known, known


@dataclass(frozen=True, slots=True)
class Line:
    """The launch line of an engine.

    Args:
        engine: which one.
        words: the command and its arguments.
        files: files that it reads, by name.
        left_out: fields of the scenario that the engine has no argument for.
    """

    engine: str
    words: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def script(self) -> str:
        """The line as it is pasted into a shell, its files written before it."""
        text = ""
        for name, content in self.files.items():
            text += f"cat > {shlex.quote(name)} << 'EOF'\n{content.rstrip()}\nEOF\n"
        return f"{text}{shlex.join(self.words)}\n"


def launch_line(scenario: Scenario, engine: str) -> Line:
    """How ``engine`` is started as the scenario's deployment says.

    Raises:
        InputError: an unknown engine, two pools, or a model with what-ifs.
    """
    about = known(engine)
    if scenario.deployment.pools:
        raise InputError(
            "two pools are two servers, and a line starts one",
            field="deployment.prefill",
            remedy="write a scenario for each pool, and export each",
        )
    model = named_model(scenario)
    written, left_out = arguments_of(scenario, about)
    begin = about.table.starts[0].split()
    named = next(name for name, setting in about.table.sets.items() if setting.field == "model")
    flag = () if named == "--model" else (named,)
    if about.table.written_as_yaml and written:
        words = (*begin, *flag, model, "--config", file_of(engine))
        return Line(engine, words, {file_of(engine): _yaml(written)}, left_out)
    return Line(engine, (*begin, *flag, model, *_words(written, about)), {}, left_out)


def file_of(engine: str) -> str:
    """What an engine's fields are written to, where most have no argument of their own."""
    return f"{engine}.yaml"


def named_model(scenario: Scenario) -> str:
    """The name of the scenario's model.

    Raises:
        InputError: it is a what-if, which no engine can load.
    """
    if isinstance(scenario.model, str):
        return scenario.model
    if changes_in(scenario.model):
        raise InputError(
            "is a what-if, which no engine can load",
            field="model",
            remedy=f"export with its base, --model {scenario.model['base']}",
        )
    return str(scenario.model["base"])


def arguments_of(scenario: Scenario, about: Known) -> tuple[Written, tuple[str, ...]]:
    """The arguments of the scenario's deployment, and its fields that none stands for."""
    deployment = scenario.deployment
    model = model_of(scenario.model)
    question = Question(lambda: has_experts(model), lambda: model.weight_precision)
    plain, paths = plain_arguments(about, deployment)
    ruled, spoken = DIALECTS[about.table.engine].write(deployment, question)
    if deployment.precision == model.weight_precision:
        spoken |= {"precision"}
    left_out = [
        f"deployment.{path} = {value}: {about.table.engine} has no argument for it"
        for path, value in _unspoken(deployment, paths | spoken)
    ]
    if model.name == scenario.model:
        left_out.append(
            f"where the weights are: {model.name} is the catalogue's name; put the repository's or "
            "a path in its place"
        )
    return {**plain, **ruled}, tuple(left_out)


_OF_NO_LINE = frozenset({"engine", "devices"})
"""Fields that the line's own name says, and that others add up to."""


def _unspoken(deployment: Deployment, spoken: frozenset[str]) -> Iterator[tuple[str, Any]]:
    for path, value in set_fields(deployment):
        owner: Any = deployment
        *parents, name = path.split(".")
        for parent in parents:
            owner = getattr(owner, parent)
        default = type(owner).model_fields[name].get_default(call_default_factory=True)
        if path not in spoken | _OF_NO_LINE and value != default:
            yield path, value


def _words(written: Written, about: Known) -> Iterator[str]:
    for name, value in written.items():
        if value is True:
            yield name
        elif value is False:
            yield _opposite(name, about)
        elif isinstance(value, list):
            yield from (name, *map(str, value))
        else:
            yield from (name, _word(value))


def _opposite(name: str, about: Known) -> str:
    """The plainest spelling of a switch turned off, which every release knows."""
    return f"{about.table.opposites['--']}{name.removeprefix('--')}"


def _word(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return repr(value) if isinstance(value, float) else str(value)


def _yaml(written: Written) -> str:
    """Fields as a nested YAML file."""
    import yaml

    content: dict[str, Any] = {}
    for name, value in written.items():
        *parents, last = name.removeprefix("--").split(".")
        place = content
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return yaml.safe_dump(content, sort_keys=False)
