"""Tables for a terminal: a simulation's summary, a comparison, and any columns and rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from simulator.report.measures import (
    MEASURES,
    Measure,
    between,
    bound_words,
    devices_words,
    factor,
    joules,
    labels,
    money,
    seconds,
    show,
    times,
)
from simulator.serving.outcome.metrics import Distribution
from simulator.simulate.result import SimulationResult
from simulator.units import humane, percent, significant

_BETTER, _WORSE, _DIM = "blue", "yellow", "dim"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, its side, and whether it may wrap."""

    heading: str
    align: Literal["left", "right"] = "left"
    wrap: bool = False
    style: str = ""


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """Columns and rows, aligned and without lines; None prints as a dash."""
    found = _bare(title)
    for column in columns:
        found.add_column(
            column.heading, justify=column.align, no_wrap=not column.wrap, style=column.style
        )
    for row in rows:
        found.add_row(*("–" if cell is None else _text(cell) for cell in row))
    return found


def _text(cell: object) -> RenderableType:
    # Plain text, so that brackets in names are not taken for markup.
    return cell if isinstance(cell, Text | Table) else Text(str(cell))


def _bare(title: str = "", show_header: bool = True) -> Table:
    return Table(
        box=None,
        pad_edge=False,
        padding=(0, 3, 0, 0),
        header_style=_DIM,
        title=title or None,
        title_justify="left",
        title_style="bold",
        show_header=show_header,
    )


def figures(answer: Mapping[str, Any], keys: Sequence[str] | None = None) -> Table:
    """Any dictionary of figures, one a line with its 80 % interval; units are told by the keys.

    Without ``keys`` every number and text is shown but intervals of their own, lists and Nones.
    """
    if keys is None:
        keys = [
            k for k, v in answer.items()
            if v is not None and not isinstance(v, list | dict | tuple)
            and not k.endswith(("_low", "_high"))
        ]  # fmt: skip
    rows = []
    for key in keys:
        low, high = answer.get(f"{key}_low"), answer.get(f"{key}_high")
        interval = ""
        if low is not None and high is not None:
            interval = between(low, high, partial(show, key))
        rows.append((_words(key), show(key, answer.get(key)), interval))
    columns = (Column(""), Column("", "right"), Column("80 % interval", "right", style=_DIM))
    return table(columns, rows)


def _words(key: str) -> str:
    """``output_tokens_per_s`` in words: the unit stands at the number already."""
    for suffix in ("_s", "_w", "_j", "_bytes"):
        if key.endswith(suffix) and not key.endswith("_per_s"):
            key = key.removesuffix(suffix)
    words = key.replace("_per_s", " a second").replace("_", " ").split()
    return " ".join(_SPELLED.get(word, word) for word in words)


