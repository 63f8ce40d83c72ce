"""Printing the price book for people."""

from rich.text import Text

from simulator.cli.console import console
from simulator.planning.price_list import BasisRow, PriceList, TokenRow
from simulator.report.tables import Column, table
from simulator.units import between, money, percent


def price_list(found: PriceList, is_of_one: bool) -> None:
    """Every offer with its source, and what the offers come to on each basis."""
    screen = console()
    cited = list(dict.fromkeys(row.source for row in found.offers))
    rows = [
        (
            *(() if is_of_one else (row.device,)),
            row.provider,
            row.region or "",
            row.term,
            row.unit or "",
            row.devices,
            "" if row.usd_per_device_hour is None else money(row.usd_per_device_hour),
            "" if row.usd_per_device is None else money(row.usd_per_device),
            "estimate" if row.estimate else "+".join(row.includes) or "device alone",
            row.date,
            f"[{cited.index(row.source) + 1}]",
            row.note or "",
        )
        for row in found.offers
    ]
    left = ([] if is_of_one else ["device"]) + ["provider", "region", "term", "unit"]
    columns = [Column(name, wrap=name == "unit") for name in left]
    columns += [Column(n, "right") for n in ("devices", "$ an hour\nand device", "$ a device")]
    columns += [Column("includes"), Column("date"), Column("source", "right")]
    columns.append(Column("note", wrap=True))
    if rows:
        screen.print(table(columns, rows))
    for number, source in enumerate(cited, start=1):
        screen.print(Text(f"[{number}] {source}", style="dim"))
    if is_of_one and found.bases:
        screen.print()
        _bases(found.bases)
    for device, reason in found.not_sold.items():
        screen.print(f"{device}: not sold: {reason}")
    if found.tokens:
        if rows:
            screen.print()
        _tokens(found.tokens)
    if not rows and not found.not_sold and not found.tokens:
        screen.print("nobody has published a price")


def _tokens(found: tuple[TokenRow, ...]) -> None:
    """What APIs ask for a million tokens."""
    screen = console()
    cited = list(dict.fromkeys(row.source for row in found))
    columns = [Column(name) for name in ("API", "model", "serves", "hours")]
    columns += [Column(f"$ per M\n{name}", "right") for name in ("input", "cached", "output")]
    columns += [Column("off in\nbatches", "right"), Column("date"), Column("source", "right")]
    columns.append(Column("note", wrap=True))
    rows = [
        (
            row.provider,
            row.model,
            row.serves or "",
            row.hours or "",
            money(row.usd_per_million_input_tokens),
            money(row.usd_per_million_cached_input_tokens),
            money(row.usd_per_million_output_tokens),
            percent(row.batch_discount),
            row.date,
            f"[{cited.index(row.source) + 1}]",
            row.note or "",
        )
        for row in found
    ]
    screen.print(table(columns, rows))
    for number, source in enumerate(cited, start=1):
        screen.print(Text(f"[{number}] {source}", style="dim"))


def _bases(found: tuple[BasisRow, ...]) -> None:
    screen = console()
    columns = [Column("basis"), Column("an hour", "right"), Column("80 % interval", "right")]
    columns += [Column("offers", "right"), Column("providers", wrap=True), Column("dates")]
    rows = [
        (
            row.basis,
            f"{money(row.usd_per_device_hour)}",
            between(money(row.low), money(row.high)) if row.high > row.low else row.mark,
            row.offers,
            ", ".join(row.providers),
            row.dates,
        )
        for row in found
    ]
    screen.print(
        table([*columns, Column("")], [(*r, f.mark) for r, f in zip(rows, found, strict=True)])
    )
    for row in found:
        if len(row.lines) < 2:
            continue
        screen.print()
        screen.print(f"An hour of work, {row.basis}:")
        cited = list(dict.fromkeys(source for _, _, source in row.lines))
        parts = [(n, money(usd), f"[{cited.index(s) + 1}]") for n, usd, s in row.lines]
        parts.append(("together", money(row.usd_per_device_hour), ""))
        parts.append(("and for a kWh that it draws", money(row.usd_per_kwh), ""))
        screen.print(table([Column(""), Column("$", "right"), Column("source", "right")], parts))
        for number, source in enumerate(cited, start=1):
            screen.print(Text(f"[{number}] {source}", style="dim"))
