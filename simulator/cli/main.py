"""The command line: one sub-command a file, and one place where errors become exit codes."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from keyword import iskeyword
from typing import NoReturn

import typer

from simulator.cli.short_lived import make_short_lived
from simulator.cli.streams import cannot_write, drop_output, open_streams
from simulator.errors import InputError

COMMANDS = (
    "run", "predict", "compare", "plan", "bill", "sensitivity", "sweep", "validate", "calibrate",
    "context", "power", "import", "export", "catalogue",
)  # fmt: skip
"""Each is a function, or an ``app`` of sub-commands, in the module of its name.

What Python keeps for itself has an underscore after it there.
"""


class ReaderGoneError(Exception):
    """Who read our output (head, say) reads no more, which is its right."""


@contextmanager
def _told_apart() -> Iterator[None]:
    """Keep from typer that a reader has gone, which is a failure to it."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderGoneError from None


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
            for command in module.app.registered_commands:
                command.callback = _told_apart()(command.callback)
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(_told_apart()(getattr(module, spelled)))
    return app


def _roofsim() -> None:
    """Predict tokens/s, $/token and J/token of LLM inference on any chip."""


def main() -> None:
    """Run the command: exit code 0 on success, 2 on bad input, 1 on an internal failure."""
    open_streams()
    make_short_lived()
    # What one command needs is imported for it alone; the list of all needs them all.
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    try:
        try:
            build(asked or COMMANDS)()
        finally:
            sys.stdout.flush()
    except InputError as error:
        _end(f"{error}", 2)
    except (ReaderGoneError, BrokenPipeError):
        drop_output()
        sys.exit(0)
    except OSError as error:
        if not cannot_write(error):
            _end(_internal(error), 1)
        drop_output()
        _end(f"standard output: cannot be written: {error.strerror}", 2)
    except Exception as failure:
        _end(_internal(failure), 1)


def _internal(failure: Exception) -> str:
    # What a report needs is imported for one alone.
    from simulator.cli.failure import describe

    return describe(failure)


def _end(message: str, code: int) -> NoReturn:
    print(f"roofsim: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
