"""The command line: one sub-command a file, and one place where errors become exit codes."""

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from keyword import iskeyword

import typer

from simulator.cli.short_lived import make_short_lived
from simulator.errors import InputError

COMMANDS = (
    "run", "predict", "compare", "validate", "calibrate", "context", "import", "export",
    "catalogue",
)  # fmt: skip
"""Each is a function, or an ``app`` of sub-commands, in the module of its name.

What Python keeps for itself has an underscore after it there.
"""


def build(names: Iterable[str]) -> typer.Typer:
    """The command line with the commands of these names."""
    app = typer.Typer(
        name="roofsim",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Predict tokens/s, $/token and J/token of LLM inference on any chip.",
    )
    app.callback()(_roofsim)
    for name in names:
        spelled = f"{name}_" if iskeyword(name) else name
        module = import_module(f"simulator.cli.{spelled}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, spelled))
    return app


def _roofsim() -> None:
    """Predict tokens/s, $/token and J/token of LLM inference on any chip."""


def main() -> None:
    """Run the command: exit code 0 on success, 2 on bad input, 1 on an internal failure."""
    make_short_lived()
    # What one command needs is imported for it alone; the list of all needs them all.
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    try:
        build(asked or COMMANDS)()
    except InputError as error:
        print(f"roofsim: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output (head, say) has gone; keep Python from complaining about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
