"""What is mutated: tables of cases, scenarios, chips, configs, traces and settings."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml
from from_schema import NAMES, content_of, content_of_field, leaves
from judge import Fault, fault_of, fault_of_answer, judged
from mutate import (
    NASTY_VALUES,
    NASTY_WORDS,
    as_json,
    mutated_bytes,
    mutated_text,
    mutated_tree,
    packed,
)

from simulator.errors import InputError
from simulator.simulate.answer import Answer
from simulator.simulate.case_files import answered_rows, read_cases
from simulator.simulate.cases import predict_cases
from simulator.simulate.predict import answer, predict
from simulator.simulate.run import simulate
from simulator.specs import catalogue
from simulator.specs.consistency import check
from simulator.specs.folders import data_folder, names
from simulator.specs.question import PREDICT, ask, flags, from_settings, paths
from simulator.specs.reading import read_mapping
from simulator.specs.scenario import Scenario
from simulator.specs.workload import DecodeStep, Prefill, ServingPoint, Synthetic, Trace
from simulator.traces.read import read_trace

Tried = tuple[bytes, Fault | None]
"""An input, and what is wrong with what came of it."""

MOST_REQUESTS = 25
"""Requests that are simulated of a mutated workload: more of them is more of the same work."""


def try_case(random: Random, folder: Path) -> Tried:
    """A table of a few rows of one phase, of good and bad cells, damaged now and then."""
    phase = random.choice(("decode", "prefill", "serve"))
    load = ["concurrency"] if phase == "serve" else []
    asked = random.sample(sorted({*_columns(phase)}), random.randrange(5))
    columns = ["hardware", "model", "phase", *load, *asked]
    rows = [columns]
    for _ in range(random.randrange(1, 6)):
        rows.append([_cell(random, name, phase) for name in columns])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode("utf-8", "surrogatepass")
    if random.random() < 0.2:
        content = mutated_text(random, text.getvalue().replace("\ud800", "?"))
    path = folder / "cases.csv"
    path.write_bytes(content)

    def run() -> None:
        table = read_cases(path)
        answers = predict_cases([_short(each) for each in table.questions()])
        _, answered = answered_rows(table, answers)
        for row, found in zip(answered, answers, strict=True):
            if fault := fault_of_answer(found):
                raise RowFaultError(fault)
            assert bool(row["error"]) == isinstance(found, Exception)

    try:
        return content, fault_of(run, questions=len(rows) - 1)
    except RowFaultError as row:
        return content, row.fault


class RowFaultError(BaseException):
    """One row of a table is at fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.told)


def _short(case: dict[str, str] | InputError) -> dict[str, str] | InputError:
    """The case with few requests, where it is served and says nothing of them itself."""
    if isinstance(case, InputError) or case.get("phase") != "serve":
        return case
    asked = case.get("requests", "")
    return {**case, "requests": "10" if not asked.isdigit() or int(asked) > 25 else asked}


def try_scenario(random: Random, folder: Path) -> Tried:
    """A scenario made from the schema, or a shipped one changed; served to its first requests."""
    path = folder / "scenario.yaml"
    way = random.random()
    if way < 0.5:
        trace = folder / "trace.csv"
        trace.write_text(TRACES[0])
        made: Any = content_of(random, Scenario, random.choice((0.05, 0.15, 0.4)), trace)
        if way < 0.2:
            made = mutated_tree(random, made)
        content = yaml.safe_dump(made, allow_unicode=False).encode()
    elif way < 0.85:
        changed = mutated_tree(random, yaml.safe_load(random.choice(_scenarios())))
        content = yaml.safe_dump(changed, allow_unicode=False).encode()
    else:
        content = mutated_text(random, random.choice(_scenarios()))
    path.write_bytes(content)
    return content, fault_of(lambda: answered(ask(read_mapping(path), (), path)))


def try_chip(random: Random, folder: Path) -> Tried:
    """A device of the catalogue, changed; it predicts a step of each phase."""
    path = folder / "my-chip.yaml"
    seed = random.choice(_chips())
    if random.random() < 0.9:
        content = yaml.safe_dump(mutated_tree(random, seed), allow_unicode=False).encode()
    else:
        content = mutated_text(random, yaml.safe_dump(seed))
    path.write_bytes(content)

    def run() -> dict[str, Any]:
        device = catalogue.hardware(str(path))
        check(device)
        found: dict[str, Any] = {}
        for phase in ("decode", "prefill"):
            step = predict(str(path), random.choice(_MODELS), phase=phase, batch=3, context=700)
            found |= {f"{phase}_{key}": value for key, value in judged(step).items()}
        return found

    return content, fault_of(run)


_MODELS = ("llama-3.1-8b", "qwen3-30b-a3b")


