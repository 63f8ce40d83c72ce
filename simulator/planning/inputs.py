"""Inputs of a question that may be varied: what each is now, and how far it may go either way.

``PATH`` varies a field by its own interval where its file states one, by 20 % otherwise;
``PATH=±10%`` by so much of what it is, ``PATH=LOW..HIGH`` between two values of its own unit, which
may stand once behind the larger.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from simulator.economics.cost import device_price
from simulator.errors import InputError, nearest, shown
from simulator.planning.space import NUMBER
from simulator.simulate.cluster import Cluster, resolve
from simulator.specs.economics import Economics
from simulator.specs.hardware import Hardware
from simulator.specs.ownership import Ownership, ownership
from simulator.specs.quantity import Quantity
from simulator.specs.question import Change, ask, path_of
from simulator.specs.reading import read_yaml_value
from simulator.specs.scenario import Scenario
from simulator.specs.schema import fields_of
from simulator.specs.what_if import hardware_of, model_of
from simulator.units import parse

USUAL = 0.2
"""How far an input goes of which nothing better is known, as a share of what it is."""

PRICE = "economics.usd_per_device_hour"

Value = float | int | str


@dataclass(frozen=True, slots=True)
class Input:
    """One field and both ends of its range.

    Args:
        path: as in ``--set``.
        value: what it is; None where nothing says so, and its range is given.
        low, high: the ends, as ``--set`` takes them.
        range: where the range is from, in words.
        asked: whether a person named it.
    """

    path: str
    value: float | None
    low: Value
    high: Value
    range: str
    asked: bool = True

    def changes(self, end: Value) -> tuple[Change, ...]:
        """What puts the field at one end; a price of one's own takes the place of offers."""
        said = f"--input {self.path}"
        offers: tuple[Change, ...] = ()
        if self.path == PRICE:
            names = ("term", "provider", "region", "prices")
            offers = tuple(Change(f"economics.{name}", None, said) for name in names)
        return (*offers, Change(self.path, end, said))


