"""How many slips in the laws and in the serving engine do the tests of their rooms notice?

    python benchmarks/mutation.py [--mutants 320] [--seed 1] [--only simulator/roofline/laws]

Cosmic Ray (https://cosmic-ray.readthedocs.io) finds what can be mutated and writes the mutants, in
a copy of the checkout. ``seed`` draws places in the code, and one mutant of each: an operator
turned round, a number one off, a comparison that includes its end, a condition negated. Left out
is what no caller could see (annotations, decorators, ``strict=True`` for what is as long anyway)
and what floats cannot do (``a | b``).

Every mutant meets the tests that reach it, of its room and of the room on top of it, until one
fails; a process forked from one that holds the libraries spares their import. Survivors are printed
as diffs.
"""

import argparse
import ast
import importlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from coverage import CoverageData

ROOT = Path(__file__).resolve().parent.parent

MUTATED = ("simulator/roofline", "simulator/serving")

ROOMS = {
    "simulator/roofline/laws": ("tests/roofline/laws", "tests/roofline/step"),
    "simulator/roofline/device": ("tests/roofline/device", "tests/roofline/step"),
    "simulator/roofline/off_device": ("tests/roofline/off_device",),
    "simulator/roofline/step": ("tests/roofline/step", "tests/roofline/off_device"),
    "simulator/roofline/modes": ("tests/roofline/modes", "tests/roofline/step"),
    "simulator/serving": ("tests/serving",),
}
"""Sources, and the folders of the tests that are about them or build on them."""

BELOW = (
    "hypothesis", "numpy", "scipy.optimize", "scipy.stats", "pydantic", "yaml", "joblib", "simpy",
    "simulator.graph.build", "simulator.specs.catalogue", "simulator.specs.scenario",
)  # fmt: skip
"""Imported once, before any mutant: libraries, and floors that know nothing of those mutated."""

SWAPPED = {
    "BinaryOperator": (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul",
        "BitAnd_BitOr", "BitOr_BitAnd", "LShift_RShift", "RShift_LShift",
    ),
    "ComparisonOperator": (
        "Gt_GtE", "GtE_Gt", "Lt_LtE", "LtE_Lt", "Gt_Lt", "GtE_LtE", "Lt_Gt", "LtE_GtE",
        "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
    ),
    "UnaryOperator": ("Delete_USub", "Delete_Not", "Delete_Invert"),
}  # fmt: skip
OPERATORS = (
    *(f"core/Replace{kind}_{swap}" for kind, swaps in SWAPPED.items() for swap in swaps),
    *(f"core/Replace{swap}" for swap in (
        "AndWithOr", "OrWithAnd", "TrueWithFalse", "FalseWithTrue", "BreakWithContinue",
        "ContinueWithBreak",
    )),
    "core/AddNot", "core/NumberReplacer", "core/ZeroIterationForLoop", "core/ExceptionReplacer",
)  # fmt: skip
"""Slips that somebody could make: of Cosmic Ray's operators those that leave code that runs."""

PLAINLY = (
    "-x", "--hypothesis-seed=0", "--hypothesis-profile=few", "-p", "no:cacheprovider",
    # Where workers might do the testing, coverage does not know which test is running.
    "-p", "no:xdist", "-o", "addopts=--import-mode=importlib",
)  # fmt: skip
"""How tests are run: in one process, and in the same way every time."""

EQUIVALENT = {
    "if compute == memory == most == 1.0 and not families and not shares:":
        "a short cut: scaling by 1 gives the same constants",
    "_CHUNK_ROWS = 8192  # keeps the tiles x products arrays within a few megabytes":
        "memory alone hangs on it",
    "_BATCH_BLOCK = 16": "how many entries of a table are filled at a time",
    "_TOKEN_BLOCK = 128": "the same",
    "_MOST_KEYS = 1 << 14": "how many steps are remembered before all are forgotten",
    "_OFTEN = 4": "how often a step is asked for before it is remembered",
    "_BUFFER = _ROW.size << 14": "how many events are summed at a time",
    "_HALVINGS = 45": "one halving more or less is far below any tolerance",
    "for _ in range(60):": "the same",
    "for _ in range(80):": "the same",
    "_KNUTH = 2654435761": "another hash is as good",
    "_LOW_BITS = 7": "the same",
    "_OWN = 1 << 60": "any number beyond the hashes of shared texts",
}  # fmt: skip
"""Lines whose mutants no caller could tell from what they were, but for time and memory."""

