"""What arguments settle together: fields of a scenario by path, and who wrote each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from simulator.specs.deployment import Deployment
from simulator.specs.question import Change
from simulator.traces.launch.arguments import Arguments, Given
from simulator.traces.launch.table import Known

GIB = 2**30


@dataclass
class Settled:
    """Fields that an engine's rules found, and remarks on what they did not use."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def put(self, path: str, value: object, given: Given) -> None:
        """Set a field, as ``given`` says."""
        self.changes.append(Change(path, value, given.place))


@dataclass(frozen=True, slots=True)
class Question:
    """What rules may ask of the model: whether it has experts, and how it is stored."""

    has_experts: Callable[[], bool]
    stored_as: Callable[[], str]


Written = dict[str, Any]
"""Arguments by their own names: words, true for a switch, false for its opposite, lists."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one engine's arguments hang together.

    Args:
        read: arguments that stand ``by_rule`` in the table → fields.
        write: a deployment → such arguments, and the paths below ``deployment`` they speak for.
    """

    read: Callable[[Arguments, Question, Settled], None]
    write: Callable[[Deployment, Question], tuple[Written, frozenset[str]]]


def plain_changes(known: Known, arguments: Arguments, settled: Settled) -> None:
    """Fields that single arguments set.

    Raises:
        InputError: a word that the engine has and the simulator does not; suggests the nearest.
    """
    for name, given in arguments.items():
        setting = known.table.sets.get(name)
        if setting is None or setting.by_rule or given.value is None:
            continue
        value = given.value
        if isinstance(value, bool):
            value = value is not setting.switches_off
        elif setting.words and str(value) in setting.words:
            value = setting.words[str(value)]
            if value is None:
                continue
        elif setting.words and not _is_number(value):
            known_words = ", ".join(setting.words)
            raise given.refused(
                f"{value!r} is nothing that is predicted", f"one of {known_words} is"
            )
        settled.put(setting.field, value, given)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def plain_arguments(known: Known, deployment: Deployment) -> tuple[Written, frozenset[str]]:
    """Single arguments of the fields that ``deployment`` sets, and the paths of all such fields."""
    written: Written = {}
    spoken = set()
    wanted = dict(set_fields(deployment))
    for name, setting in known.table.sets.items():
        path = setting.field.removeprefix("deployment.")
        if setting.by_rule or not setting.field.startswith("deployment."):
            continue
        if path not in wanted:
            continue
        value = _in_words(wanted[path], setting.words)
        if isinstance(value, bool):
            value = value is not setting.switches_off
            if not value and not _can_be_off(known):
                if setting.switches_off:
                    spoken.add(path)
                continue
        elif value is None:
            continue
        written.setdefault(name, value)
        spoken.add(path)
    return written, frozenset(spoken)


def _in_words(value: object, words: Mapping[str, str | float | None]) -> object:
    if not words or isinstance(value, bool):
        return value
    for word, meant in words.items():
        if meant is not None and meant == value:
            return word
    # Words of numbers are exceptions; words of names are all there are.
    return value if isinstance(value, int | float) and not _names_only(words) else None


def _names_only(words: Mapping[str, object]) -> bool:
    return not any(_is_number(word) for word in words)


def _can_be_off(known: Known) -> bool:
    """Whether a switch can be written turned off: by an opposite, or as false in a YAML file."""
    return bool(known.table.opposites) or known.table.written_as_yaml


def set_fields(deployment: Deployment) -> Iterator[tuple[str, Any]]:
    """Every leaf below a deployment that is set, or is not its class's default, by its path."""
    return _set_fields(deployment, "")


def _set_fields(spec: BaseModel, above: str) -> Iterator[tuple[str, Any]]:
    for name, info in type(spec).model_fields.items():
        value = getattr(spec, name)
        if isinstance(value, BaseModel):
            yield from _set_fields(value, f"{above}{name}.")
        elif value is not None and (
            value != info.get_default(call_default_factory=True) or name in spec.model_fields_set
        ):
            yield f"{above}{name}", value


def largest(given: Given) -> int:
    """The largest of a list of numbers.

    Raises:
        InputError: an empty list, or one that holds something else.
    """
    values: Iterable[object] = given.value if isinstance(given.value, list) else [given.value]
    numbers = [Given(given.written, value).whole() for value in values]
    if not numbers:
        raise given.refused("has no value", "write one after it")
    return max(numbers)


