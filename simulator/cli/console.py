"""Where output goes: the terminal as wide as it is, anything else wide enough for whole tables."""

import sys

from rich.console import Console

PIPED_WIDTH = 160


def console() -> Console:
    """A console for stdout; not a terminal means a file or a program, which does not wrap."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
