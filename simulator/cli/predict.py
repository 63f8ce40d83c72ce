"""``roofsim predict``: one engine step or one serving point, or a whole table of cases."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.cli import options as opt
from simulator.errors import InputError


def predict(
    hardware: Annotated[
        str | None,
        typer.Option("--hardware", "-w", help="Device name, name:engine, or a YAML file."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Model name, Hugging Face id, or a config.json."),
    ] = None,
    phase: Annotated[str, typer.Option(help="decode, prefill or serve.")] = "decode",
    batch: Annotated[int, typer.Option(help="Sequences of the step.", min=1)] = 1,
    context: Annotated[
        int, typer.Option(help="Tokens each sequence holds (decode) or prompts (prefill).", min=1)
    ] = 1024,
    isl: Annotated[int, typer.Option(help="serve: input tokens of a request.", min=1)] = 1024,
    osl: Annotated[int, typer.Option(help="serve: output tokens of a request.", min=1)] = 128,
    concurrency: Annotated[
        int | None, typer.Option(help="serve: users in a closed loop.", min=1)
    ] = None,
    rate: Annotated[float | None, typer.Option(help="serve: Poisson requests a second.")] = None,
    requests: Annotated[
        int | None, typer.Option(help="serve: requests to simulate.", min=1)
    ] = None,
    length_spread: Annotated[
        float, typer.Option(help="serve: draw lengths from (1 - spread) up.", min=0, max=1)
    ] = 0.0,
    distinct_prompts: Annotated[
        int | None,
        typer.Option(help="serve: so many prompts are repeated; else all differ.", min=1),
    ] = None,
    precision: opt.Precision = None,
    kv_precision: opt.KvPrecision = None,
    engine: opt.ServingEngine = None,
    devices: opt.Devices = None,
    tp: opt.Tp = None,
    pp: opt.Pp = None,
    ep: opt.Ep = None,
    dp: opt.Dp = None,
    settings: opt.Settings = None,
    cases: Annotated[
        Path | None, typer.Option(help="CSV of cases; columns are these flags.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV for the answers of --cases.")
    ] = None,
    operators: Annotated[
        bool, typer.Option("--operators", help="Show every operator of the step.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Predict a decode step, a prefill, or a serving point, without a scenario file."""
    if cases is not None:
        _predict_cases(cases, out, as_json)
        return
    if hardware is None or model is None:
        missing = "hardware" if hardware is None else "model"
        raise InputError(
            f"--{missing} is missing", remedy="name both, or give a table with --cases"
        )
    from simulator.simulate.predict import predict as predict_one

    deployment: dict[str, Any] = opt.deployment_fields(
        precision=precision, kv_precision=kv_precision, engine=engine,
        devices=devices, tp=tp, pp=pp, ep=ep, dp=dp,
    )  # fmt: skip
    deployment = opt.with_settings(deployment, settings)
    answer = predict_one(
        hardware, model, phase=phase, batch=batch, context=context, isl=isl, osl=osl,
        concurrency=concurrency, rate=rate, requests=requests, length_spread=length_spread,
        distinct_prompts=distinct_prompts, **deployment,
    )  # fmt: skip
    if as_json:
        opt.print_json(answer.to_dict())
        return
    from simulator.cli.show import show_operators, show_prediction

    show_prediction(answer)
    if operators:
        from simulator.simulate.predict import explain

        show_operators(explain(hardware, model, phase, batch, context, **deployment))


def _predict_cases(path: Path, out: Path | None, as_json: bool) -> None:
    from simulator.cli.show import write_csv
    from simulator.simulate.cases import answered_rows, predict_cases, read_cases

    columns, rows = read_cases(path)
    answers = predict_cases(rows)
    header, answered = answered_rows(columns, rows, answers)
    failed = sum(isinstance(a, InputError) for a in answers)
    if as_json:
        opt.print_json({"rows": list(answered)})
    else:
        write_csv(header, answered, out)
    if failed:
        print(
            f"roofsim: {failed} of {len(rows)} rows have no answer; see their error column",
            file=sys.stderr,
        )
