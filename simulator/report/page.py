"""A page of its own: one HTML file with everything in it, that needs no network to be read."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.report import style
from simulator.report.chart import Chart
from simulator.report.measures import (
    asked_words,
    basis_words,
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
from simulator.report.price_words import price_rows, verdict
from simulator.report.ranking import ranking
from simulator.report.tables import LATENCIES
from simulator.simulate.comparison import Unanswered
from simulator.simulate.figures import FIGURE
from simulator.simulate.result import Binding, SimulationResult
from simulator.units import humane, money, percent, seconds, significant

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


def comparison_charts(results: Sequence[SimulationResult]) -> list[Chart]:
    """The chart of a comparison."""
    from simulator.report.charts.comparison import comparison

    names = ", ".join(labels(results))
    return [
        Chart(
            "comparison",
            comparison(results),
            f"Throughput, latency, cost and energy of {names}; the table gives the numbers.",
            "All serve the same requests. Blue factors are better than the first, orange worse.",
            "comparison",
        )
    ]


def report_page(result: SimulationResult, charts: Sequence[Chart]) -> str:
    """The report of one simulation as HTML."""
    return _render(
        "report.html.j2",
        title=result.title,
        setting=[
            f"{result.model_title}, {result.precision}",
            devices_words(result),
            result.engine,
        ],
        headline=_headline(result),
        facts=_facts(result),
        latencies=_latencies(result),
        steps=[_step(binding, i) for i, binding in enumerate((result.prefill, result.decode))],
        operator_sources=_operator_sources(result),
        cost=_cost(result),
        every_dollar=_every_dollar(result),
        energy=_energy(result),
        notes=result.notes,
        sources=[_linked(source) for source in result.sources],
        charts=_inlined(charts),
    )


def comparison_page(
    results: Sequence[SimulationResult],
    charts: Sequence[Chart],
    unanswered: Sequence[Unanswered] = (),
) -> str:
    """The comparison of several simulations as HTML."""
    names = labels(results)
    rows, shown = [], compared(results)
    for name, result in zip(names, results, strict=True):
        cells = []
        for figure in shown:
            value = result.figures.get(figure.key)
            ratio = factor(value, results[0].figures.get(figure.key))
            cells.append(
                {
                    "value": figure.number(value),
                    "interval": interval(result, figure.key),
                    "factor": "" if result is results[0] else times(ratio),
                }
            )
        rows.append(
            {
                "name": name,
                "cells": cells,
                "power": humane(result.power_w_per_device, "W"),
                "bounds": f"{result.prefill.bound}, {result.decode.bound}",
            }
        )
    sources = dict.fromkeys(source for result in results for source in result.sources)
    return _render(
        "comparison.html.j2",
        title=f"{asked_words(results)} on {len(results)} systems",
        setting=[f"factors relative to {names[0]}"],
        headline=shown,
        rows=rows,
        notes=named_notes(results),
        sources=[_linked(source) for source in sources],
        charts=_inlined(charts),
        unanswered=unanswered,
        basis=basis_words(results),
        prices=price_rows(results),
        verdict=verdict(ranking(results)),
        standings=_standings(results),
    )


def _standings(results: Sequence[SimulationResult]) -> list[dict[str, Any]]:
    """Dollars of every system on every basis that two of them have a price on."""
    found, names = ranking(results), labels(results)
    return [
        {
            "basis": each.basis,
            "cheapest": each.cheapest or "a tie",
            "verdict": "declared" if each is found.declared else found.verdict(each),
            "cells": [
                "–"
                if name not in each.usd
                else money(each.usd[name]) + (" *" if name in each.marks else "")
                for name in names
            ],
        }
        for each in (found.declared, *found.others)
    ]


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(
        light=style.colour_variables(dark=False), dark=style.colour_variables(dark=True), **values
    )  # fmt: skip


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": seconds, "percent": percent, "humane": humane}
    return environment


def _inlined(charts: Sequence[Chart]) -> dict[str, list[dict[str, Any]]]:
    """The charts of each section, ready to stand in the page."""
    from markupsafe import Markup

    found: dict[str, list[dict[str, Any]]] = {}
    for chart in charts:
        svg = style.inline_svg(style.svg(chart.figure, chart.description), chart.name)
        shown = {"svg": Markup(svg), "caption": chart.caption}
        found.setdefault(chart.section, []).append(shown)
    return found


def _headline(result: SimulationResult) -> list[dict[str, str | None]]:
    m = result.metrics
    details = {
        "output_tokens_per_s": f"{significant(m.total_tokens_per_s)} tokens/s with prompts",
        "ttft_s": f"p99 {seconds(m.ttft_s.p99)}",
        "tpot_s": f"p99 {seconds(m.tpot_s.p99)}",
        "usd_per_million_tokens": "no price is known"
        if result.usd_per_device_hour is None
        else f"at this load; {money(result.usd_per_device_hour)} an hour and device",
        "best_usd_per_million_tokens": str(result.best_within),
        "joules_per_output_token": f"{humane(result.power_w_per_device, 'W')} a device",
    }
    return [
        {
            "label": figure.label,
            "value": figure.number(result.figures.get(figure.key)),
            "unit": "" if result.figures.get(figure.key) is None else figure.unit_words or "mean",
            "interval": interval(result, figure.key),
            "detail": details[figure.key],
        }
        for figure in compared([result])
    ]


def _facts(result: SimulationResult) -> list[tuple[str, str]]:
    m = result.metrics
    finished = max(m.finished, 1)
    facts = [
        ("Model", f"{result.model_title}, weights {humane(result.weight_bytes, 'B')} a device"),
        ("Precision", f"{result.precision}, cache {result.kv_precision}"),
        ("Hardware", devices_words(result)),
        ("Engine", result.engine),
        ("Workload", result.workload),
        ("Requests", f"{m.requests:,}, of which {m.finished:,} finished"),
        ("Rejected", f"{m.rejected:,}" if m.rejected else ""),
        ("Mean request", f"{m.input_tokens / finished:,.0f} tokens in, "
                         f"{m.output_tokens / finished:,.0f} out"),
        ("Load", f"{significant(m.requests_per_s)} requests/s for {seconds(m.makespan_s)}"),
        ("Within objectives", "" if m.goodput_requests_per_s is None or not m.requests_per_s
         else f"{percent(m.goodput_requests_per_s / m.requests_per_s)} of requests "
              f"({_objectives(result)})"),
        ("Cache in use", f"at most {percent(m.peak_kv_fraction)} of "
                         f"{result.kv_capacity_tokens:,} tokens"),
        ("Prompts from cache", percent(m.cached_tokens / max(m.input_tokens, 1))
         if m.cached_tokens else ""),
        ("Preemptions", f"{m.preemptions:,}"),
        ("Busy", f"{busy_words(result)}; {percent(m.prefill_share)} of the time for prompts"),
    ]  # fmt: skip
    return [(name, value) for name, value in facts if value]


def _objectives(result: SimulationResult) -> str:
    limits = result.objectives
    named = (("TTFT", limits.ttft_s), ("TPOT", limits.tpot_s), ("end to end", limits.e2e_s))
    return ", ".join(f"{name} ≤ {seconds(limit)}" for name, limit in named if limit is not None)


def _latencies(result: SimulationResult) -> list[dict[str, str]]:
    return [
        {
            "label": FIGURE[mean].label,
            "mean": FIGURE[mean].show(result.figures[mean]),
            "interval": interval(result, mean),
            "p50": FIGURE[p50].show(result.figures[p50]),
            "p90": FIGURE[p90].show(result.figures[p90]),
            "p99": FIGURE[p99].show(result.figures[p99]),
        }
        for mean, p50, p90, p99 in LATENCIES
    ]


def _step(binding: Binding, index: int) -> dict[str, Any]:
    context = f"{binding.context:,.0f}"
    if binding.phase == "prefill":
        work = f"one prompt of {context} tokens"
    else:
        work = f"batch {significant(binding.batch)}, {context} tokens of context each"
    return {
        "phase": binding.phase,
        "colour": f"var(--c-{(style.DECODE if index else style.PREFILL)[1:]})",
        "work": work,
        "time": seconds(binding.step_time_s),
        "bound": binding.bound,
        "operators": binding.operators,
    }


def _operator_sources(result: SimulationResult) -> list[str]:
    operators = (*result.prefill.operators, *result.decode.operators)
    return list(dict.fromkeys(op.source for op in operators))


def _cost(result: SimulationResult) -> list[tuple[str, str]]:
    m, usd = result.metrics, result.usd_per_million_tokens
    basis = [("Basis", str(result.price_basis))]
    if usd is None:
        near = result.price_nearest
        return [*basis, ("Price", "no offer"), *([("Nearest basis", near)] if near else [])]
    total = usd * (m.input_tokens + m.output_tokens) / 1e6
    between_ends = interval(result, "usd_per_device_hour")
    spread = f" ({between_ends})" if between_ends else ""
    rows = [
        *basis,
        ("Price of a device", f"{money(result.usd_per_device_hour)} an hour{spread}"),
        ("Where from", str(result.price_origin)),
        ("This run", f"{money(total)} for {result.devices} × {seconds(m.makespan_s)}"),
        ("At this load", f"{money(usd)} per million tokens; {token_words(result)}"),
        ("At best", f"{money(result.best_usd_per_million_tokens)} per million tokens; "
                    f"{token_words(result, 'best_')}; {result.best_within}"
         if result.best_within else ""),
        ("Divided", str(result.cost_rule)),
    ]  # fmt: skip
    rows = [(name, words) for name, words in rows if words]
    rows += [
        ("On another basis", f"{cost.basis}: {money(cost.usd_per_million_tokens)} per million "
                             f"tokens{f' ({cost.mark})' if cost.mark else ''}")
        for cost in result.elsewhere
    ]  # fmt: skip
    return rows


def _every_dollar(result: SimulationResult) -> list[tuple[str, str]]:
    """What every dollar goes to, and how it comes about."""
    total = sum(line.usd_per_s for line in result.breakdown)
    return [
        (
            line.name,
            f"{money(3600.0 * line.usd_per_s)} an hour, {percent(line.usd_per_s / total)}: "
            f"{line.formula}",
        )
        for line in result.breakdown
        if line.usd_per_s
    ]


def _energy(result: SimulationResult) -> list[tuple[str, str]]:
    m = result.metrics
    wall, site = result.wall_joules_per_output_token, result.site_joules_per_output_token
    return [
        ("Per output token", humane(result.joules_per_output_token, "J")),
        ("Per token with prompts", humane(result.joules_per_total_token, "J")),
        ("Per request", humane(m.energy_j / max(m.finished, 1), "J")),
        (
            "Mean power",
            f"{humane(m.power_w, 'W')}, {humane(result.power_w_per_device, 'W')} a device",
        ),
        ("This run", f"{humane(m.energy_j / 3600, 'Wh')}"),
        ("At the plug", f"{humane(result.wall_power_w, 'W')}, "
                        f"{FIGURE['wall_joules_per_output_token'].show(wall)} per output token"),
        ("Of the site", f"{humane(result.site_power_w, 'W')} with network and cooling, "
                        f"{FIGURE['site_joules_per_output_token'].show(site)} per output token"),
    ]  # fmt: skip


_LINK = re.compile(r"https?://[^\s)>,;]+")


def _linked(source: str) -> list[tuple[str, str | None]]:
    """A source in pieces of (text, address to link it to)."""
    pieces: list[tuple[str, str | None]] = []
    at = 0
    for match in _LINK.finditer(source):
        pieces += [(source[at : match.start()], None), (match.group(), match.group())]
        at = match.end()
    return [*pieces, (source[at:], None)]
