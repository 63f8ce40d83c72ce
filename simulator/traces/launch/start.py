"""Where a server's own arguments begin in a command: after its name, or a container's image."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import itemgetter
from pathlib import PurePosixPath

from simulator.errors import InputError
from simulator.traces.launch.shell import LINE, Command
from simulator.traces.launch.shell import commands as commands_in
from simulator.traces.launch.table import engines, known


@dataclass(frozen=True, slots=True)
class Start:
    """A command that starts a server.

    Args:
        engine: which one.
        arguments: what follows its name.
        environment: variables that are set for it.
        files: files that were written before, by name.
        before: words of other programs in front of it (numactl, docker run, …).
    """

    engine: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    files: Mapping[str, str]
    before: tuple[str, ...] = ()


def start_in(commands: Sequence[Command], engine: str | None = None) -> Start:
    """The one command among ``commands`` that starts a server, of ``engine`` where that is named.

    Raises:
        InputError: none does, or several do.
    """
    wanted = engines() if engine is None else (known(engine).table.engine,)
    given = [*commands, *(each for command in commands for each in _within(command))]
    found = [start for command in given for start in _starts(command, wanted)]
    if not found:
        found = [start for command in commands for start in _containers(command, wanted)]
    if len(found) == 1:
        return found[0]
    begins = "; ".join(known(name).table.starts[0] for name in wanted)
    if found:
        raise InputError(
            f"{len(found)} commands start a server", file=LINE, remedy="give one at a time"
        )
    said = " ".join(commands[0].words)[:60] if commands else ""
    raise InputError(
        f"no command in it starts a server: {said!r}", file=LINE,
        remedy=f"a line begins with: {begins}; or is a docker run of its image",
    )  # fmt: skip


def _within(command: Command) -> Iterator[Command]:
    """Commands that a command gives to a shell: ``bash -c "…"``."""
    for flag, text in pairwise(command.words):
        if flag in ("-c", "-lc", "-ec"):
            for each in commands_in(text):
                yield replace(
                    each,
                    environment={**command.environment, **each.environment},
                    files={**command.files, **each.files},
                )


def _starts(command: Command, wanted: Sequence[str]) -> Iterator[Start]:
    for engine in wanted:
        table = known(engine).table
        places = (_place_of(start, command.words) for start in table.starts)
        place = max((p for p in places if p is not None), key=itemgetter(1), default=None)
        if place is not None:
            begin, end = place
            yield Start(
                engine, command.words[end:], command.environment, command.files,
                command.words[:begin],
            )  # fmt: skip
            return


def _place_of(start: str, words: Sequence[str]) -> tuple[int, int] | None:
    """Where the words of ``start`` stand among ``words``, the first by its file name alone.

    Of a module it is where ``-m`` names it, whichever Python runs it with whatever flags.
    """
    sought = start.split()
    if sought[0] == "python":
        found = _place_of_words(sought[1:], words)
        pythons = [i for i, word in enumerate(words) if PurePosixPath(word).name[:6] == "python"]
        if found is None or not pythons or pythons[0] > found[0]:
            return None
        return pythons[0], found[1]
    return _place_of_words(sought, words)


def _place_of_words(sought: Sequence[str], words: Sequence[str]) -> tuple[int, int] | None:
    for i in range(len(words) - len(sought) + 1):
        here = [PurePosixPath(words[i]).name, *words[i + 1 : i + len(sought)]]
        if here == list(sought):
            return i, i + len(sought)
    return None


_PLAIN_FLAGS = frozenset({
    "--rm", "--detach", "--interactive", "--tty", "--privileged", "--init", "--read-only",
    "--publish-all", "--quiet", "--no-healthcheck", "--oom-kill-disable", "--sig-proxy",
    "--disable-content-trust",
})  # fmt: skip
"""Flags of ``docker run`` that no value follows; letters of ``-itdP`` neither."""


def _containers(command: Command, wanted: Sequence[str]) -> Iterator[Start]:
    words = command.words
    runner = next((i for i, w in enumerate(words) if w in ("docker", "podman", "nerdctl")), None)
    if runner is None or words[runner + 1 : runner + 2] != ("run",):
        return
    environment = dict(command.environment)
    i = runner + 2
    while i < len(words) and words[i].startswith("-"):
        word = words[i]
        letters = set(word[1:]) <= set("itdP") and not word.startswith("--")
        value = "" if word in _PLAIN_FLAGS or letters or "=" in word else words[i + 1 : i + 2]
        if word in ("-e", "--env") and value:
            name, _, content = value[0].partition("=")
            environment[name] = content
        i += 2 if value else 1
    if i >= len(words):
        return
    image = words[i].partition("@")[0].rpartition(":")[0] or words[i]
    for engine in wanted:
        if image.endswith(known(engine).table.images):
            yield Start(engine, words[i + 1 :], environment, command.files, words[: i + 1])
            return
