"""Asks the questions through the public interface, and keeps, reads and compares the answers."""

import json
import math
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from simulator import InputError, predict, read_scenario, simulate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORD = HERE / "answers.json"
CHANGED = HERE / "changed.yaml"
TOLERANCE = 1e-9

Figures = dict[str, Any]

_UNRECORDED = ("notes", "sources", "price_origin", "price_nearest")
_OF_OPERATOR = ("count", "time_s", "bound", "speed_of_light_s", "flops", "memory_bytes", "energy_j")


def answer(ask: str, arguments: dict[str, Any]) -> Figures:
    """The figures that one question has for an answer; a refusal is one of its own."""
    try:
        if ask == "predict":
            return _figures(predict(**arguments).to_dict())
        result = simulate(_read(arguments))
    except InputError:
        return {"refused": True}
    return _figures(result.to_dict() if ask == "run" else _operators(result))


def _read(arguments: dict[str, Any]) -> Any:
    """The scenario, from its file or by way of one."""
    if "file" in arguments:
        return read_scenario(ROOT / arguments["file"], arguments["overrides"])
    content = json.loads(json.dumps(arguments))
    if "file" in content["workload"]:
        content["workload"]["file"] = str(HERE / content["workload"]["file"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.yaml"
        path.write_text(json.dumps(content), encoding="utf-8")
        return read_scenario(path)


def _operators(result: Any) -> Figures:
    """Every operator of the typical prefill and the typical decode step of a run."""
    found: Figures = {}
    for step in (result.prefill, result.decode):
        ranked = sorted((row for row in step.operators if row.law), key=lambda row: -row.time_s)
        for i, operator in enumerate(ranked):
            name = f"{step.phase}/{i}/{operator.name}"
            found[name] = {figure: getattr(operator, figure) for figure in _OF_OPERATOR}
    return found


def _figures(answered: Figures) -> Figures:
    """Without intervals and prose, in one level, and with null for what is not finite."""
    found: Figures = {}
    for name, value in answered.items():
        if name.endswith(("_low", "_high")) or name in _UNRECORDED:
            continue
        if isinstance(value, dict):
            found |= {f"{name}/{inner}": each for inner, each in _figures(value).items()}
        elif isinstance(value, float) and not math.isfinite(value):
            found[name] = None
        else:
            found[name] = value
    return found


def write(answers: dict[str, Figures]) -> None:
    """Keep the answers on record, one question a line."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(answers[name], sort_keys=True)}"
        for name in sorted(answers)
    ]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def recorded() -> dict[str, Figures]:
    """The answers on record."""
    return dict(json.loads(RECORD.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Difference:
    """A figure that is not what it was."""

    question: str
    figure: str
    was: object
    now: object

    def __str__(self) -> str:
        change = ""
        was, now = _number(self.was), _number(self.now)
        if now is not None and was:
            change = f"  ({now / was - 1:+.3g})"
        return f"{self.question}  {self.figure}: was {self.was!r}, is {self.now!r}{change}"


VANISHED = "(no such figure)"


def differences(question: str, was: Figures, now: Figures) -> list[Difference]:
    """Figures on record that have changed or vanished; new ones do not count."""
    return [
        Difference(question, figure, was[figure], now.get(figure, VANISHED))
        for figure in sorted(was)
        if figure not in now or not _agree(was[figure], now[figure])
    ]


def _agree(was: object, now: object) -> bool:
    first, second = _number(was), _number(now)
    if first is not None and second is not None:
        return math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=0.0)
    return type(was) is type(now) and was == now


def _number(value: object) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_one else None


@dataclass(frozen=True)
class Excuse:
    """An entry of ``changed.yaml``."""

    questions: str
    figures: tuple[str, ...]
    reason: str

    def concerns(self, question: str) -> bool:
        """Whether it is about this question."""
        return fnmatchcase(question, self.questions)

    def covers(self, difference: Difference) -> bool:
        """Whether the figure has changed on purpose."""
        return self.concerns(difference.question) and any(
            fnmatchcase(difference.figure, pattern) for pattern in self.figures
        )


def excuses() -> list[Excuse]:
    """What has changed on purpose, and why."""
    entries = yaml.safe_load(CHANGED.read_text(encoding="utf-8")) or []
    return [
        Excuse(entry["questions"], tuple(entry["figures"]), entry["reason"]) for entry in entries
    ]