@dataclass(frozen=True, slots=True)
class State:
    """What a field is now: a whole number or not, with its interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None
    whole: bool = False

    @classmethod
    def of(cls, quantity: Quantity) -> "State":
        """That of a sourced number."""
        return cls(quantity.value, quantity.low, quantity.high)


@dataclass(frozen=True)
class Question:
    """A scenario whose fields may be changed, and what they are now."""

    scenario: Scenario
    content: Mapping[str, Any]
    cluster: Cluster

    @classmethod
    def of(cls, scenario: Scenario) -> "Question":
        """Raises ``InputError`` where the scenario itself cannot be answered."""
        content = scenario.model_dump(mode="json", exclude_unset=True, exclude={"bill"})
        return cls(scenario, content, resolve(scenario))

    @property
    def hardware(self) -> Hardware:
        """The device that the scenario names."""
        return hardware_of(self.scenario.hardware)[0]

    def changed(self, one: Input, end: Value) -> Scenario:
        """The scenario with one input at one end.

        Raises:
            InputError: the field cannot have that value.
        """
        return ask(self.content, one.changes(end))

    def state(self, path: str) -> State | None:
        """What a field is, with its interval where it has one; None where it is no number.

        Raises:
            InputError: there is no such field; suggests the nearest.
        """
        found = self.known.get(path)
        if found is None and path not in self.known:
            known = [name for name, value in self.known.items() if value is not None]
            raise InputError(
                f"unknown input {shown(path)}", file="--input", remedy=nearest(path, known)
            )
        return found

    @cached_property
    def known(self) -> Mapping[str, State | None]:
        """Every field that is a number, or might be, by its path."""
        economics = self.scenario.economics
        found: dict[str, State | None] = dict(_numbers(self.scenario.model_dump(), ""))
        found |= _numbers(self.hardware.model_dump(by_alias=True, exclude_none=True), "hardware.")
        found |= _numbers(model_of(self.scenario.model).model_dump(by_alias=True), "model.")
        if economics.basis == "owned":
            known = ownership(self.hardware, economics)
            found |= {f"economics.{n}": State.of(getattr(known, n)) for n in Ownership.model_fields}
        else:
            found |= {PRICE: _price(self.hardware, economics)}
        return found


def _price(hardware: Hardware, economics: Economics) -> State | None:
    price = device_price(hardware, economics)
    if price is None:
        return None
    return State(price.usd_per_hour, price.low, price.high)


def _numbers(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, State | None]]:
    """Every field that is a number or might be, by its path; a quantity counts as one."""
    for name, value in content.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and isinstance(value.get("value"), int | float):
            yield path, State(value["value"], value.get("low"), value.get("high"))
        elif isinstance(value, dict):
            yield from _numbers(value, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path, State(value, whole=isinstance(value, int))
        elif value is None:
            yield path, None


def read_input(text: str, question: Question) -> Input:
    """An input as it is written on a command line.

    Raises:
        InputError: no field, a range that cannot be read, or a field without a value to go by.
    """
    name, _, written = (part.strip() for part in text.partition("="))
    path = path_of(name, f"--input {name}")
    state = question.state(path)
    low, dots, high = (part.strip() for part in written.partition(".."))
    if dots:
        value = None if state is None else state.value
        return Input(path, value, *_ends(low, high, name), "as given")
    if state is None:
        raise InputError(
            "has no value here that a share of it could be taken of",
            file=f"--input {name}",
            remedy=f"give both ends: --input {name}=LOW..HIGH",
        )
    if not written:
        return _usual(path, state)
    try:
        share = parse(written.removeprefix("±").removeprefix("+-").removeprefix("+/-"), "fraction")
    except ValueError:
        raise _unreadable(name, written) from None
    if not 0 < share < 1:
        raise InputError(
            f"goes {shown(written)} either way, which is no share between 0 and 1",
            file=f"--input {name}",
            remedy=f"write {name}=±20%, or both ends: {name}=LOW..HIGH",
        )
    return _by_share(path, state, share)


_NUMBER_UNIT = re.compile(rf"({NUMBER})\s*(.*)")


def _ends(low: str, high: str, name: str) -> tuple[Value, Value]:
    """Both ends of a range; a unit that stands once, behind the larger one, is that of both."""
    first, last = _NUMBER_UNIT.fullmatch(low), _NUMBER_UNIT.fullmatch(high)
    if first and last:
        if not first[2] and last[2]:
            low = f"{low} {last[2]}"
        if first[2] in ("", last[2]) and float(first[1]) > float(last[1]):
            raise InputError(
                f"{low} is above {high}",
                file=f"--input {name}",
                remedy=f"write the smaller end first: {name}=LOW..HIGH",
            )
    return _end(low, name), _end(high, name)


def _end(text: str, name: str) -> Value:
    """One end of a range: a number, or a text with a unit."""
    end = read_yaml_value(text, f"--input {name}")
    if isinstance(end, bool) or not isinstance(end, int | float | str):
        raise _unreadable(name, text)
    return end


def _unreadable(name: str, written: str) -> InputError:
    return InputError(
        f"cannot read {shown(written)} as a range",
        file=f"--input {name}",
        remedy=f"write {name}=±20%, or both ends: {name}=LOW..HIGH",
    )


def _usual(path: str, state: State, asked: bool = True) -> Input:
    """Over its own interval, or as far as usual."""
    low, high = state.low, state.high
    if low is None or high is None or low == high:
        return _by_share(path, state, USUAL, asked)
    return Input(path, state.value, low, high, "80 % interval", asked)


def _by_share(path: str, state: State, share: float, asked: bool = True) -> Input:
    value = state.value
    low, high = value * (1 - share), value * (1 + share)
    if state.whole:
        # Of a whole number, the next whole one at the least.
        low, high = min(round(low), round(value) - 1), max(round(high), round(value) + 1)
    if high > 1 >= value and path in _shares():
        return Input(path, value, low, 1.0, f"±{share:.0%}, at most 1", asked)
    return Input(path, value, low, high, f"±{share:.0%}", asked)


@cache
def _shares() -> frozenset[str]:
    """Paths of fields that are at most one."""
    return frozenset(f.path for f in fields_of(Scenario) if "≤ 1" in f.bounds.split(", "))


def usual_inputs(question: Question) -> list[Input]:
    """What is varied where nobody names inputs: price, chip, traffic and lengths."""
    states = ((path, question.known.get(path)) for path in _candidates(question))
    return [_usual(path, state, asked=False) for path, state in states if state and state.value]


def _candidates(question: Question) -> Iterator[str]:
    yield PRICE
    yield from (f"economics.{name}" for name in _OF_OWNING)
    hardware, answers = question.hardware, question.cluster.answers
    yield "hardware.memory.main.bandwidth"
    engine = hardware.engines[hardware.main_engine]
    asked = [name for name in (answers.precision, "bf16", "fp16", "int8") if name in engine.peak]
    for precision in (asked or list(engine.peak))[:1]:
        yield f"hardware.engines.{hardware.main_engine}.peak.{precision}"
    yield "hardware.power.limit"
    for length in ("input_tokens", "output_tokens"):
        yield from (f"workload.{length}.{part}" for part in ("mean", "tokens"))
    yield from (f"deployment.speculation.{name}" for name in ("acceptance", "depth"))
    yield from _OF_TRAFFIC


_OF_OWNING = (
    "usd_per_kwh", "pue", "utilisation", "amortisation_years", "cost_of_capital", "residual_value",
)  # fmt: skip
_OF_TRAFFIC = (
    "workload.isl", "workload.osl", "workload.context", "workload.batch", "workload.concurrency",
    "workload.rate", "workload.arrivals.rate", "workload.arrivals.users", "workload.time_scale",
    "workload.shared_prefix.tokens", "workload.conversations.turns.mean",
)  # fmt: skip