def captured(
    arguments: Arguments, off: Iterable[str], sizes: Iterable[str], settled: Settled
) -> None:
    """The largest captured step, from switches that capture none and from sizes.

    Raises:
        InputError: one says none and another says how many.
    """
    none = next((arguments[n] for n in off if n in arguments and arguments[n].value is True), None)
    sized = next((arguments[n] for n in sizes if n in arguments), None)
    if none is not None and sized is not None and largest(sized) > 0:
        raise sized.refused(
            f"contradicts {none.written}, which captures none", "leave one of the two out"
        )
    if none is not None:
        settled.put("deployment.captured_tokens", 0, none)
    elif sized is not None:
        settled.put("deployment.captured_tokens", largest(sized), sized)


def captured_arguments(
    deployment: Deployment, size: str, off: Written
) -> tuple[Written, frozenset[str]]:
    """The argument of the largest captured step, or those that capture none."""
    if deployment.captured_tokens is None:
        return {}, frozenset()
    tokens = deployment.captured_tokens
    return {size: tokens} if tokens else off, frozenset({"captured_tokens"})


def degree(arguments: Arguments, name: str) -> int:
    """Ranks that an argument asks for; one where it is not given."""
    return arguments[name].degree() if name in arguments else 1


def quantised(arguments: Arguments, question: Question, settled: Settled) -> None:
    """``--quantization``: fp8 as a checkpoint loads; other names say how it is stored."""
    given = arguments.get("--quantization")
    if given is None or given.value in (None, "None", "none"):
        return
    stored = question.stored_as()
    if given.value == "fp8" and not stored.startswith("fp8"):
        settled.put("deployment.precision", "fp8", given)
    else:
        settled.notes.append(
            f"{given.written} {given.value}: the checkpoint says how it is stored ({stored})"
        )


def quantised_arguments(
    deployment: Deployment, question: Question
) -> tuple[Written, frozenset[str]]:
    """``--quantization fp8`` of a checkpoint that is stored otherwise."""
    if deployment.precision != "fp8" or question.stored_as().startswith("fp8"):
        return {}, frozenset()
    return {"--quantization": "fp8"}, frozenset({"precision"})


def offloaded(
    arguments: Arguments, settled: Settled, *, in_place: str, group: str, inside: str, ahead: str
) -> None:
    """Weights in host memory: so many GiB read in place, or layers of groups copied ahead.

    Raises:
        InputError: both ways at once.
    """
    weights = "deployment.offload.weights"
    gib, groups = arguments.get(in_place), arguments.get(group)
    reads = gib is not None and gib.number() > 0
    copies = groups is not None and groups.number() > 0
    if reads and copies:
        assert groups is not None and gib is not None
        raise groups.refused(f"contradicts {gib.written}: these are two ways", "give one of them")
    if reads:
        assert gib is not None
        settled.put(f"{weights}.policy", "on-demand", gib)
        settled.put(f"{weights}.gigabytes", gib.number() * GIB / 1e9, gib)
    if copies:
        assert groups is not None
        settled.put(f"{weights}.policy", "prefetch", groups)
        settled.put(f"{weights}.group", groups.whole(), groups)
        for name, path in ((inside, "layers_in_group"), (ahead, "prefetch_depth")):
            if name in arguments:
                settled.put(f"{weights}.{path}", arguments[name].whole(), arguments[name])


def offload_arguments(
    deployment: Deployment, *, in_place: str, group: str, inside: str, ahead: str
) -> tuple[Written, frozenset[str]]:
    """The arguments of offloaded weights, where the engine knows their policy."""
    weights = None if deployment.offload is None else deployment.offload.weights
    if weights is None or weights.place != "host":
        return {}, frozenset()
    base = "offload.weights"
    if weights.policy == "on-demand" and weights.gigabytes is not None:
        gib = weights.gigabytes * 1e9 / GIB
        return {in_place: gib}, frozenset({f"{base}.policy", f"{base}.gigabytes", f"{base}.place"})
    if weights.policy == "prefetch" and weights.gigabytes is None and weights.layers is None:
        written: Written = {group: weights.group, inside: weights.layers_in_group}
        written[ahead] = weights.prefetch_depth
        names = ("policy", "group", "layers_in_group", "prefetch_depth", "place")
        return written, frozenset(f"{base}.{name}" for name in names)
    return {}, frozenset()
