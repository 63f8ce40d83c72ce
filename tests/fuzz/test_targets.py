"""Whatever a target is called and is already: written whole, or refused with nothing changed."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from command import roofsim
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cli.options import folder_for, report_folder
from simulator.errors import InputError
from simulator.files.locks import reserved
from simulator.files.whole_file import whole_file
from simulator.files.whole_folder import whole_folder
from simulator.planning.browse import write_template
from simulator.specs.catalogue import scenario_path
from simulator.specs.question import read_scenario

BUDGET = int(os.environ.get("ROOFSIM_FUZZ", "40"))
IS_LONG = BUDGET > 1000
TEXT = "whole\n" * 500
NAMES = ("report.html", "data.json", "x.partial")
"""What a folder of a report holds here."""

Tree = dict[str, tuple[str, int, str]]
"""Kind, permissions, and content (or where it leads to) of everything below a folder."""

ODD = st.sampled_from(
    ["", ".", "..", "/", "//", " ", "~", "-", "--json", "$HOME", "a\nb", "a\tb", "a\0b", "\x1b[31m",
     "\udcff", "é", "日本", "x" * 255, "x" * 256, "é" * 128, ".roofsim-", ".roofsim-0123", "*",
     "a:b", "con", "a\\b", "%s", "{}", "report.html"]
)  # fmt: skip
EXISTING = st.sampled_from(
    ["file", "read-only", "folder", "empty", "reports", "full", "pipe", "null", "x.partial",
     "to-file", "to-folder", "to-pipe", "to-nothing", "to-itself", "up", "no-entry"]
)  # fmt: skip
PARTS = st.one_of(EXISTING, ODD, st.text(max_size=12))
TARGETS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


def build(world: Path) -> None:
    """A folder with something of every kind in it."""
    (world / "file").write_text("mine")
    (world / "x.partial").write_text("mine too")
    (world / "read-only").write_text("mine")
    (world / "read-only").chmod(0o444)
    for name in ("folder", "empty", "reports", "full", "no-entry"):
        (world / name).mkdir()
    for name in NAMES:
        (world / "reports" / name).write_text("old")
        (world / "folder" / name).write_text("old")
    (world / "folder" / "mine.txt").write_text("mine")
    (world / "full" / "report.html").mkdir()
    (world / "no-entry").chmod(0o000)
    os.mkfifo(world / "pipe")
    for name, to in (
        ("null", "/dev/null"), ("to-file", "file"), ("to-folder", "folder"), ("to-pipe", "pipe"),
        ("to-nothing", "nothing"), ("to-itself", "to-itself"), ("up", ".."),
    ):  # fmt: skip
        (world / name).symlink_to(to)


def tree(top: Path) -> Tree:
    found: Tree = {}
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = Path(folder) / name
            mode = path.lstat().st_mode
            content = ""
            if stat.S_ISLNK(mode):
                content = str(path.readlink())
            elif stat.S_ISREG(mode):
                content = path.read_text(errors="surrogateescape")
            kind = stat.filemode(mode)[0]
            found[str(path.relative_to(top))] = (kind, stat.S_IMODE(mode), content)
    return found


@contextmanager
def fresh_world() -> Iterator[tuple[Path, Path, int]]:
    """The folder that all of it is in, the one that is stood in, and the reader of its pipe."""
    with TemporaryDirectory() as name:
        top = Path(name)
        world = top / "a" / "b" / "c" / "d"
        world.mkdir(parents=True)
        build(world)
        reader = os.open(world / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        before = Path.cwd()
        os.chdir(world)
        try:
            yield top, world, reader
        finally:
            os.chdir(before)
            os.close(reader)


def stays_inside(target: str, top: Path) -> bool:
    """Whether nothing of the machine's own would be written to."""
    real = Path(os.path.realpath(target.replace("\0", "")))
    return real.is_relative_to(top) or str(real) == "/dev/null"


def changes(before: Tree, after: Tree) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def ends_whole(write, top, before) -> bool:
    """Whether ``write`` came to its end; what is refused or fails on the way changes nothing."""
    try:
        write()
    except InputError as error:
        assert error.problem and error.remedy
        assert tree(top) == before
        return False
    except KeyError:
        assert tree(top) == before
        return False
    return True


