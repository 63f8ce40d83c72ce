"""Printing predictions for people, and tables of them for programs."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.errors import InputError
from simulator.simulate.prediction import Prediction
from simulator.units import humane, significant

_SHOWN = (
    ("step time", "step_time_s", "s"),
    ("TTFT", "ttft_s", "s"),
    ("TPOT", "tpot_s", "s"),
    ("output", "output_tokens_per_s", "tok/s"),
    ("all tokens", "total_tokens_per_s", "tok/s"),
    ("requests", "requests_per_s", "req/s"),
    ("power", "power_w", "W"),
    ("energy per output token", "joules_per_output_token", "J"),
    ("energy per token", "joules_per_total_token", "J"),
    ("per million input tokens", "usd_per_million_input_tokens", "$"),
    ("per million output tokens", "usd_per_million_output_tokens", "$"),
)


def show_prediction(answer: Prediction) -> None:
    """One prediction as an aligned table with its 80 % intervals."""
    from simulator.cli.console import console, table

    found = answer.to_dict()
    figures = table(("",), ("", "80 % interval"))
    for label, key, unit in _SHOWN:
        if found[key] is None:
            continue
        low, high = found.get(f"{key}_low"), found.get(f"{key}_high")
        interval = "" if low is None else f"{_number(low, unit)} to {_number(high, unit)}"
        figures.add_row(label, f"[bold]{_number(found[key], unit)}[/bold]", interval)
    figures.add_row("bound by", str(answer.bound), "")
    figures.add_row("memory used", humane(answer.memory_used_bytes, "B"), "")
    figures.add_row("cache holds", f"{significant(answer.kv_capacity_tokens)} tokens", "")
    figures.add_row("largest batch", significant(answer.max_batch), "")
    title = f"{answer.model} {answer.precision} on {answer.devices} × {answer.hardware}"
    screen = console()
    screen.print(f"[bold]{title}[/bold], {answer.engine}, {answer.phase}")
    screen.print(figures)
    for note in answer.notes:
        screen.print(f"[dim]note: {note}[/dim]", highlight=False)


def _number(value: float | None, unit: str) -> str:
    return f"${significant(value)}" if unit == "$" else humane(value, unit)


def show_operators(
    hardware: str, model: str, deployment: dict[str, Any], phase: str, batch: int, context: int
) -> None:
    """Every operator of one step: time, what binds it, share of the speed of light, source."""
    from simulator.cli.console import console, table
    from simulator.graph.step_shape import StepShape
    from simulator.simulate.predict import deployment_of
    from simulator.simulate.setup import resolve_setup

    setup = resolve_setup(hardware, model, deployment_of(deployment))
    of_phase = StepShape.prefill if phase == "prefill" else StepShape.decode
    report = setup.step_model.report(of_phase(batch, context))
    cited = list(dict.fromkeys(row.source for row in report))
    rows = table(("operator", "bound by"), ("runs", "time", "share", "of roof", "source"))
    for row in report:
        rows.add_row(
            row.name,
            row.bound,
            str(row.count),
            humane(row.time_s, "s"),
            f"{100 * row.share:.1f} %",
            f"{100 * row.share_of_speed_of_light:.0f} %",
            f"\\[{cited.index(row.source) + 1}]",
        )
    screen = console()
    screen.print(rows)
    for number, source in enumerate(cited, start=1):
        screen.print(f"[dim]\\[{number}] {source}[/dim]", highlight=False)


def write_csv(header: list[str], rows: Iterator[dict[str, Any]], out: Path | None) -> None:
    """Write rows as CSV to ``out`` (all or nothing) or to stdout.

    Raises:
        InputError: ``out`` cannot be written.
    """
    if out is None:
        _write(header, rows, sys.stdout)
        return
    partial = out.with_name(out.name + ".partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            _write(header, rows, file)
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(
            f"cannot be written: {error.strerror}",
            file=out,
            field="out",
            remedy="choose another path",
        ) from None


def _write(header: list[str], rows: Iterator[dict[str, Any]], file: Any) -> None:  # noqa: ANN401
    writer = csv.DictWriter(file, header, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