PATIENCE = 1.0
"""Times the processor time of all tests while they are watched: then a mutant hangs, noticed."""


@dataclass(frozen=True)
class Mutant:
    """One change of Cosmic Ray's: the ``occurrence``-th place in ``path`` for its ``operator``."""

    path: Path
    operator: str
    occurrence: int
    line: int
    column: int


def main() -> None:
    """Print the survivors and the share of mutants that are noticed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--mutants", type=int, default=320)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", default="simulator", help="sources whose path begins so")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="roofsim-mutants-") as folder:
        copy = Path(folder) / "checkout"
        _copy(copy)
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        for name in BELOW:
            importlib.import_module(name)
        catalogue = importlib.import_module("simulator.specs.catalogue")
        list(catalogue.all_hardware()), list(catalogue.all_models())
        drawn = _drawn(copy, given.only, given.mutants, given.seed)
        rooms = {_room(mutant.path, copy) for mutant in drawn}
        reached = _reached({t for r in rooms for t in ROOMS[r]}, Path(folder) / "coverage")
        fates: Counter[tuple[str, bool]] = Counter()
        for number, mutant in enumerate(drawn):
            room = _room(mutant.path, copy)
            tests = _tests_of(mutant, reached, ROOMS[room])
            is_noticed, diff = _tried(mutant, tests, reached.limit_s)
            fates[room, is_noticed] += 1
            where = f"{mutant.path.relative_to(copy)}:{mutant.line}"
            if not is_noticed:
                print(f"survived: {where} ({len(tests)} tests)\n{diff}", flush=True)
            elif number % 20 == 0:
                print(f"{number} of {len(drawn)}: {where}", flush=True)
    for room in ROOMS:
        noticed, missed = fates[room, True], fates[room, False]
        print(f"{room}: {noticed} of {noticed + missed}")
    noticed = sum(count for (_, is_noticed), count in fates.items() if is_noticed)
    print(f"all: {noticed} of {fates.total()} mutants noticed, {noticed / fates.total():.1%}")


def _copy(target: Path) -> None:
    """The checkout as it stands, without what git does not know: mutants are written to disk."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _room(path: Path, copy: Path) -> str:
    where = path.relative_to(copy).as_posix()
    for room in ROOMS:
        if where.startswith(room):
            return room
    raise SystemExit(f"no room of benchmarks/mutation.py says which tests are about {where}")


def _drawn(copy: Path, only: str, mutants: int, seed: int) -> list[Mutant]:
    """One mutant each of so many places, all places alike."""
    by_place: dict[tuple[Path, int, int], list[Mutant]] = {}
    for path in sorted(path for top in MUTATED for path in (copy / top).rglob("*.py")):
        if path.relative_to(copy).as_posix().startswith(only):
            for mutant in _mutants(path):
                _room(path, copy)
                by_place.setdefault((path, mutant.line, mutant.column), []).append(mutant)
    chance = random.Random(seed)
    places = chance.sample(list(by_place), min(mutants, len(by_place)))
    return sorted(
        (chance.choice(by_place[place]) for place in places),
        key=lambda m: (m.path, m.line, m.column),
    )