@given(target=TARGETS, fails=st.booleans())
@settings(max_examples=BUDGET)
def test_a_file_is_written_whole_or_nothing_changes(target, fails):
    with fresh_world() as (top, _world, reader):
        if not stays_inside(target, top):
            return
        path, before = Path(target), tree(top)

        def write():
            with reserved(path), whole_file(path, "out") as file:
                file.write(TEXT)
                if fails:
                    raise KeyError

        if not ends_whole(write, top, before):
            return
        changed = changes(before, tree(top))
        if path.is_fifo():
            assert os.read(reader, 1 << 20).decode() == TEXT
            assert not changed
        elif str(path.resolve()) == "/dev/null":
            assert not changed
        else:
            assert changed <= {str(path.resolve().relative_to(top))}
            assert path.read_text() == TEXT


@given(target=TARGETS, fails=st.booleans())
@settings(max_examples=BUDGET)
def test_a_folder_is_written_whole_or_nothing_changes(target, fails):
    with fresh_world() as (top, _world, _reader):
        if not stays_inside(target, top):
            return
        path, before = Path(target), tree(top)

        def write():
            with report_folder(path, NAMES), whole_folder(path) as staging:
                for name in NAMES:
                    (staging / name).write_text(TEXT)
                if fails:
                    raise KeyError

        if not ends_whole(write, top, before):
            return
        after = tree(top)
        inside = path.resolve().relative_to(top)
        written = {str(inside / name) for name in NAMES}
        made = {str(p) for p in (inside, *inside.parents) if str(p) not in before}
        assert changes(before, after) <= written | made
        assert all(after[name][2] == TEXT for name in written)
        assert len(written) == len(NAMES)


@given(kind=st.sampled_from(["hardware", "model", "scenario"]), name=TARGETS, folder=EXISTING)
@settings(max_examples=BUDGET)
def test_a_new_entry_stays_within_its_folder_and_replaces_nothing(kind, name, folder):
    with fresh_world() as (top, world, _reader):
        before = tree(top)
        try:
            path = write_template(kind, name, Path(folder))
        except InputError as error:
            assert error.remedy
            assert tree(top) == before
            return
        assert path.resolve().parent == (world / folder).resolve()
        assert changes(before, tree(top)) == {str(path.resolve().relative_to(top))}
        assert str(path.resolve().relative_to(top)) not in before


QUICK = Path(scenario_path("quickstart"))


@given(name=st.one_of(TARGETS, st.text(max_size=300)))
@settings(max_examples=BUDGET)
def test_a_scenarios_name_stays_within_the_folder_of_reports(name):
    try:
        wanted = read_scenario(QUICK, {"name": name})
    except InputError as error:
        assert error.remedy
        return
    for suffix in ("", "-comparison"):
        folder = folder_for(None, wanted.name + suffix, as_json=False)
        assert folder is not None
        assert os.path.normpath(folder) == str(folder)
        assert folder.parent == Path("out")
        assert len(os.fsencode(folder.name)) <= 255


COMMANDS = {
    "file": [
        ["predict", "--cases", "cases.csv"],
        ["export", "vllm-bench", "quickstart", "--set", "workload.requests=10"],
        ["export", "perfetto", "quickstart", "--set", "workload.requests=10"],
    ],
    "folder": [
        ["run", "quickstart", "--json", "--set", "workload.requests=10"],
        ["catalogue", "show", "b200"],
    ],
}


@pytest.mark.parametrize("kind", sorted(COMMANDS))
@given(data=st.data())
@settings(max_examples=300 if IS_LONG else 5)
def test_a_command_ends_with_a_code_and_leaves_other_files_alone(kind, data):
    command = data.draw(st.sampled_from(COMMANDS[kind]))
    target = data.draw(TARGETS)
    if "\0" in target:
        # No shell can hand this over.
        return
    with fresh_world() as (top, world, reader):
        if not stays_inside(target, top):
            return
        (world / "cases.csv").write_text("hardware,model\nh100-sxm,llama-3.1-8b\n")
        before = tree(top)
        done = roofsim(*command, f"--out={target}", cwd=world)
        assert done.returncode in (0, 2), done.stderr
        assert "Traceback" not in done.stderr
        after = tree(top)
        if done.returncode == 2:
            assert after == before, done.stderr
            return
        kept = {name: old for name, old in before.items() if old[0] not in "-d"}
        assert all(after[name] == old for name, old in kept.items())
        assert kept
        asked = os.path.relpath(os.path.realpath(target), top)
        # The target may bear such a name itself, and so may a folder made for it.
        left = [
            n for n in changes(before, after) if not (n.startswith(asked) or asked.startswith(n))
        ]
        assert not any(".roofsim-" in name and name not in before for name in left)
        if Path(target).is_fifo():
            assert os.read(reader, 1 << 20)
