"""Where output goes: the terminal as wide as it is, anything else wide enough for whole tables."""

import sys

from rich.console import Console
from rich.table import Table

PIPED_WIDTH = 160


def console() -> Console:
    """A console for stdout; not a terminal means a file or a program, which does not wrap."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def table(left: tuple[str, ...], right: tuple[str, ...] = (), rest: tuple[str, ...] = ()) -> Table:
    """A table without lines: texts left, numbers right, and last the columns that may wrap."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for name in left:
        made.add_column(name, no_wrap=True)
    for name in right:
        made.add_column(name, justify="right", no_wrap=True)
    for name in rest:
        made.add_column(name, overflow="fold")
    return made