def _mutants(path: Path) -> Iterator[Mutant]:
    """Everything that may be changed in one file."""
    tree, unseen = get_ast_from_path(path), _unseen(path)
    nodes, lines = list(ast_nodes(tree)), path.read_text(encoding="utf-8").splitlines()
    for name in OPERATORS:
        operator = get_operator(name)()
        found = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (line, column) in enumerate(found):
            text = lines[line - 1]
            is_idle = text[column : column + 2] == "*," or text[:column].endswith("strict=")
            is_idle = is_idle or text.strip() in EQUIVALENT
            if not is_idle and not any(a <= (line, column) < b for a, b in unseen):
                yield Mutant(path, name, occurrence, line, column)


def _unseen(path: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations and decorators stand: from (line, column) to (line, column)."""
    hidden: list[ast.expr] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            hidden += node.decorator_list
        if isinstance(node, ast.FunctionDef) and node.returns:
            hidden.append(node.returns)
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            hidden.append(node.annotation)
    return [
        ((n.lineno, n.col_offset), (n.end_lineno or n.lineno, n.end_col_offset or n.col_offset))
        for n in hidden
    ]


@dataclass(frozen=True)
class Reached:
    """Which tests reach which lines of which file, and how many lines each reaches in all.

    ``limit_s`` of processor time are more than the tests take.
    """

    by_line: dict[str, dict[int, set[str]]]
    lines: Counter[str]
    limit_s: int


def _reached(folders: set[str], file: Path) -> Reached:
    os.environ["COVERAGE_FILE"] = str(file)
    watched = ("--cov=simulator/roofline", "--cov=simulator/serving", "--cov-context=test")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not _passes((*watched, "--cov-report=", *sorted(folders)), 3600, tells=True):
        raise SystemExit("tests fail without any mutant")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    del os.environ["COVERAGE_FILE"]
    data = CoverageData(str(file))
    data.read()
    by_line: dict[str, dict[int, set[str]]] = {}
    lines: Counter[str] = Counter()
    for path in data.measured_files():
        by_line[path] = {}
        for line, contexts in data.contexts_by_lineno(path).items():
            tests = {context.rsplit("|", 1)[0] for context in contexts if context}
            by_line[path][line] = tests
            lines.update(tests)
    return Reached(by_line, lines, int(PATIENCE * (after.ru_utime - before.ru_utime)) + 1)


def _tests_of(mutant: Mutant, reached: Reached, room: tuple[str, ...]) -> tuple[str, ...]:
    """The tests of a room that reach the statement of a mutant, those that reach little first.

    They are all tests of the room where the statement runs on import.
    """
    tree = ast.parse(mutant.path.read_text(encoding="utf-8"))
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= mutant.line <= (node.end_lineno or 0)
    ]
    inner = max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
    if not any(isinstance(node, ast.FunctionDef) for node in around if node is not inner):
        return room
    by_line = reached.by_line.get(str(mutant.path), {})
    lines = range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
    tests = {test for line in lines for test in by_line.get(line, ()) if test.startswith(room)}
    return tuple(sorted(tests, key=lambda test: (reached.lines[test], test))) or room


def _tried(mutant: Mutant, tests: tuple[str, ...], limit_s: int) -> tuple[bool, str]:
    """Whether the tests notice a mutant, and what it changed."""
    before = mutant.path.stat()
    operator = get_operator(mutant.operator)()
    with use_mutation(mutant.path, operator, mutant.occurrence) as (old, new):
        # Bytecode is told from stale one by time and size, and both may be those of another.
        os.utime(mutant.path, ns=(before.st_atime_ns, time.time_ns() + 10**9 * mutant.line))
        is_noticed = not _passes(tests, limit_s)
    os.utime(mutant.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = zip(old.splitlines(), new.splitlines(), strict=False)
    return is_noticed, "\n".join(f"- {a}\n+ {b}" for a, b in changed if a != b)


def _passes(tests: tuple[str, ...], limit_s: int, tells: bool = False) -> bool:
    """Whether all tests pass within processor time, in a process of their own.

    It ``tells`` of them, or is silent.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
        signal.alarm(20 * limit_s)
        if not tells:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
        code = pytest.main([*PLAINLY, *tests])
        os._exit(int(code))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


if __name__ == "__main__":
    main()
