"""Flags that several commands share, spelled once."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Hardware = Annotated[
    str, typer.Option("--hardware", "-w", help="Device name, name:engine, or a YAML file.")
]
Model = Annotated[
    str, typer.Option("--model", "-m", help="Model name, Hugging Face id, or a config.json.")
]
Precision = Annotated[str | None, typer.Option(help="Weights: bf16, fp8, w4a16, nvfp4, …")]
KvPrecision = Annotated[str | None, typer.Option(help="Cache: bf16, fp8, int8, …")]
ServingEngine = Annotated[str | None, typer.Option(help="vllm, sglang, trtllm, llamacpp, …")]
Devices = Annotated[int | None, typer.Option(help="Devices of the whole deployment.", min=1)]
Tp = Annotated[int | None, typer.Option(help="Tensor parallelism.", min=1)]
Pp = Annotated[int | None, typer.Option(help="Pipeline parallelism.", min=1)]
Ep = Annotated[int | None, typer.Option(help="Expert parallelism.", min=1)]
Dp = Annotated[int | None, typer.Option(help="Data-parallel attention.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder for the report; out/NAME unless --json is given."),
]
ChartFolder = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for charts; none are drawn without.")
]
TraceFile = Annotated[
    Path | None, typer.Option("--trace", help="Azure CSV or Mooncake JSONL to replay.")
]


Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any further field, as often as needed."),
]


def with_settings(content: dict[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """``content`` with every ``field=value`` of ``--set`` put in its place."""
    from simulator.specs.reading import put, read_setting

    for text in settings or ():
        put(content, *read_setting(text))
    return content


def deployment_fields(**flags: object) -> dict[str, object]:
    """The flags that were given, under their names in a deployment."""
    return {name: value for name, value in flags.items() if value is not None}


def scenario_overrides(
    hardware: str | None,
    model: str | None,
    trace: Path | None,
    deployment: dict[str, object],
    settings: list[str] | None,
) -> dict[str, Any]:
    """Flags as overrides of a scenario file's fields."""
    from simulator.specs.reading import read_setting

    found: dict[str, Any] = {f"deployment.{k}": v for k, v in deployment.items()}
    found |= dict(read_setting(text) for text in settings or ())
    if hardware is not None:
        found["hardware"] = hardware
    if model is not None:
        found["model"] = model
    if trace is not None:
        found["workload"] = {"kind": "trace", "file": str(trace.resolve())}
    return found


def report_folder(out: Path | None, name: str, as_json: bool) -> Path | None:
    """Where the report goes: where the user said, a folder of its own, or nowhere for --json.

    Raises:
        InputError: the folder cannot be written; told before anything long runs.
    """
    folder = out or (None if as_json else Path("out") / name)
    if folder is not None:
        from simulator.report.write import check_writable

        check_writable(folder)
    return folder


def print_json(content: object) -> None:
    """One JSON object on stdout."""
    json.dump(content, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing.

    Raises:
        InputError: the path cannot be written.
    """
    from simulator.files import whole_file

    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def progress_bar(label: str, quiet: bool) -> "ProgressBar":
    """A bar on a terminal; nothing where output is piped or JSON."""
    return ProgressBar(label, shown=not quiet and sys.stderr.isatty())


class ProgressBar:
    """A rich progress bar on stderr, or nothing at all."""

    def __init__(self, label: str, shown: bool) -> None:
        self._label = label
        self._shown = shown
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Callable[[int, int], None] | None:
        if not self._shown:
            return None
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(self._label, total=None)
        return self._update

    def _update(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
