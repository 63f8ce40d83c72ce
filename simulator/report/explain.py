"""Where every dollar of an answer goes: lines with formula and source, and who carries them."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from simulator.report.tables import Column, table
from simulator.simulate.answer import Answer
from simulator.simulate.figures import FIGURE
from simulator.units import money, percent


def explained(answer: Answer) -> RenderableType:
    """What ``--explain`` prints: every line of the cost, their sum, and how tokens share it."""
    if not answer.breakdown:
        return Text(f"no price: {answer.price_basis}", style="dim")
    rows, cited = [], list(dict.fromkeys(line.source for line in answer.breakdown))
    total = sum(line.usd_per_s for line in answer.breakdown)
    per_million = answer.figures.get("usd_per_million_tokens")
    for line in answer.breakdown:
        share = line.usd_per_s / total if total else 0.0
        each = None if per_million is None else money(share * per_million)
        source = f"[{cited.index(line.source) + 1}]"
        usd = money(3600.0 * line.usd_per_s)
        rows.append((line.name, usd, percent(share), each, line.formula, source))
    rows.append(("together", money(3600.0 * total), percent(1.0), money(per_million), "", ""))
    columns = [Column("every dollar", wrap=True), Column("$ an hour", "right")]
    columns += [Column("share", "right"), Column("$ per M tokens", "right")]
    columns += [Column("formula", wrap=True), Column("source", "right")]
    parts: list[RenderableType] = [table(columns, rows), Text()]
    parts.append(Text(f"Divided {answer.cost_rule}:"))
    parts += [Text(f"  {sentence}") for sentence in _divided(answer)]
    parts.append(Text())
    parts += [Text(f"[{i}] {source}", style="dim") for i, source in enumerate(cited, start=1)]
    return Group(*parts)


def _divided(answer: Answer) -> Iterator[str]:
    """What each kind of token costs, as its share over how many there are."""
    figures = answer.figures
    total = 3600.0 * sum(line.usd_per_s for line in answer.breakdown)
    for kind, key in _KINDS:
        per_million = figures.get(f"usd_per_million_{key}tokens")
        if per_million is None or not per_million or not total:
            continue
        share = figures[f"cost_share_{key.removesuffix('_')}"] if key else 1.0
        millions = share * total / per_million
        yield (
            f"{kind}: {percent(share)} of {money(total)}/h over {millions:.4g} M tokens an hour = "
            f"{FIGURE['usd_per_million_tokens'].show(per_million)} per M"
        )


_KINDS = (
    ("uncached input", "input_"),
    ("cached input", "cached_input_"),
    ("output", "output_"),
    ("all", ""),
)


def breakdown_rows(answer: Answer) -> list[dict[str, Any]]:
    """The same lines as plain values for JSON."""
    return [asdict(line) for line in answer.breakdown]
