"""``roofsim predict``: one step or one serving point, or a table of them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli import options as opt
from simulator.cli.question import Asked, asks
from simulator.errors import InputError


@asks("trace")
def predict(
    asked: Asked,
    cases: Annotated[
        Path | None, typer.Option(help="CSV of cases; columns are these flags, or paths of --set.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of --cases that is no field, to be kept."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV for the answers of --cases.")
    ] = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Show where the time of the step goes.")
    ] = False,
    explain: opt.Explain = False,
    as_json: opt.Json = False,
) -> None:
    """Predict a decode step, a prefill, or a serving point, without a scenario file."""
    if cases is not None:
        for flag, given in (("--operators", operators), ("--explain", explain)):
            if given:
                raise InputError("goes with one question", file=flag, remedy="leave it out")
        _predict_cases(asked, cases, keep or [], out, as_json)
        return
    for flag, value in (("--keep", keep), ("--out", out)):
        if value:
            raise InputError("goes with --cases", file=flag, remedy="leave it out")
    missing = {"hardware", "model"} - {change.path.split(".")[0] for change in asked.all_changes}
    if missing:
        raise InputError(
            f"--{sorted(missing)[0]} is missing", remedy="name both, or give a table with --cases"
        )
    from simulator.simulate.predict import answer, operators_of

    scenario = asked.point()
    found = answer(scenario)
    rows = operators_of(scenario) if operators else []
    steps = {"operators": [row.to_dict() for row in rows]} if operators else {}
    opt.print_prediction(found, as_json, explain, steps)
    if operators and not as_json:
        from simulator.cli.show import show_operators

        show_operators(rows)


def _predict_cases(
    asked: Asked, path: Path, keep: list[str], out: Path | None, as_json: bool
) -> None:
    from simulator.cli.show import table_file, write_csv
    from simulator.simulate.case_files import answered_rows, faults, read_cases
    from simulator.simulate.cases import predict_cases

    if as_json and out is not None:
        raise InputError("goes with CSV", file="--out", remedy="leave out --json or --out")
    changes = asked.of_a_table()
    table = read_cases(path, keep, changes)
    table.refuse_without_effect(asked.changes)
    with table_file(out) as file:
        answers = predict_cases(table.questions(), changes)
        header, answered = answered_rows(table, answers)
        if as_json:
            opt.print_json({"rows": list(answered)})
        else:
            write_csv(header, answered, file)
    failed = sum(isinstance(a, Exception) for a in answers)
    if failed:
        print(
            f"roofsim: {failed} of {len(answers)} rows have no answer; see their error column",
            file=sys.stderr,
        )
    for failure in faults(answers):
        # The rows are written; how the program failed at one of them is told like any failure.
        raise failure