def try_config(random: Random, folder: Path) -> Tried:
    """A model's config, changed; it takes a step of each phase on devices that can hold it."""
    path = folder / "config.json"
    seed = random.choice(_configs())
    if random.random() < 0.9:
        content = as_json(mutated_tree(random, seed))
    else:
        content = mutated_text(random, json.dumps(seed, indent=1))
    path.write_bytes(content)

    def run() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for phase in ("decode", "prefill"):
            tp = random.choice((1, 8))
            step = predict("b200", str(path), phase=phase, batch=3, context=700, tp=tp)
            found |= {f"{phase}_{key}": value for key, value in judged(step).items()}
        return found

    return content, fault_of(run)


def try_trace(random: Random, folder: Path) -> Tried:
    """A trace of any format, changed as text, as lines of data or as gzip."""
    path = folder / "trace"
    seed = random.choice(TRACES)
    way = random.random()
    if way < 0.4:
        content = mutated_text(random, seed)
    elif way < 0.8:
        content = _mutated_rows(random, seed)
    else:
        content = packed(random, seed.encode())
    path.write_bytes(content)
    options = random.choice(
        ({}, {}, {"skip_empty": True}, {"time_scale": 1e-9}, {"time_scale": 1e9}, {"limit": 2},
         {"format": random.choice(("azure", "weka", "mooncake", "vllm-bench", "csv", "bailian"))},
         {"columns": {"arrival": "arrival_s", "input_tokens": "input_tokens",
                      "output_tokens": "output_tokens"}})
    )  # fmt: skip

    def run() -> dict[str, Any]:
        workload = {"kind": "trace", "file": str(path), **options}
        table = read_trace(Trace.model_validate(workload))
        assert (table.arrival_s >= 0).all() and (table.arrival_s < 1e300).all()
        assert min(table.input_tokens.min(), table.output_tokens.min()) >= 1
        return answered(ask({**_SERVED, "workload": workload}))

    return content, fault_of(run)


def try_setting(random: Random, folder: Path) -> Tried:
    """``--set`` of one to three paths, from the schema or at random, beside a short scenario."""
    base = random.choice((_SERVED, _SERVED, _STEP))
    count = random.choice((1, 1, 2, 3))
    if random.random() < 0.7:
        made = content_of(random, Scenario, 0.5)
        del made["workload"], made["name"]
        kind = Synthetic if base is _SERVED else DecodeStep
        own = leaves({**made, "workload": content_of(random, kind, 0.5)})
        fitting = [(path, value) for path, value in own if path != "workload.kind"]
        chosen = random.sample(fitting, min(count, len(fitting)))
    else:
        chosen = [(random.choice(_paths()), "1") for _ in range(count)]
    settings = [
        f"{path}={_value(random) if random.random() < 0.25 else json.dumps(value)}"
        for path, value in chosen
    ]

    def run() -> dict[str, Any]:
        return answered(ask(base, from_settings(settings)))

    return "\n".join(settings).encode("utf-8", "surrogatepass"), fault_of(run)


KINDS: dict[str, Callable[[Random, Path], Tried]] = {
    "cases": try_case,
    "scenarios": try_scenario,
    "chips": try_chip,
    "configs": try_config,
    "traces": try_trace,
    "settings": try_setting,
}
"""How one input of each kind is made and tried."""


def answered(scenario: Scenario) -> dict[str, Any]:
    """The answer to the scenario, its workload cut to the first requests."""
    if scenario.is_step:
        return judged(answer(scenario))
    workload = scenario.workload
    if isinstance(workload, Synthetic | ServingPoint):
        requests = min(workload.requests or MOST_REQUESTS, MOST_REQUESTS)
        workload = workload.model_copy(update={"requests": requests})
    elif isinstance(workload, Trace):
        limit = min(workload.limit or MOST_REQUESTS, MOST_REQUESTS)
        workload = workload.model_copy(update={"limit": limit})
    scenario = scenario.model_copy(update={"workload": workload})
    found: Answer = answer(scenario) if isinstance(workload, ServingPoint) else simulate(scenario)
    return judged(found)


@cache
def _columns(phase: str) -> tuple[str, ...]:
    """Flags that have an effect in the phase, and a few paths that go with any."""
    owners = {"decode": DecodeStep, "prefill": Prefill, "serve": ServingPoint}
    own = [
        name
        for name, field in flags().items()
        if field.path.startswith("deployment.") or field.name in owners[phase].model_fields
        if name not in ("phase", "rate", "concurrency", "trace")
    ]
    return (*own, "economics.pue", "deployment.scheduling.watermark", random_path(phase))


def random_path(phase: str) -> str:
    """A path of the schema; another one for each phase, the same at every call."""
    return Random(phase).choice(sorted(paths()))


