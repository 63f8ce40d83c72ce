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
    from rich.console import Console
    from rich.table import Table

    found = answer.to_dict()
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("80 % interval", justify="right", style="dim")
    for label, key, unit in _SHOWN:
        if found[key] is None:
            continue
        low, high = found.get(f"{key}_low"), found.get(f"{key}_high")
        interval = "" if low is None else f"{_number(low, unit)} to {_number(high, unit)}"
        table.add_row(label, f"[bold]{_number(found[key], unit)}[/bold]", interval)
    table.add_row("bound by", str(answer.bound), "")
    table.add_row("memory used", humane(answer.memory_used_bytes, "B"), "")
    table.add_row("cache holds", f"{significant(answer.kv_capacity_tokens)} tokens", "")
    table.add_row("largest batch", significant(answer.max_batch), "")
    title = f"{answer.model} {answer.precision} on {answer.devices} × {answer.hardware}"
    console = Console()
    console.print(f"[bold]{title}[/bold], {answer.engine}, {answer.phase}")
    console.print(table)
    for note in answer.notes:
        console.print(f"[dim]note: {note}[/dim]", highlight=False)


def _number(value: float, unit: str) -> str:
    return f"${significant(value)}" if unit == "$" else humane(value, unit)


def show_operators(
    hardware: str, model: str, deployment: dict[str, Any], phase: str, batch: int, context: int
) -> None:
    """Every operator of one step: time, what binds it, share of the speed of light, source."""
    from rich.console import Console
    from rich.table import Table

    from simulator.graph.step_shape import StepShape
    from simulator.simulate.predict import deployment_of
    from simulator.simulate.setup import resolve_setup

    setup = resolve_setup(hardware, model, deployment_of(deployment))
    of_phase = StepShape.prefill if phase == "prefill" else StepShape.decode
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("operator", "runs", "time", "share", "bound", "of roof", "source"):
        right = name in ("runs", "time", "share", "of roof")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "source")
    for row in setup.step_model.report(of_phase(batch, context)):
        table.add_row(
            row.name,
            str(row.count),
            humane(row.time_s, "s"),
            f"{100 * row.share:.1f} %",
            row.bound,
            f"{100 * row.share_of_speed_of_light:.0f} %",
            row.source,
        )
    Console().print(table)


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
