"""Printing the catalogue for people."""

from collections.abc import Sequence
from itertools import groupby

from simulator.cli.console import console
from simulator.cli.options import print_json
from simulator.graph.build import build
from simulator.graph.parameters import count_parameters
from simulator.planning.browse import (
    Fact,
    HardwareRow,
    ModelRow,
    ScenarioRow,
    cache_beside_growth,
    cache_text,
)
from simulator.report.tables import Column, table
from simulator.specs.consistency import Finding
from simulator.specs.hardware import Hardware
from simulator.specs.model import Model
from simulator.units import SYMBOLS, humane, significant


def _columns(left: str, right: str, rest: str = "") -> list[Column]:
    """Headings of texts, of numbers, and of texts that may wrap, each separated by commas."""
    found = [Column(name) for name in left.split(",")]
    found += [Column(name, "right") for name in right.split(",")]
    return found + [Column(name, wrap=True) for name in rest.split(",") if rest]


def hardware_list(rows: Sequence[HardwareRow]) -> None:
    """One line a device, saying which have a calibration of their own."""
    lines = [
        (
            f"{row.name} (hypothetical)" if row.hypothetical else row.name,
            row.vendor,
            row.device_class,
            humane(row.memory_bytes, "B"),
            humane(row.bandwidth_bytes_per_s, "B/s"),
            humane(row.peak_bf16, "FLOP/s"),
            humane(row.power_limit_w, "W"),
            "yes" if row.calibrated else "",
        )
        for row in rows
    ]
    columns = _columns("name,vendor,class", "memory,bandwidth,bf16,power", "calibrated")
    console().print(table(columns, lines))


def scenario_list(rows: Sequence[ScenarioRow]) -> None:
    """One line a scenario."""
    columns = [Column("name"), Column("shows", wrap=True)]
    console().print(table(columns, [(row.name, row.title) for row in rows]))


def model_list(rows: Sequence[ModelRow]) -> None:
    """One line a model, and a table of their own for models that are made up."""
    columns = _columns("name", "parameters,active,layers,KV a token,context", "stored as")
    screen = console()
    for made_up, group in groupby(rows, key=lambda row: row.hypothetical):
        if made_up:
            screen.print("made up: shapes of benchmarks and announcements")
        screen.print(table(columns, [_model_line(row) for row in group]))


def _model_line(row: ModelRow) -> tuple[object, ...]:
    return (
        row.name,
        humane(row.parameters),
        humane(row.active_parameters),
        row.layers,
        cache_text(row.kv_bytes_per_token, row.kv_bytes_per_sequence),
        f"{row.max_context:,}",
        row.weight_precision,
    )


def hardware(found: Hardware, facts: Sequence[Fact]) -> None:
    """Every number of a device with its source."""
    screen = console()
    hypothetical = " [yellow](hypothetical)[/yellow]" if found.hypothetical else ""
    screen.print(f"[bold]{found.title}[/bold]{hypothetical}  {found.vendor}, {found.device_class}")
    if found.notes is not None:
        screen.print(found.notes)
    cited = list(dict.fromkeys(fact.source for fact in facts if fact.source))
    lines = [
        (
            fact.field,
            _number(fact.value, fact.dimension),
            "" if fact.low is None else _number(fact.low, fact.dimension),
            "" if fact.high is None else _number(fact.high, fact.dimension),
            fact.kind or "",
            fact.confidence or "",
            fact.as_of or "",
            f"[{cited.index(fact.source) + 1}]" if fact.source else "",
        )
        for fact in facts
    ]
    screen.print(table(_columns("field", "value,low,high", "kind,confidence,as of,source"), lines))
    for number, source in enumerate(cited, start=1):
        screen.print(f"[dim]\\[{number}] {source}[/dim]")
    if found.prices.offers:
        screen.print(f"prices: roofsim catalogue prices {found.name}")
    if found.prices.not_sold is not None:
        screen.print(f"not sold: {found.prices.not_sold}")
    for name, engine in found.engines.items():
        if engine.calibration is not None:
            screen.print(f"calibration of {name}: {engine.calibration.measured_with}")
    if found.notes:
        screen.print(found.notes)


def _number(value: float, dimension: str | None) -> str:
    symbol = SYMBOLS.get(dimension or "")
    return significant(value) if symbol is None else humane(value, symbol)


def model(found: Model, as_json: bool) -> None:
    """The shapes of a model and what they amount to, stored as its checkpoint says."""
    graph = build(found, kv=found.cache_precision)
    parameters = count_parameters(found)
    beside = cache_beside_growth(graph, found.max_context)
    facts = {
        "name": found.name,
        "parameters": parameters.total,
        "active_parameters": parameters.active,
        "layers": len(found.layers),
        "hidden_size": found.hidden_size,
        "vocabulary": found.vocabulary,
        "max_context": found.max_context,
        "weight_precision": found.weight_precision,
        "weight_bytes": graph.weight_bytes,
        "kv_bytes_per_token": graph.kv_bytes_per_token,
        "kv_bytes_per_sequence": beside,
        "state_bytes_per_sequence": graph.state_bytes_per_sequence,
        "source": found.source,
        "assumptions": list(found.assumptions),
        "layer_kinds": [
            {
                "layers": count,
                "attention": layer.attention.kind,
                "feedforward": layer.feedforward.kind,
            }
            for layer, count in graph.layer_groups
        ],
    }
    if as_json:
        print_json(facts)
        return
    screen = console()
    screen.print(f"[bold]{found.title}[/bold]" + (" (hypothetical)" if found.hypothetical else ""))
    lines = [
        ("parameters", f"{parameters.total:,}"),
        ("used by a token", f"{parameters.active:,}"),
        ("weights", humane(graph.weight_bytes, "B") + f" as {found.weight_precision}"),
        ("cache a token", cache_text(graph.kv_bytes_per_token, beside)),
        ("state a sequence", humane(graph.state_bytes_per_sequence, "B")),
        ("context", f"{found.max_context:,} tokens"),
        *(
            (f"{count} layers", f"{layer.attention.kind} + {layer.feedforward.kind}")
            for layer, count in graph.layer_groups
        ),
    ]
    screen.print(table([Column(""), Column("", "right")], lines))
    if found.source is not None:
        screen.print(f"source: {found.source}")
    for assumed in found.assumptions:
        screen.print(f"note: {assumed}", highlight=False)


def findings(found: Sequence[Finding]) -> None:
    """What looks wrong, errors first."""
    screen = console()
    for finding in sorted(found, key=lambda f: (f.severity != "error", f.hardware)):
        colour = "red" if finding.severity == "error" else "yellow"
        screen.print(
            f"[{colour}]{finding.severity}[/{colour}] {finding.hardware}: {finding.field}: "
            f"{finding.problem}" + (f"\n  {finding.remedy}" if finding.remedy else ""),
            highlight=False,
        )
    errors = sum(f.severity == "error" for f in found)
    screen.print(f"{errors} errors, {len(found) - errors} warnings")
