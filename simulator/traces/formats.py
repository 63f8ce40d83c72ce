"""Every trace format by its name: the built-in ones, and those of installed packages."""

from pathlib import Path

from simulator.errors import InputError, nearest
from simulator.extensions import extension, extension_names
from simulator.specs.workload import Trace
from simulator.traces.csv_formats import CSV_FORMATS
from simulator.traces.format import Format, Head
from simulator.traces.json_formats import JSON_FORMATS

FORMATS: dict[str, Format] = {**CSV_FORMATS, **JSON_FORMATS}


def format_of(text: str, path: Path, trace: Trace) -> Format:
    """The format that the trace names, or else the one that its text shows.

    Raises:
        InputError: unknown by its name or by its content.
    """
    if trace.format != "auto":
        return _named(trace.format)
    if trace.columns:
        return FORMATS["csv"]
    head = Head(text)
    for found in FORMATS.values():
        if found.recognises(head):
            return found
    added = {name: _named(name) for name in extension_names("roofsim.traces")}
    for found in added.values():
        if found.recognises(head):
            return found
    if head.is_json:
        # Lines with a field missing are told so one by one.
        return FORMATS["mooncake"]
    known = "; ".join(each.described for each in (*FORMATS.values(), *added.values()))
    raise InputError(
        f"trace format not recognised from its first line {head.line[:60]!r}",
        file=path,
        field="line 1",
        remedy=f"known: {known}; any other CSV by workload.columns",
    )


def _named(name: str) -> Format:
    found = FORMATS.get(name) or extension("roofsim.traces", name, Format)
    if found is None:
        known = ("auto", *FORMATS, *extension_names("roofsim.traces"))
        raise InputError(
            f"unknown trace format {name!r}", field="workload.format", remedy=nearest(name, known)
        )
    return found
