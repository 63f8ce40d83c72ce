"""A folder's files are all there at once, beside those that others put there."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import InputError
from simulator.files import whole_folder as module
from simulator.files.whole_folder import check_folder, whole_folder

NEW = {"a.json": "new a", "b.csv": "new b"}


def write(folder: Path) -> None:
    with whole_folder(folder) as staging:
        for name, text in NEW.items():
            (staging / name).write_text(text)


def tree(folder: Path) -> dict[str, str]:
    """Every file below ``folder``; folders and links count as such."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else path.read_text()
        found[str(path.relative_to(folder))] = kind
    return found


def test_missing_folders_are_made_and_go_again_when_nothing_came_of_it(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "x" / "y" / "z") as staging:
        (staging / "a.json").write_text("half")
        raise RuntimeError
    assert tree(tmp_path) == {}
    write(tmp_path / "x" / "y" / "z")
    assert tree(tmp_path / "x" / "y" / "z") == NEW


@given(
    before=st.dictionaries(
        st.sampled_from(["a.json", "b.csv", "mine.txt", ".mine"]), st.just("old")
    ),
    fails=st.booleans(),
    linked=st.booleans(),
)
def test_files_of_others_stay_and_a_failure_changes_nothing(
    tmp_path_factory, before, fails, linked
):
    home = tmp_path_factory.mktemp("home")
    folder = home / "folder"
    folder.mkdir()
    for name, text in before.items():
        (folder / name).write_text(text)
    target = folder
    if linked:
        target = home / "link"
        target.symlink_to("folder")
    if fails:
        with pytest.raises(RuntimeError), whole_folder(target) as staging:
            (staging / "a.json").write_text("half")
            raise RuntimeError
    else:
        write(target)
    assert tree(folder) == dict(sorted((before if fails else before | NEW).items()))
    assert {path.name for path in home.iterdir()} == {"folder"} | ({"link"} if linked else set())


def test_a_folder_of_the_same_files_is_exchanged_at_once(tmp_path):
    write(tmp_path / "folder")
    before = (tmp_path / "folder").stat()
    (tmp_path / "folder").chmod(0o750)
    with (tmp_path / "folder" / "a.json").open() as reader:
        write(tmp_path / "folder")
        assert reader.read() == "new a"
    after = (tmp_path / "folder").stat()
    assert (after.st_ino, after.st_mode & 0o777) != (before.st_ino, before.st_mode & 0o777)
    assert after.st_mode & 0o777 == 0o750


def test_the_folder_that_one_stands_in_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        write(Path())
        assert tree(Path()) == NEW


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
@pytest.mark.parametrize("also", [(), ("mine.txt",)])
def test_what_is_no_file_is_not_replaced(tmp_path, kind, also):
    odd = tmp_path / "b.csv"
    if kind == "folder":
        odd.mkdir()
    elif kind == "link":
        odd.symlink_to("elsewhere")
    else:
        os.mkfifo(odd)
    for name in ("a.json", *also):
        (tmp_path / name).write_text("old")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"b\.csv in it is no regular file"):
        check_folder(tmp_path, NEW)
    with pytest.raises(InputError, match=r"b\.csv in it is no regular file"):
        write(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "a.json").read_text() == "old"


def test_files_are_put_back_when_one_cannot_be_replaced(tmp_path, monkeypatch):
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    replace = Path.replace

    def full(path: Path, target: Path) -> Path:
        if target.name == "b.csv":
            raise OSError(28, "No space left on device")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write(tmp_path)
    assert tree(tmp_path) == {"a.json": "old", "mine.txt": "mine"}


@pytest.mark.parametrize("others", [(), ("mine.txt",)])
def test_where_folders_cannot_be_exchanged_files_are_replaced(tmp_path, monkeypatch, others):
    monkeypatch.setattr(module, "_exchange", lambda *_: False)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.json", *others):
        (folder / name).write_text("old")
    write(folder)
    assert tree(folder) == NEW | dict.fromkeys(others, "old")
    assert list(tmp_path.iterdir()) == [folder]


def test_what_killed_runs_left_is_swept_and_what_others_are_filling_is_not(tmp_path):
    left = tmp_path / ".roofsim-0123"
    left.mkdir()
    (left / "a.json").write_text("half")
    with whole_folder(tmp_path / "one") as one:
        (one / "a.json").write_text("one")
        write(tmp_path / "other")
        assert one.exists() and not left.exists()
    assert tree(tmp_path / "one") == {"a.json": "one"}
    assert {path.name for path in tmp_path.iterdir()} == {"one", "other"}


def test_two_runs_may_make_the_same_folder(tmp_path):
    with whole_folder(tmp_path / "folder") as staging:
        (staging / "a.json").write_text("later")
        write(tmp_path / "folder")
    assert tree(tmp_path / "folder") == NEW | {"a.json": "later"}


def test_a_folder_that_is_a_mount_keeps_its_place(tmp_path, monkeypatch):
    folder = tmp_path / "mount"
    write(folder)
    inode = folder.stat().st_ino
    monkeypatch.setattr(Path, "is_mount", lambda path: path == folder)
    write(folder)
    assert folder.stat().st_ino == inode
    assert tree(folder) == NEW
