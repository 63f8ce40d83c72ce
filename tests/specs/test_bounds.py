"""What no number of any schema may be: yes, no, not finite, or so large that sums overflow."""

import math
from typing import Annotated, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from simulator.errors import FieldError, InputError
from simulator.specs.engine_profile import EngineProfile
from simulator.specs.hardware import Hardware
from simulator.specs.kinds.kind import Kind
from simulator.specs.model import Model, ModelFile
from simulator.specs.plain import DEEPEST, MOST_VALUES, check_plain
from simulator.specs.quantity import Quantity
from simulator.specs.question import PREDICT, ask, from_fields, from_settings
from simulator.specs.reading import validate
from simulator.specs.scenario import Scenario
from simulator.specs.schema import models_in

STEP = {"name": "x", "hardware": "h100-sxm", "model": "llama-3.1-8b"}


def every_schema() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    waiting: list[type[BaseModel]] = [
        Scenario,
        Model,
        Hardware,
        ModelFile,
        EngineProfile,
        *subclasses(Kind),
    ]
    while waiting:
        schema = waiting.pop()
        if schema not in found:
            found.append(schema)
            waiting += [m for f in schema.model_fields.values() for m in models_in(f.annotation)]
    return found


def subclasses(kind: type) -> list[type]:
    return [each for sub in kind.__subclasses__() for each in (sub, *subclasses(sub))]


def is_number(annotation: object) -> bool:
    if get_origin(annotation) is Annotated:
        return is_number(get_args(annotation)[0])
    inner = [a for a in get_args(annotation) if a is not type(None)]
    return annotation in (int, float) or (bool(inner) and all(map(is_number, inner)))


NUMBERS = [
    pytest.param(schema, name, id=f"{schema.__name__}.{name}")
    for schema in every_schema()
    for name, field in schema.model_fields.items()
    # A quantity's bounds are those of the dimension of the field that holds it.
    if is_number(field.annotation) and schema is not Quantity
]


@pytest.mark.parametrize(("schema", "name"), NUMBERS)
def test_no_number_is_a_yes_or_beyond_all_bounds(schema, name):
    field = schema.model_fields[name]
    checked = TypeAdapter(Annotated[field.annotation, *field.metadata, field])
    several = get_origin(field.annotation) in (list, tuple)
    for value in (True, False, math.nan, math.inf, -math.inf, 1e308, "1e999"):
        with pytest.raises(ValidationError):
            checked.validate_python([value] if several else value)


def test_numbers_are_found():
    assert len(NUMBERS) > 100


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch", True), ("batch", 0), ("batch", "0"), ("batch", "nan"), ("batch", 10**4000),
        ("context", 1 << 63), ("context", -5), ("concurrency", -5), ("length_spread", 5),
        ("requests", 10**9), ("rate", 1e-307), ("rate", float("nan")), ("tp", False),
        ("memory_fraction", 0), ("deployment.offload.storage_bandwidth", 0),
        ("deployment.offload.kv.codec_bandwidth", 0), ("deployment.offload.background", -1),
        ("economics.usd_per_kwh", "1e999"), ("objectives.ttft", 0),
    ],
)  # fmt: skip
def test_every_way_to_ask_refuses_alike(field, value):
    """The interface of Python, a flag or column, and ``--set`` refuse the same value."""
    of_serving = field in ("concurrency", "length_spread", "requests", "rate")
    phase = "serve" if of_serving else "decode"
    text = "1" + "0" * 4000 if value == 10**4000 else str(value).lower()
    ways = [
        lambda: from_fields({"phase": phase, field: value}),
        lambda: from_fields({"phase": phase, field: text}, "column {!r}"),
        lambda: from_settings([f"phase={phase}", f"{field}={text}"]),
    ]
    for way in ways:
        with pytest.raises(InputError) as refused:
            ask({**STEP, **PREDICT}, way())
        assert field.rpartition(".")[2] in str(refused.value)
        assert len(str(refused.value)) < 1000


LENGTHS = [
    {"kind": "lognormal", "mean": 10, "cv": 1, "low": 50, "high": 5},
    {"kind": "lognormal", "mean": 10, "cv": 1e200},
    {"kind": "uniform", "low": 9, "high": 3},
    {"kind": "empirical", "values": [1, 2], "weights": [1e308, 1e308]},
    True,
    [5],
]


@pytest.mark.parametrize("length", LENGTHS, ids=str)
def test_impossible_lengths_are_refused_by_their_path(length):
    workload = {
        "arrivals": {"process": "poisson", "rate": 1},
        "input_tokens": length,
        "output_tokens": 1,
        "requests": 5,
    }
    with pytest.raises(InputError) as refused:
        validate(Scenario, {**STEP, "workload": workload}, "file.yaml")
    error = refused.value
    assert error.file == "file.yaml"
    assert error.field is not None
    assert error.field.startswith("workload.input_tokens")
    assert not {"fixed", "lognormal", "synthetic", "int"} & set(error.field.split("."))


@pytest.mark.parametrize("process", ["gamma", "weibull"])
@pytest.mark.parametrize("cv", [1e-9, 1000, 1e200])
def test_gaps_that_no_distribution_has_are_refused(process, cv):
    arrivals = {"process": process, "rate": 5, "cv": cv}
    workload = {"arrivals": arrivals, "input_tokens": 1, "output_tokens": 1, "requests": 5}
    with pytest.raises(InputError, match=r"workload\.arrivals\.cv"):
        validate(Scenario, {**STEP, "workload": workload}, None)


def test_plain_data_is_bounded():
    deep: list[object] = []
    for _ in range(DEEPEST + 2):
        deep = [deep]
    shared = [0] * 1000
    many = [shared] * (MOST_VALUES // 1000 + 1)
    endless: list[object] = []
    endless.append(endless)
    for content in (deep, many, endless, {"a": 1e999}, {"a": 1 << 63}, "\ud800", {"b\x00": 1}):
        with pytest.raises(FieldError):
            check_plain(content)
    check_plain({"a": [1, 2.5, "text", None, True, {"b": -1}]})


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"workload": 5}, "workload"),
        ({"workload": {"kind": "serve", "concurrency": [1]}}, "workload.concurrency"),
        ({"deployment": {"stage_layers": [1, "x"]}}, "deployment.stage_layers.1"),
        ({"hardware": {"base": "h100-sxm", 3: 4}}, "hardware"),
        ({"deployment": []}, "deployment"),
        ({3: 4}, "3"),
    ],
)
def test_paths_hold_what_people_wrote_and_nothing_else(content, field):
    with pytest.raises(InputError) as refused:
        validate(Scenario, {**STEP, "workload": {"kind": "decode"}, **content}, None)
    assert refused.value.field == field
    for jargon in ("pydantic", "Input should", "validation", "union", "valid string", "[key]"):
        assert jargon not in str(refused.value)


def test_a_question_of_endless_depth_is_refused_before_it_is_copied():
    deep: dict[str, object] = {}
    for _ in range(3000):
        deep = {"a": deep}
    for content in ({"deployment": deep}, {"hardware": {"base": "h100-sxm", "memory": deep}}):
        with pytest.raises(InputError, match="levels deep"):
            ask({**STEP, **PREDICT, **content})
        with pytest.raises(InputError, match="levels deep"):
            ask({**STEP, **PREDICT}, from_fields(content))
