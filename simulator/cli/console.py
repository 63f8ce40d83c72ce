"""Where output goes: the terminal as wide as it is, anything else wide enough for whole tables."""

import sys

from rich.console import Console

PIPED_WIDTH = 160


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to whoever called the command to say that its reader has gone."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """A console for one stream; not a terminal means a file or a program, which does not wrap."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return _Console(stderr=stderr, width=None if is_terminal else PIPED_WIDTH, highlight=False)
