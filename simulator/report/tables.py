"""Tables for a terminal: a simulation's summary, a comparison, and any columns and rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from simulator.report.measures import (
    asked_words,
    basis_words,
    bound_words,
    busy_words,
    compared,
    devices_words,
    factor,
    interval,
    labels,
    named_notes,
    times,
    token_words,
)
from simulator.report.price_words import other_bases, price_rows, verdict
from simulator.report.ranking import Ranking, ranking
from simulator.simulate.answer import Answer
from simulator.simulate.comparison import Unanswered
from simulator.simulate.figure import Figure
from simulator.simulate.figures import COMPARED, FIGURE, HEADLINE
from simulator.units import humane, money, percent, seconds, significant

if TYPE_CHECKING:
    from simulator.simulate.result import SimulationResult

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


def summary(result: "SimulationResult") -> RenderableType:
    """What ``roofsim run`` prints: headline figures, latencies, and what to know about them."""
    title = Text(result.title, style="bold")
    setting = Text(_setting(result), style=_DIM)
    parts: list[RenderableType] = [title, setting, Text(), _headline(result), Text()]
    parts += [_latencies(result), Text(), _facts(result)]
    if result.notes:
        parts.append(Text())
        parts += [Text.assemble(("note  ", "bold yellow"), note) for note in result.notes]
    return Group(*parts)


def _setting(result: "SimulationResult") -> str:
    m = result.metrics
    finished = max(m.finished, 1)
    return (
        f"{result.model_title}, {result.precision} (cache {result.kv_precision}), {result.engine}, "
        f"{devices_words(result)}\n"
        f"{m.requests:,} requests of {m.input_tokens / finished:,.0f} + "
        f"{m.output_tokens / finished:,.0f} tokens in {seconds(m.makespan_s)}"
    )


def _headline(result: "SimulationResult") -> Table:
    m = result.metrics
    found = _bare(show_header=False)
    for _ in range(4):
        found.add_column(no_wrap=False)
    per_device = ""
    if result.devices > 1:
        each = FIGURE["output_tokens_per_s_per_device"].number(
            result.output_tokens_per_s_per_device
        )
        per_device = f", {each} a device"
    goodput = ""
    if m.goodput_requests_per_s is not None and m.requests_per_s:
        met = m.goodput_requests_per_s / m.requests_per_s
        goodput = f", {percent(met)} within the objectives"
    power = humane(result.power_w_per_device, "W")
    total_energy = FIGURE["joules_per_total_token"].show(result.joules_per_total_token)
    details = {
        "output_tokens_per_s": f"{significant(m.total_tokens_per_s)} tokens/s with prompts"
        f"{per_device}; {significant(m.requests_per_s)} requests/s{goodput}",
        "usd_per_million_tokens": _cost_detail(result),
        "best_usd_per_million_tokens": _best_detail(result),
        "joules_per_output_token": f"{total_energy} per token with "
        f"prompts; {power} a device; {busy_words(result)}",
    }
    for figure in COMPARED:
        if figure.key in details and (figure in HEADLINE or figure.key in result.figures):
            number = result.figures.get(figure.key)
            value = Text(figure.number(number), style="bold")
            if number is not None:
                value.append(f" {figure.unit_words}", style="not bold")
            found.add_row(
                figure.label,
                value,
                Text(interval(result, figure.key), style=_DIM),
                Text(details[figure.key], style=_DIM),
            )
    return found


def _cost_detail(result: "SimulationResult") -> str:
    if result.usd_per_device_hour is None:
        return f"no price: {result.price_basis}"
    load = "at this load, which overloads it" if result.overloaded else "at this load"
    return (
        f"{load}: {token_words(result)}; {money(result.usd_per_device_hour)}/h a device, "
        f"{result.price_origin}"
    )


def _best_detail(result: "SimulationResult") -> str:
    users = "" if result.best_users is None else f" from {result.best_users:,} users"
    return (
        f"{result.best_within}: {token_words(result, 'best_')}, at "
        f"{significant(result.best_requests_per_s)} requests/s{users} and "
        f"{FIGURE['joules_per_output_token'].show(result.best_joules_per_output_token)} per output "
        "token"
    )


def _task_words(result: "SimulationResult") -> str:
    """What a request costs, and what else is counted for."""
    keys = ("usd_per_request", "usd_per_conversation", "usd_per_solved_task")
    found = ((FIGURE[key], result.figures.get(key)) for key in keys)
    return ", ".join(f"{f.number(usd)} {f.per}" for f, usd in found if usd is not None)


def _latencies(result: "SimulationResult") -> Table:
    rows = [
        (
            FIGURE[mean].short,
            Text(FIGURE[mean].show(result.figures[mean]), style="bold"),
            interval(result, mean),
            *(FIGURE[key].show(result.figures[key]) for key in percentiles),
        )
        for mean, *percentiles in LATENCIES
    ]
    columns = (
        Column("Latency"), Column("mean", "right"), Column("80 % interval", "right", style=_DIM),
        Column("p50", "right"), Column("p90", "right"), Column("p99", "right"),
    )  # fmt: skip
    return table(columns, rows)


LATENCIES = tuple(
    (f"{stem}_s", *(f"{stem}_{percentile}_s" for percentile in ("p50", "p90", "p99")))
    for stem in ("ttft", "tpot", "e2e", "queue")
)
"""Mean and percentiles of the latencies that a report has a table of."""


def _facts(result: "SimulationResult") -> Table:
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
    if result.usd_per_device_hour is not None:
        found.add_row("Cost divided", f"{result.cost_rule}; {_task_words(result)}")
    if m.rejected:
        found.add_row("Rejected", Text(f"{m.rejected:,} requests", style="yellow"))
    return found


def comparison(
    results: "Sequence[SimulationResult]", unanswered: Sequence[Unanswered] = ()
) -> RenderableType:
    """What ``roofsim compare`` prints: one system a row, the factors to the first below.

    Below it which systems have no answer and why, what the dollars rest on, who is the cheapest,
    and what other bases say of that.
    """
    found = ranking(results)
    return Group(
        Text(asked_words(results), style="bold"),
        Text(),
        _Compared(tuple(results)),
        Text(),
        *_without_answer(unanswered),
        prices(results),
        Text(),
        *(Text(sentence) for sentence in verdict(found)),
        *_other_bases(found),
        *(Text(f"note  {note}", style=_DIM) for note in named_notes(results)),
    )


def _without_answer(unanswered: Sequence[Unanswered]) -> list[RenderableType]:
    if not unanswered:
        return []
    columns = [Column("No answer", wrap=True, style="yellow"), Column("because", wrap=True)]
    return [table(columns, [(each.system, each.reason) for each in unanswered]), Text()]


def prices(results: "Sequence[SimulationResult]") -> Table:
    """What the dollars of each system rest on."""
    columns = [Column("Prices", wrap=True), Column(basis_words(results), wrap=True)]
    return table(columns, [(row.system, row.words) for row in price_rows(results)])


def _other_bases(found: Ranking) -> list[RenderableType]:
    """What other bases say of the cheapest, where any does."""
    rows = other_bases(found)
    if not rows:
        return []
    first = found.declared.cheapest or "the cheapest here"
    columns = [
        Column("Other bases", wrap=True),
        Column("cheapest there, a million tokens", wrap=True),
    ]
    columns += [Column(f"{first}", "right", wrap=True), Column("so it", wrap=True)]
    return [Text(), table(columns, rows), Text()]


@dataclass(frozen=True, slots=True)
class _Compared:
    """The table of a comparison; on a narrow terminal without power and bounds."""

    results: "tuple[SimulationResult, ...]"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= 100
        found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=_DIM)
        found.add_column("System", min_width=12)
        shown = compared(self.results)
        for figure in shown:
            unit = (figure.unit_words or "mean").replace("output token", "output\ntoken")
            found.add_column(f"{figure.short}\n{unit}", justify="right", no_wrap=True)
        if wide:
            found.add_column("Power\na device", justify="right", no_wrap=True)
            found.add_column("Bound by\nprefill, decode", no_wrap=True)
        for row, name in enumerate(labels(self.results)):
            result = self.results[row]
            cells = [_cell(f, result, self.results[0], first=row == 0) for f in shown]
            more = (
                humane(result.power_w_per_device, "W"),
                f"{result.prefill.bound}, {result.decode.bound}",
            )
            heading = Text(name, style="bold" if row == 0 else "")
            found.add_row(heading, *cells, *(more if wide else ()))
        yield found


def _cell(figure: Figure, answer: Answer, first_answer: Answer, *, first: bool) -> Text:
    value = answer.figures.get(figure.key)
    text = Text(figure.number(value), justify="right")
    ratio = factor(value, first_answer.figures.get(figure.key))
    if first:
        text.append("\n")
    elif ratio is not None:
        better = (ratio > 1) == (figure.better == "higher")
        style = _DIM if abs(ratio - 1) < 0.02 else _BETTER if better else _WORSE
        text.append(f"\n{times(ratio)}", style=style)
    return text
