"""The command line: one sub-command a file, and one place where errors become exit codes."""

import os
import sys

import typer

from simulator.cli import calibrate, catalogue, compare, context, export, predict, run, validate
from simulator.cli.short_lived import make_short_lived
from simulator.errors import InputError

app = typer.Typer(
    name="roofsim",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Predict tokens/s, $/token and J/token of LLM inference on any chip.",
)
app.command("run")(run.run)
app.command("predict")(predict.predict)
app.command("compare")(compare.compare)
app.command("validate")(validate.validate)
app.command("calibrate")(calibrate.calibrate)
app.command("context")(context.context)
app.command("export")(export.export)
app.add_typer(catalogue.app, name="catalogue")


def main() -> None:
    """Run the command: exit code 0 on success, 2 on bad input, 1 on an internal failure."""
    make_short_lived()
    try:
        app()
    except InputError as error:
        print(f"roofsim: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output (head, say) has gone; keep Python from complaining about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