_SPELLED = {"ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "kv": "KV", "usd": "dollars"}


def summary(result: SimulationResult) -> RenderableType:
    """What ``roofsim run`` prints: headline figures, latencies, and what to know about them."""
    title = Text(result.title, style="bold")
    setting = Text(_setting(result), style=_DIM)
    parts: list[RenderableType] = [title, setting, Text(), _headline(result), Text()]
    parts += [_latencies(result), Text(), _facts(result)]
    if result.notes:
        parts.append(Text())
        parts += [Text.assemble(("note  ", "bold yellow"), note) for note in result.notes]
    return Group(*parts)


def _setting(result: SimulationResult) -> str:
    m = result.metrics
    finished = max(m.finished, 1)
    return (
        f"{result.model_title}, {result.precision} (cache {result.kv_precision}), {result.engine}, "
        f"{devices_words(result)}\n"
        f"{m.requests:,} requests of {m.input_tokens / finished:,.0f} + "
        f"{m.output_tokens / finished:,.0f} tokens in {seconds(m.makespan_s)}"
    )


def _headline(result: SimulationResult) -> Table:
    m, answer = result.metrics, result.to_dict()
    found = _bare(show_header=False)
    for _ in range(3):
        found.add_column(no_wrap=False)
    per_device = ""
    if result.devices > 1:
        per_device = f", {significant(m.output_tokens_per_s / result.devices)} a device"
    goodput = ""
    if m.goodput_requests_per_s is not None and m.requests_per_s:
        met = m.goodput_requests_per_s / m.requests_per_s
        goodput = f", {percent(met)} within the objectives"
    power = humane(result.power_w_per_device, "W")
    details = {
        "output_tokens_per_s": f"{significant(m.total_tokens_per_s)} tokens/s with prompts"
        f"{per_device}; {significant(m.requests_per_s)} requests/s{goodput}",
        "usd_per_million_tokens": _cost_detail(result),
        "joules_per_output_token": f"{joules(result.joules_per_total_token)} per token with "
        f"prompts; {power} a device, busy {percent(m.busy_fraction)} of the time",
    }
    for measure in MEASURES:
        if measure.key in details:
            value = Text(measure.show(measure.of(answer)), style="bold")
            if measure.of(answer) is not None:
                value.append(f" {measure.unit}", style="not bold")
            found.add_row(measure.label, value, Text(details[measure.key], style=_DIM))
    return found


def _cost_detail(result: SimulationResult) -> str:
    cost, price = result.cost, result.price
    if price is None:
        return "no price is known"
    return (
        f"input {money(cost.usd_per_million_input_tokens)}, output "
        f"{money(cost.usd_per_million_output_tokens)}; {money(price.usd_per_hour)}/h a device, "
        f"{price.origin}"
    )


def _latencies(result: SimulationResult) -> Table:
    m, answer = result.metrics, result.to_dict()
    rows = []
    for name, label in (
        ("ttft_s", "TTFT"), ("tpot_s", "TPOT"), ("e2e_s", "End to end"), ("queue_s", "In queue"),
    ):  # fmt: skip
        spread: Distribution = getattr(m, name)
        low, high = answer.get(f"{name}_low"), answer.get(f"{name}_high")
        interval = "" if low is None or high is None else between(low, high, seconds)
        rows.append((
            label, Text(seconds(spread.mean), style="bold"), interval,
            seconds(spread.p50), seconds(spread.p90), seconds(spread.p99),
        ))  # fmt: skip
    columns = (
        Column("Latency"), Column("mean", "right"), Column("80 % interval", "right", style=_DIM),
        Column("p50", "right"), Column("p90", "right"), Column("p99", "right"),
    )  # fmt: skip
    return table(columns, rows)


def _facts(result: SimulationResult) -> Table:
    m = result.metrics
    prefill, decode = result.prefill, result.decode
    found = _bare(show_header=False)
    found.add_column()
    found.add_column()
    found.add_row("Bottleneck", bound_words(prefill.bound, decode.bound))
    found.add_row(
        "Typical step",
        f"prefill {seconds(prefill.step_time_s)}; decode {seconds(decode.step_time_s)} "
        f"at batch {significant(decode.batch)}",
    )
    cache = f"{percent(m.peak_kv_fraction)} of {result.kv_capacity_tokens:,} tokens at most"
    if m.preemptions:
        cache += f"; {m.preemptions:,} preemptions"
    if m.cached_tokens:
        cache += f"; {percent(m.cached_tokens / max(m.input_tokens, 1))} of prompts from the cache"
    found.add_row("Cache in use", cache)
    if m.rejected:
        found.add_row("Rejected", Text(f"{m.rejected:,} requests", style="yellow"))
    return found


def comparison(results: Sequence[SimulationResult]) -> RenderableType:
    """What ``roofsim compare`` prints: one system a row, the factors to the first below."""
    notes = dict.fromkeys(note for result in results for note in result.notes)
    return Group(
        Text(f"{results[0].model_title}, {results[0].workload}", style="bold"),
        Text(),
        _Compared(tuple(results)),
        *(Text(f"note  {note}", style=_DIM) for note in notes),
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """The table of a comparison; on a narrow terminal without power and bounds."""

    results: tuple[SimulationResult, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= 100
        answers = [result.to_dict() for result in self.results]
        found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=_DIM)
        found.add_column("System", min_width=12)
        for measure in MEASURES:
            unit = (measure.unit or "mean").replace("output token", "output\ntoken")
            found.add_column(f"{measure.short}\n{unit}", justify="right", no_wrap=True)
        if wide:
            found.add_column("Power\na device", justify="right", no_wrap=True)
            found.add_column("Bound by\nprefill, decode", no_wrap=True)
        for row, name in enumerate(labels(self.results)):
            result, answer = self.results[row], answers[row]
            cells = [_cell(measure, answer, answers[0], first=row == 0) for measure in MEASURES]
            more = (
                humane(result.power_w_per_device, "W"),
                f"{result.prefill.bound}, {result.decode.bound}",
            )
            heading = Text(name, style="bold" if row == 0 else "")
            found.add_row(heading, *cells, *(more if wide else ()))
        yield found


def _cell(
    measure: Measure, answer: Mapping[str, Any], first_answer: Mapping[str, Any], *, first: bool
) -> Text:
    value = measure.of(answer)
    text = Text(measure.show(value), justify="right")
    ratio = factor(value, measure.of(first_answer))
    if first:
        text.append("\n")
    elif ratio is not None:
        better = (ratio > 1) == (measure.better == "higher")
        style = _DIM if abs(ratio - 1) < 0.02 else _BETTER if better else _WORSE
        text.append(f"\n{times(ratio)}", style=style)
    return text
