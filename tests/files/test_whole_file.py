"""A file is whole or not there, whatever is called so already."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.files.locks import reserved
from simulator.files.whole_file import whole_file

TEXT = "a,b\n1,2\n"


def write(path: Path, text: str = TEXT) -> None:
    with whole_file(path, "out") as file:
        file.write(text)


@pytest.mark.parametrize("named", [False, True])
def test_a_file_is_there_when_all_went_well_and_only_then(tmp_path, monkeypatch, named):
    if named:
        monkeypatch.delattr(os, "O_TMPFILE")
    target = tmp_path / "answers.csv"
    with pytest.raises(RuntimeError), whole_file(target) as file:
        file.write(TEXT)
        file.flush()
        assert not target.exists()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    write(target)
    assert target.read_text() == TEXT
    with pytest.raises(RuntimeError), whole_file(target) as file:
        file.write("half")
        raise RuntimeError
    assert target.read_text() == TEXT
    assert list(tmp_path.iterdir()) == [target]


def test_other_files_are_left_alone(tmp_path):
    others = [tmp_path / name for name in ("x.partial", "x.tmp", ".x", "x.lock")]
    for other in others:
        other.write_text("mine")
    write(tmp_path / "x")
    assert all(other.read_text() == "mine" for other in others)
    assert len(others) == 4


def test_permissions_stay_and_a_new_file_has_the_usual_ones(tmp_path):
    (tmp_path / "usual").touch()
    write(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "usual").chmod(0o640)
    write(tmp_path / "usual")
    assert stat.S_IMODE((tmp_path / "usual").stat().st_mode) == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_one(tmp_path, there):
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    if there:
        target.write_text("old")
    link.symlink_to(Path("folder") / "target")
    write(link)
    assert link.is_symlink()
    assert target.read_text() == TEXT


def test_a_pipe_is_written_to_as_it_is(tmp_path):
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with reserved(pipe):
        write(pipe)
    reader.join(10)
    assert read == [TEXT]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_device_is_written_to_as_it_is():
    write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    if Path("/dev/full").exists():
        with pytest.raises(InputError, match="No space left"):
            write(Path("/dev/full"))


WRITER = f"""
from pathlib import Path
from simulator.files.whole_file import whole_file
print("before")
with whole_file(Path("/dev/stdout")) as file:
    file.write({TEXT!r})
print("after")
"""


@pytest.mark.parametrize("into", ["pipe", "file"])
def test_the_commands_own_output_goes_on_behind_what_is_there(tmp_path, into):
    if not Path("/dev/stdout").exists():
        pytest.skip("this system has no /dev/stdout")
    file = tmp_path / "redirected"
    command = [sys.executable, "-c", WRITER]
    if into == "pipe":
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    else:
        with file.open("w") as stdout:
            subprocess.run(command, check=True, stdout=stdout)
        found = file.read_text()
    assert found == f"before\n{TEXT}after\n"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("folder", "is a folder"),
        ("absent/x", "No such file"),
        ("file/x", "Not a directory"),
        ("x" * 300, "too long"),
        ("x\0y", "null"),
        ("loop", "symbolic links"),
    ],
)
def test_what_cannot_be_written_is_told_with_its_reason(tmp_path, name, says):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=says) as raised:
        write(tmp_path / name)
    assert raised.value.field == "out"
    assert raised.value.remedy
    assert sorted(tmp_path.iterdir()) == before


def test_a_mistake_elsewhere_is_not_told_of_the_target(tmp_path):
    with pytest.raises(ValueError, match="elsewhere"), whole_file(tmp_path / "x"):
        raise ValueError("elsewhere")


def test_text_that_is_none_is_escaped(tmp_path):
    write(tmp_path / "x", "trace \udcff.csv")
    assert (tmp_path / "x").read_text() == "trace \\udcff.csv"


HOLDER = """
import sys, time
from pathlib import Path
from simulator.files.locks import reserved
with reserved(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("ends", ["by itself", "killed"])
def test_one_run_at_a_time_writes_to_a_target(tmp_path, ends):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        for path in (target, link):
            with pytest.raises(InputError, match="another run"), reserved(path):
                pass
        with reserved(tmp_path / "another"):
            pass
        if ends == "killed":
            holder.kill()
        holder.stdin.close()
        holder.wait(10)
    with reserved(target):
        assert sorted(tmp_path.iterdir()) == [link]
