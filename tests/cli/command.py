"""The command line, called in this process: what a shell would see of it."""

import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

import pytest

from simulator.cli import main


def roofsim(*arguments: object, cwd: Path | None = None) -> CompletedProcess[str]:
    """Exit code, output and errors of a command, run where nothing lies but what it makes itself.

    What spares a process that ends soon its tidying up is left out: this one goes on.
    """
    command = ["roofsim", *map(str, arguments)]
    out, err = StringIO(), StringIO()
    with TemporaryDirectory() as elsewhere, pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd or elsewhere)
        patch.setattr(sys, "argv", command)
        patch.setattr(main, "make_short_lived", lambda: None)
        with redirect_stdout(out), redirect_stderr(err):
            code = _exit_code()
    return CompletedProcess(command, code, out.getvalue(), err.getvalue())


def _exit_code() -> int:
    """What Python would end with: 1 and a traceback for what nobody caught."""
    try:
        main.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    return 0
