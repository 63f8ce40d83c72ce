"""What may come of any input: an error that helps, or an answer that makes sense."""

import json
import math
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from simulator.errors import InputError
from simulator.simulate.answer import Answer
from simulator.simulate.result import SimulationResult

LONGEST_S = 2.0
"""CPU time that one input may take; other processes of a busy machine do not count."""

_JARGON = re.compile(
    r"pydantic|Input should|validation error|Traceback|NoneType|\bNone\b|function-|\[key\]|"
    r"<class|object at 0x|valid (?:string|integer|number|list)|KeyError|<lambda>|\bunhashable"
)


@dataclass(frozen=True)
class Fault:
    """Something that no input may cause; ``place`` tells equal ones."""

    place: str
    told: str


class TooLongError(BaseException):
    """The time of one input is up; no handler of the program's may take it for its own."""


def fault_of(run: Callable[[], Mapping[str, Any] | None], questions: int = 1) -> Fault | None:
    """What is wrong with what ``run`` does: a traceback, too long for so many ``questions``,
    nonsense, or an error that says nothing."""
    began = time.process_time()
    try:
        with _limited(3 * LONGEST_S * questions), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            found = run()
    except InputError as error:
        return _slow(began, questions) or _fault_of_error(error)
    except TooLongError as late:
        return Fault(f"hang in {_place(late)}", f"longer than {LONGEST_S} s")
    except Exception as failure:
        return Fault(f"{type(failure).__name__} in {_place(failure)}", repr(failure)[:300])
    nonsense = next(_nonsense(found or {}), None)
    return _slow(began, questions) or (None if nonsense is None else Fault("nonsense", nonsense))


def fault_of_answer(answer: Mapping[str, Any] | Exception) -> Fault | None:
    """The same of a row of a table."""
    if isinstance(answer, InputError):
        return _fault_of_error(answer)
    if isinstance(answer, Exception):
        return Fault(f"{type(answer).__name__} in {_place(answer)}", repr(answer)[:300])
    nonsense = next(_nonsense(answer), None)
    return None if nonsense is None else Fault("nonsense", nonsense)


def judged(answer: Answer) -> dict[str, Any]:
    """The answer as JSON would have it; a simulation's accounts must add up."""
    if isinstance(answer, SimulationResult):
        metrics = answer.metrics
        assert 0 <= metrics.finished <= metrics.requests, "more answers than requests"
        assert not metrics.finished or metrics.energy_j > 0, "answers without energy"
    found = answer.to_dict()
    json.dumps(found, allow_nan=False)
    return found


def _slow(began: float, questions: int) -> Fault | None:
    took = time.process_time() - began
    return Fault("slow", f"{took:.1f} s") if took > LONGEST_S * questions else None


def _fault_of_error(error: InputError) -> Fault | None:
    text = str(error)
    if found := _JARGON.search(text):
        return Fault(f"jargon {found[0]}", text[:300])
    if len(text) > 3000 or any(letter in text for letter in "\x00\x1b\ud800"):
        return Fault("unprintable", repr(text[:300]))
    if error.file is None and error.field is None and error.remedy is None:
        return Fault("nameless", text[:300])
    return None


def _nonsense(found: Mapping[str, Any]) -> Iterator[str]:
    """Numbers that no answer may hold."""
    for key, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not math.isfinite(value) or value < 0:
            yield f"{key} is {value}"
        for bound, sign in (("low", 1), ("high", -1)):
            other = found.get(f"{key}_{bound}")
            if isinstance(other, int | float) and sign * (other - value) > 1e-9 * abs(value):
                yield f"{key} is {value}, its {bound} end {other}"


def _place(failure: BaseException) -> str:
    """The last place of the program's own on the way to the failure."""
    place, trace = "?", failure.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "/simulator/" in code.co_filename:
            place = f"{code.co_filename.rpartition('/simulator/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
