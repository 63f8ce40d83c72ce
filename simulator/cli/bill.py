"""``roofsim bill``: a month's bill for a traffic forecast, and what it is set against."""

import sys
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks


@asks(section="bill")
def bill(
    asked: Asked,
    scenario: opt.ScenarioName = None,
    *,
    out: opt.ChartFolder = None,
    as_json: opt.Json = False,
    workers: Annotated[int, typer.Option(help="Processes; -1 uses every core.")] = -1,
) -> None:
    """Write the bill of months of traffic: own systems, APIs, break-even, migration, routing.

    A scenario without a model, hardware and workload is a bill of plain arithmetic.
    """
    from simulator.planning.bill.answer import bill as bill_of
    from simulator.planning.bill.write import FILES, write_bill

    question = asked.bill(scenario)
    with opt.report_folder(out, FILES):
        found = bill_of(question, workers=workers)
        if out is not None:
            for path in write_bill(found, out):
                print(path, file=sys.stderr)
    if as_json:
        opt.print_json(found.to_dict())
        return
    from simulator.cli.show_bill import show

    show(found)
