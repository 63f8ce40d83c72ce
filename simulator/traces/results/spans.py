"""OpenTelemetry spans of generative AI (OTLP as JSON): requests as a tracer saw them.

Token counts stand under the names of the semantic conventions, or under those they had before,
which vLLM writes. Spans without token counts belong to something else.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.specs.workload import Trace
from simulator.traces.format import Format, Head
from simulator.traces.json_text import json_object, json_objects
from simulator.traces.results.measured_run import MeasuredRun, number
from simulator.traces.results.records import Record, run_of_records
from simulator.traces.row import Row, seconds, tokens

_INPUTS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUTS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_TTFT = ("gen_ai.latency.time_to_first_token", "gen_ai.server.time_to_first_token")
_E2E = ("gen_ai.latency.e2e",)
_MODEL = ("gen_ai.response.model", "gen_ai.request.model")
_SESSION = ("gen_ai.conversation.id", "session.id")


def _spans(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Every span with token counts, and its line or number."""
    if Head(text).first_line_fields:
        documents = list(json_objects(text, path))
    else:
        documents = [(0, json_object(text, path))]
    number_of = 0
    for line, document in documents:
        for span in _below(document):
            number_of += 1
            attributes = _attributes(span)
            if any(name in attributes for name in _OUTPUTS):
                yield line or number_of, {**span, "attributes": attributes}


def _below(document: object) -> Iterator[Mapping[str, Any]]:
    """Spans anywhere in an export: of resources, of scopes, or one alone."""
    if isinstance(document, list):
        for part in document:
            yield from _below(part)
    elif isinstance(document, dict):
        if "startTimeUnixNano" in document:
            yield document
            return
        for key in ("resourceSpans", "scopeSpans", "instrumentationLibrarySpans", "spans"):
            yield from _below(document.get(key))


def _attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as a mapping: OTLP lists them with the type of each value."""
    found = span.get("attributes")
    if isinstance(found, dict):
        return found
    plain: dict[str, Any] = {}
    for each in found if isinstance(found, list) else ():
        value = each.get("value") if isinstance(each, dict) else None
        if isinstance(value, dict) and value:
            plain[str(each.get("key"))] = next(iter(value.values()))
    return plain


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> object:
    return next((attributes[name] for name in names if name in attributes), None)


def _records(text: str, path: Path) -> list[Record]:
    found: list[Record] = []
    for line, span in _spans(text, path):
        attributes = span["attributes"]
        start = seconds(span["startTimeUnixNano"], "startTimeUnixNano", 1e-9, path, line)
        end = span.get("endTimeUnixNano")
        latency = number(_first(attributes, _E2E))
        if latency is None and end is not None:
            latency = seconds(end, "endTimeUnixNano", 1e-9, path, line) - start
        found.append(
            Record(
                line,
                start,
                tokens(_first(attributes, _INPUTS), _INPUTS[0], path, line),
                tokens(_first(attributes, _OUTPUTS), _OUTPUTS[0], path, line),
                ttft_s=number(_first(attributes, _TTFT)),
                e2e_s=latency,
                session=_first(attributes, _SESSION),
            )
        )
    if not found:
        raise InputError(
            "no span in it has token counts",
            file=path,
            remedy=f"instrument the server so that spans have {_INPUTS[0]} and {_OUTPUTS[0]}",
        )
    return sorted(found, key=Record.start)


def _rows(text: str, path: Path, _trace: Trace) -> Iterator[Row]:
    return (record.row() for record in _records(text, path))


def _runs(text: str, path: Path) -> Iterator[MeasuredRun]:
    models = (_first(span["attributes"], _MODEL) for _, span in _spans(text, path))
    model = next((str(name) for name in models if name), "")
    return run_of_records(_records(text, path), path, source="OpenTelemetry", model=model)


SPANS = Format(
    "OpenTelemetry spans with gen_ai.usage (OTLP as JSON)",
    _rows,
    lambda head: bool({"resourceSpans", "startTimeUnixNano", "scopeSpans"} & head.fields.keys()),
    runs=_runs,
)
