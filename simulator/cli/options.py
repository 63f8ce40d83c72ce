"""Flags that several commands share, spelled once."""

import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from simulator.simulate.prediction import Prediction

ScenarioName = Annotated[
    str | None,
    typer.Argument(
        metavar="SCENARIO",
        help="A scenario file, or a built-in one's name, or none beside --launch.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder for the report; out/NAME unless --json is given."),
]
Explain = Annotated[
    bool,
    typer.Option("--explain", help="Print what every dollar goes to, with formula and source."),
]
ChartFolder = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for charts; none are drawn without.")
]


@contextmanager
def report_folder(folder: Path | None, names: Collection[str]) -> Iterator[None]:
    """Keep ``folder`` for the files of this command, which takes long to know what is in them.

    Raises:
        InputError: the folder cannot be written, or another run is about to.
    """
    if folder is None:
        yield
        return
    from simulator.files.locks import reserved
    from simulator.files.whole_folder import check_folder

    with reserved(folder):
        check_folder(folder, names)
        yield


def folder_for(out: Path | None, name: str, as_json: bool) -> Path | None:
    """Where a report goes: where the user said, a folder of its own, or nowhere for --json."""
    return out or (None if as_json else Path("out") / name)


def print_json(content: object) -> None:
    """One JSON object on stdout."""
    json.dump(content, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_prediction(
    found: "Prediction", as_json: bool, explain: bool, more: Mapping[str, object] | None = None
) -> None:
    """A prediction, and with ``explain`` what every dollar of it goes to; ``more`` is for JSON."""
    if as_json:
        from simulator.report.explain import breakdown_rows

        every_dollar = {"breakdown": breakdown_rows(found)} if explain else {}
        print_json(found.to_dict() | every_dollar | dict(more or {}))
        return
    from simulator.cli.show import show_prediction

    show_prediction(found)
    if explain:
        from simulator.cli.console import console
        from simulator.report.explain import explained

        console().print(explained(found))


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing.

    Raises:
        InputError: the path cannot be written.
    """
    from simulator.files.whole_file import whole_file

    with whole_file(path, "out") as file:
        file.write(text)


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