def _cell(random: Random, name: str, phase: str) -> str:
    choice = random.random()
    if name == "phase":
        return phase if choice < 0.97 else random.choice(NASTY_WORDS)
    if choice < 0.12 or name not in flags():
        return random.choice(NASTY_WORDS)
    if choice < 0.3 and name not in ("hardware", "model", "concurrency"):
        return ""
    if name == "concurrency":
        return str(random.randint(1, 9))
    good = [each for each in NAMES.get(name) or _numbers(name) if not isinstance(each, dict)]
    return str(random.choice(good))


@cache
def _numbers(name: str) -> tuple[Any, ...]:
    """Values of a flag that its schema allows."""
    field = flags()[name]
    info = field.owner.model_fields[field.name]
    found = (content_of_field(Random(f"{name} {n}"), field.name, info) for n in range(30))
    return tuple(found)


_PLAIN = ("1", "2", "7", "100", "0.1", "3 TB/s", "80 GB", "fp8", "true", "10 ms")


def _value(random: Random) -> str:
    if random.random() < 0.5:
        return random.choice(_PLAIN)
    if random.random() < 0.5:
        return random.choice(NASTY_WORDS)
    return json.dumps(random.choice(NASTY_VALUES), default=str, ensure_ascii=False)


@cache
def _paths() -> tuple[str, ...]:
    of_chips = [f"hardware.{path}" for path in _leaves(_chips()[0], "")]
    of_models = ["model.layers", "model.hidden_size", "model.vocabulary", "model.max_context"]
    return (*sorted(paths()), *sorted(paths()), *of_chips, *of_models)


def _leaves(tree: Any, prefix: str) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield f"{prefix}{key}"
            yield from _leaves(value, f"{prefix}{key}.")


@cache
def _scenarios() -> tuple[str, ...]:
    files = catalogue.all_scenarios().values()
    return tuple(path.read_text(encoding="utf-8") for path in files)


@cache
def _chips() -> tuple[dict[str, Any], ...]:
    """Every device that stands in one file, its fields as they are written there."""
    found = []
    for path in names(data_folder("hardware_specs")).values():
        content = read_mapping(path)
        if "base" not in content:
            found.append({**content, "name": "my-chip", "aliases": []})
    found.sort(key=lambda chip: chip["title"] != "NVIDIA H100 SXM5 80 GB")
    return tuple(found)


@cache
def _configs() -> tuple[dict[str, Any], ...]:
    files = (read_mapping(path) for path in names(data_folder("models")).values())
    return tuple(content["config"] for content in files if "config" in content)


def _mutated_rows(random: Random, seed: str) -> bytes:
    """Lines of JSON changed as data, cells of CSV changed for others."""
    lines = seed.splitlines()
    at = random.randrange(len(lines))
    if lines[at].startswith("{"):
        lines[at] = as_json(mutated_tree(random, json.loads(lines[at]))).decode("utf-8", "replace")
    else:
        cells = lines[at].split(",")
        cells[random.randrange(len(cells))] = random.choice(NASTY_WORDS)
        lines[at] = ",".join(cells)
    content = ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    return content if random.random() < 0.9 else mutated_bytes(random, content)


TRACES = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    + "".join(f"2023-11-16 18:15:{46 + i}.680590{i},{300 + i},{40 + i}\n" for i in range(8)),
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    + "".join(f"{5 * i},ChatGPT,{400 + i},{i % 3},{400 + i},Log\n" for i in range(8)),
    "arrival_s,input_tokens,output_tokens\n"
    + "".join(f"{i},{100 + i},{i + 1}\n" for i in range(8)),
    "".join(
        json.dumps({"timestamp": 300 * i, "input_length": 600 + i, "output_length": 5 + i,
                    "hash_ids": [0, i]}) + "\n"
        for i in range(6)
    ),
    "".join(
        json.dumps({**({"timestamp": i} if i < 2 else {"delay": 25}), "session_id": "ab"[i % 2],
                    "input_length": 10 + i, "output_length": 5}) + "\n"
        for i in range(6)
    ),
    "".join(
        json.dumps({"chat_id": i + 1, "parent_chat_id": i or -1, "timestamp": 1.5 + i,
                    "input_length": 40, "output_length": 3, "hash_ids": [7, 8, i]}) + "\n"
        for i in range(6)
    ),
    json.dumps({"input_lens": [10, 20, 30], "output_lens": [5, 6, 7], "start_times": [0, 1, 2],
                "errors": ["", "", ""], "duration": 3}),
    json.dumps({"id": "a", "block_size": 64, "hash_id_scope": "local", "requests": [
        {"t": 0.5 * i, "in": 100 + i, "out": 5, "hash_ids": [1, i], "think_time": 0.1}
        for i in range(5)
    ]}),
)  # fmt: skip
"""One small trace of each format."""

_STEP = {**PREDICT, "hardware": "h100-sxm", "model": "llama-3.1-8b"}
_SERVED = {
    **_STEP,
    "workload": {
        "arrivals": {"process": "poisson", "rate": 5},
        "input_tokens": 300,
        "output_tokens": 20,
        "requests": 10,
    },
}
