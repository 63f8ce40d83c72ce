"""A bill in a folder: its numbers as JSON and CSV, and two charts."""

from functools import partial
from pathlib import Path

from simulator.economics.curve import Curve
from simulator.planning.bill.answer import OWN, BillAnswer
from simulator.planning.bill.months import Month
from simulator.report.charts import bill as charts
from simulator.report.write import csv_bytes, images, json_bytes, write_files
from simulator.units import humane, money

FILES = ("bill.json", "bill.csv")
"""Files of the folder beside its charts."""


def write_bill(found: BillAnswer, folder: Path) -> list[Path]:
    """Write ``bill.json``, ``bill.csv`` with a row a month, and the charts, as SVG and PNG.

    Raises:
        InputError: the folder cannot be written.
    """
    document, rows = FILES
    title = f"{money(found.usd)} over {len(found.months)} months"
    months = charts.months(
        title,
        found.title,
        [month.parts for month in found.months],
        {row.name: [month.against[row.name] for month in found.months] for row in found.compared},
    )
    contents = {
        document: json_bytes(found.to_dict()),
        rows: csv_bytes([_row(month) for month in found.months]),
        **images("months", months, f"{found.title}: {title}, by what dollars are paid for"),
    }
    if found.compared:
        meetings = {
            row.name: row.break_even_tokens
            for row in found.compared
            if row.break_even_tokens is not None
        }
        volumes = charts.volumes(
            _verdict(found, meetings),
            {name: partial(_usd, curve, found) for name, curve in found.curves.items()},
            [month.tokens for month in found.months],
            meetings,
        )
        contents |= images("volumes", volumes, _verdict(found, meetings))
    return write_files(contents, folder)


def _usd(curve: Curve, found: BillAnswer, tokens: float) -> float:
    return curve.usd(tokens / found.tokens_per_request)


def _verdict(found: BillAnswer, meetings: dict[str, float]) -> str:
    """The finding: up to which volume who is the cheaper."""
    if not meetings:
        if _is_dearest(found):
            return "In every month of the forecast the bill is above every alternative"
        return "At no volume the bill is the same as by an alternative"
    name, tokens = min(meetings.items(), key=lambda item: item[1])
    below = tokens / found.tokens_per_request / 2
    is_other = found.curves[name].usd(below) < found.curves[OWN].usd(below)
    return f"Up to {humane(tokens)} tokens a month {name if is_other else OWN} costs less"


def _is_dearest(found: BillAnswer) -> bool:
    volumes = [month.tokens / found.tokens_per_request for month in found.months]
    own = found.curves[OWN]
    others = [curve for name, curve in found.curves.items() if name != OWN]
    return all(other.usd(v) < own.usd(v) for other in others for v in volumes)


def _row(month: Month) -> dict[str, object]:
    names = (
        "number", "requests", "tokens", "input_tokens", "cached_tokens", "output_tokens",
        "replicas", "devices", "utilisation", "usd", "usd_per_million_tokens",
        "usd_per_million_output_tokens", "revenue", "margin",
    )  # fmt: skip
    found: dict[str, object] = {name: getattr(month, name) for name in names}
    found |= {f"usd of {name}": usd for name, usd in month.parts.items()}
    found |= {f"usd of all by {name}": usd for name, usd in month.against.items()}
    return {name: "" if value is None else value for name, value in found.items()}
