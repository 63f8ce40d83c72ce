"""Every format by its name: the built-in ones, and those of installed packages."""

from collections.abc import Iterator
from pathlib import Path

from simulator.errors import InputError, nearest, shown
from simulator.extensions import extension, extension_names
from simulator.traces.csv_formats import CSV_FORMATS
from simulator.traces.format import Format, Head
from simulator.traces.json_formats import JSON_FORMATS
from simulator.traces.json_text import json_document, json_objects
from simulator.traces.results.aiperf import AIPERF_FORMATS
from simulator.traces.results.guidellm import GUIDELLM
from simulator.traces.results.inferencex import INFERENCEX
from simulator.traces.results.llama_bench import LLAMA_BENCH_FORMATS
from simulator.traces.results.scrape import SCRAPE
from simulator.traces.results.serving_bench import SERVING_BENCH
from simulator.traces.results.spans import SPANS
from simulator.traces.sharegpt import SHAREGPT

FORMATS: dict[str, Format] = {
    **CSV_FORMATS,
    "vllm-bench": SERVING_BENCH,
    **AIPERF_FORMATS,
    "guidellm": GUIDELLM,
    "inferencex": INFERENCEX,
    **LLAMA_BENCH_FORMATS,
    "spans": SPANS,
    "sharegpt": SHAREGPT,
    **JSON_FORMATS,
    "prometheus": SCRAPE,
}


def format_shown(text: str) -> Format | None:
    """The format that a text shows by its content; None where it is none of them."""
    head = Head(text)
    return next((found for _, found in _all() if found.recognises(head)), None)


def format_of(text: str, path: Path, name: str = "auto") -> Format:
    """The format called ``name``, or else the one that the text shows.

    Raises:
        InputError: unknown by its name or by its content: says what was found, and what is known.
    """
    if name != "auto":
        return named_format(name)
    found = format_shown(text)
    if found is not None:
        return found
    head = Head(text)
    if not head.is_json:
        known = "; ".join(dict.fromkeys(each.described for _, each in _all() if each.is_table))
        raise InputError(
            f"the format is not recognised from its first line {head.line[:60]!r}",
            file=path,
            field="line 1",
            remedy=f"known: {known}; any other CSV by workload.columns",
        )
    if not head.fields:
        # What is wrong with it is told by reading it: it is cut off, or no object.
        lines = text.strip().splitlines()
        is_by_line = len(lines) == 1 or lines[1].startswith("{")
        _ = list(json_objects(text, path)) if is_by_line else json_document(text, path)
    fields = ", ".join(map(shown, list(head.fields)[:_FIELDS_SHOWN]))
    raise InputError(
        f"a JSON object with the fields {fields} is in no format that is known"
        if head.fields
        else "JSON without an object is in no format that is known",
        file=path,
        remedy="tried: " + ", ".join(name for name, each in _all() if not each.is_table),
    )


_FIELDS_SHOWN = 8


def named_format(name: str) -> Format:
    """The format of that name.

    Raises:
        InputError: there is none; suggests the nearest.
    """
    found = FORMATS.get(name) or extension("roofsim.traces", name, Format)
    if found is None:
        known = ("auto", *FORMATS, *extension_names("roofsim.traces"))
        raise InputError(
            f"unknown trace format {name!r}", field="workload.format", remedy=nearest(name, known)
        )
    return found


def _all() -> Iterator[tuple[str, Format]]:
    yield from FORMATS.items()
    for name in extension_names("roofsim.traces"):
        yield name, named_format(name)
