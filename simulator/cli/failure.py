"""What is said of a fault of the program's own, and how to report it."""

import platform
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile

from simulator.errors import printable

_PACKAGE = Path(__file__).resolve().parent.parent


def describe(failure: Exception) -> str:
    """What failed, where in the program, and how to report it; a few lines for stderr."""
    if isinstance(failure, MemoryError):
        return "out of memory\n  ask for less: fewer requests, rows or devices"
    what = printable(f"{type(failure).__name__}: {failure}".rstrip(": "))
    return f"internal failure: {what}\n  at {_place(failure)}\n  {_how_to_report(failure)}"


def _place(failure: Exception) -> str:
    frames = traceback.extract_tb(failure.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    for frame in reversed(own):
        return f"{Path(frame.filename).relative_to(_PACKAGE.parent)}, line {frame.lineno}"
    return "an unknown place"


def _how_to_report(failure: Exception) -> str:
    said = "this is a fault of roofsim, not of what you asked; please report it"
    try:
        with NamedTemporaryFile(
            "w", prefix="roofsim-failure-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(_report(failure))
    except OSError:
        return f"{said} with the command"
    return f"{said} with {file.name}, which holds the command and what happened"


def _report(failure: Exception) -> str:
    try:
        own = version("roofsim")
    except PackageNotFoundError:
        own = "not installed"
    text = "".join(traceback.format_exception(failure))
    command = " ".join(map(ascii, sys.argv))
    return f"roofsim {own}, Python {platform.python_version()}\ncommand: {command}\n\n{text}"
